/// A unique service name: the device's UDN and, after `::`, which part of it is meant (UDA 2.0 §1.1.4).
public struct USN: Hashable, Sendable, CustomStringConvertible {
    /// The Unique Device Name, `uuid:…`.
    public var udn: String
    /// What follows `::`; nil for the device itself.
    public var target: String?

    /// Makes a name from its parts.
    public init(udn: String, target: String? = nil) {
        self.udn = udn
        self.target = target
    }

    /// Splits the header's text at the first `::`. Refuses what does not start with `uuid:` and a character.
    public init?(_ text: String) {
        let parts = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        guard let udn = parts.first, udn.utf8.count > 5, udn.prefix(5).lowercased() == "uuid:" else { return nil }
        self.udn = String(udn)
        self.target = parts.count == 2 && !parts[1].isEmpty ? String(parts[1]) : nil
    }

    /// The header's text.
    public var description: String { target.map { "\(udn)::\($0)" } ?? udn }
}
