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
        let bytes = text.utf8
        let separator = Self.separator(in: bytes)
        var udn = text[..<(separator ?? bytes.endIndex)]
        // A blank there would be lost when the name is written at the end of a line, and a colon that is left
        // before the two would be taken for one of them.
        while let last = udn.utf8.last, last == 0x20 || last == 0x09 || (last == 0x3A && separator != nil) {
            udn.unicodeScalars.removeLast()
        }
        guard udn.utf8.count > 5, udn.utf8.prefix(5).elementsEqual("uuid:".utf8, by: { $0.asciiLowercased == $1 })
        else { return nil }
        self.udn = String(udn)
        let target = separator.map { text[bytes.index($0, offsetBy: 2)...] }
        self.target = target.flatMap { $0.isEmpty ? nil : String($0) }
    }

    private static func separator(in bytes: String.UTF8View) -> String.Index? {
        var rest = bytes[...]
        while let colon = rest.firstIndex(of: 0x3A) {
            rest = rest[bytes.index(after: colon)...]
            if rest.first == 0x3A { return colon }
        }
        return nil
    }

    /// The header's text.
    public var description: String { target.map { "\(udn)::\($0)" } ?? udn }
}
