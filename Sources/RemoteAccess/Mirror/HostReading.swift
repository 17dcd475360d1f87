import NetworkTypes
import UPnP

/// What a URL's host is, read strictly: whatever a lax reader could take for an address is `.local`.
enum HostReading: Equatable {
    /// An address or name that only means something on some LAN or host.
    case local
    /// A global address or a name of the public DNS, by its form.
    case internet

    init(of url: HTTPURL, home: HomeNetwork) {
        if let address = url.ipAddress {
            self = Self.isGlobal(address) && !home.contains(address) ? .internet : .local
        } else {
            self = Self.isPublicName(url.host, home: home) ? .internet : .local
        }
    }

    /// Names that resolvers keep on the LAN or host (RFC 6761, 6762, 8375, 9476, and habit).
    private static let localSuffixes: Set<Substring> = [
        "local", "localhost", "localdomain", "lan", "home", "internal", "intranet", "private", "corp", "arpa",
        "test", "invalid", "onion", "alt", "box", "localtest",
    ]

    /// Blocks that are not global unicast (RFC 6890 and its registry).
    private static let reserved: [IPPrefix] = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        // Documentation, Teredo and 6to4: the last two carry IPv4 addresses.
        "2001:db8::/32", "2001::/32", "2002::/16",
    ].compactMap { IPPrefix($0) }
    private static let global6 = IPPrefix("2000::/3")

    static func isGlobal(_ address: IPAddress) -> Bool {
        // A v4-mapped address is another spelling of what it maps, and no honest document has one.
        guard address == address.unmapped, !reserved.contains(where: { $0.contains(address) }) else { return false }
        if case .v6 = address { return global6?.contains(address) ?? false }
        return true
    }

    private static func isPublicName(_ host: String, home: HomeNetwork) -> Bool {
        var labels = host.split(separator: ".", omittingEmptySubsequences: false)
        if labels.last == "" { labels.removeLast() }
        guard labels.count >= 2, let last = labels.last, !localSuffixes.contains(last),
            last.utf8.count >= 2, last.utf8.first?.isASCIILetter == true,
            labels.allSatisfy({ isLabel($0) })
        else { return false }
        return !embedsAddress(host)
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count)
            && label.utf8.allSatisfy { $0.isASCIILetterOrDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }

    /// Whether a name such as `192.168.1.5.nip.io` or `10-0-0-5.example.org` spells an address that is
    /// not global: public resolvers exist that answer with it.
    private static func embedsAddress(_ host: String) -> Bool {
        let groups = host.split(whereSeparator: { $0 == "." || $0 == "-" })
        guard groups.count >= 4 else { return false }
        for start in 0...(groups.count - 4) {
            let text = groups[start..<start + 4].joined(separator: ".")
            if let address = IPAddress(text), !isGlobal(address) { return true }
        }
        return false
    }
}
