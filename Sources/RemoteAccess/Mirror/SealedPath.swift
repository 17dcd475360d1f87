import UPnP

/// The local path under which a sealed home URL is served: `/<kind>/<token>[/<name>]`.
///
/// The name is cosmetic: players look at a path's extension. It is not authenticated and never used.
package struct SealedPath: Hashable, Sendable {
    /// The longest token in bytes of text.
    package static let maximumTokenLength = 3072
    static let maximumNameLength = 64

    /// What the URL may be used for, as the path claims; opening the token proves it.
    package let kind: ResourceKind
    /// The token, base64url without padding.
    package let token: String
    /// The cosmetic file name, empty when there is none.
    package let name: String

    init(kind: ResourceKind, token: String, name: String) {
        self.kind = kind
        self.token = token
        self.name = name
    }

    /// Parses a request's path; nil when it has another form.
    ///
    /// A query that a player appended is dropped, so that it never reaches a device.
    package init?(parsing path: some StringProtocol) {
        let bare = path.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        let parts = bare.split(separator: UInt8(ascii: "/"), maxSplits: 4, omittingEmptySubsequences: false)
        guard (3...4).contains(parts.count), parts[0].isEmpty, parts[1].count == 1,
            let kind = ResourceKind(rawValue: String(decoding: parts[1], as: UTF8.self)),
            (1...Self.maximumTokenLength).contains(parts[2].count),
            parts[2].allSatisfy(Base64URL.isDigit)
        else { return nil }
        self.kind = kind
        self.token = String(decoding: parts[2], as: UTF8.self)
        self.name = parts.count == 4 ? String(decoding: parts[3].prefix(256), as: UTF8.self) : ""
    }

    /// The file name of a home URL, made harmless: letters, digits, `.`, `-` and `_`, at most 64
    /// bytes, and without anything that reads like an address.
    static func cosmeticName(of url: HTTPURL) -> String {
        guard let last = url.path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last,
            !last.isEmpty
        else { return "" }
        var name: [UInt8] = []
        for byte in PercentCoding.decoded(last) {
            name.append(isPlain(byte) ? byte : UInt8(ascii: "_"))
        }
        while name.first == UInt8(ascii: ".") { name.removeFirst() }
        if name.count > maximumNameLength { name = shortened(name) }
        if looksLikeAddress(name) { name = Array("file".utf8) + fileExtension(name) }
        return String(decoding: name, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte.isASCIILetterOrDigit || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }

    private static func shortened(_ name: [UInt8]) -> [UInt8] {
        let suffix = fileExtension(name)
        return Array(name.prefix(maximumNameLength - suffix.count)) + suffix
    }

    /// The extension with its dot, when it has at most 8 letters or digits and is not a number.
    private static func fileExtension(_ name: [UInt8]) -> [UInt8] {
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return [] }
        let suffix = name[dot...]
        guard (2...9).contains(suffix.count), suffix.dropFirst().allSatisfy(\.isASCIILetterOrDigit),
            suffix.dropFirst().contains(where: { !$0.isASCIIDigit })
        else { return [] }
        return Array(suffix)
    }

    /// Four numbers in a row, whatever stands between them, could be an address.
    private static func looksLikeAddress(_ name: [UInt8]) -> Bool {
        var run = 0
        for group in name.split(whereSeparator: { !$0.isASCIILetterOrDigit }) {
            run = group.count <= 3 && group.allSatisfy(\.isASCIIDigit) ? run + 1 : 0
            if run == 4 { return true }
        }
        return false
    }
}

extension SealedPath: CustomStringConvertible {
    /// The path, as it is written into documents.
    package var description: String {
        name.isEmpty ? "/\(kind.rawValue)/\(token)" : "/\(kind.rawValue)/\(token)/\(name)"
    }
}
