import NetworkTypes

/// The `CALLBACK` header of GENA: `<url>`, or several (upnp.md §4.2 rules 1 and 3).
public struct CallbackList: Hashable, Sendable {
    /// The longest header that is read, in bytes.
    public static let maximumLength = 2048
    /// The longest URL that is read, in bytes.
    public static let maximumURLLength = 512
    /// The most URLs that are read.
    public static let maximumURLs = 4

    /// The URLs, in the order in which they are tried; at least one. All are `http` with an IP literal.
    public let urls: [HTTPURL]

    /// Reads a header's value; nil when any part of it is not a URL that an event may be sent to.
    ///
    /// Names, other schemes, user-info, fragments, v4-mapped addresses, and addresses that no host has
    /// are refused here. Whether an address is a neighbour's is for ``CallbackRule``.
    public init?(_ header: some StringProtocol) {
        guard header.utf8.count <= Self.maximumLength else { return nil }
        var urls: [HTTPURL] = []
        var rest = XMLText.trimmed(header)[...]
        while !rest.isEmpty {
            guard urls.count < Self.maximumURLs, rest.hasPrefix("<"), let end = rest.firstIndex(of: ">") else {
                return nil
            }
            let text = rest[rest.index(after: rest.startIndex)..<end]
            guard text.utf8.count <= Self.maximumURLLength, !text.contains("#"), let url = HTTPURL(text),
                Self.isAddressable(url)
            else { return nil }
            urls.append(url)
            rest = XMLText.trimmed(rest[rest.index(after: end)...])[...]
        }
        guard !urls.isEmpty else { return nil }
        self.urls = urls
    }

    /// Makes a list of our own; nil when it is empty.
    public init?(_ urls: [HTTPURL]) {
        guard !urls.isEmpty else { return nil }
        self.urls = urls
    }

    private static func isAddressable(_ url: HTTPURL) -> Bool {
        guard url.scheme == "http", let address = url.ipAddress, address == address.unmapped else { return false }
        if case .v4(let v4) = address, v4.isLimitedBroadcast { return false }
        return !address.isMulticast && !address.isUnspecified
    }
}

extension CallbackList: CustomStringConvertible {
    /// The header's value.
    public var description: String { urls.map { "<\($0)>" }.joined() }
}
