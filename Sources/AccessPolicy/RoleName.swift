/// The name of a DeviceProtection role (DeviceProtection:1 §2.2): one of the standard's own, or a vendor's as
/// `domain:name`. Case counts.
package struct RoleName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The longest name, in characters.
    package static let maximumLength = 64

    /// What every control point has, also one that nobody knows.
    package static let `public` = RoleName(standard: "Public")
    /// Everyday use.
    package static let basic = RoleName(standard: "Basic")
    /// Everything, other people's rights included.
    package static let admin = RoleName(standard: "Admin")
    /// Latchkey's own role for people who are there for a while.
    package static let guest = RoleName(standard: "latchkey:guest")

    /// The name as it is written.
    package let rawValue: String

    private init(standard: String) {
        self.rawValue = standard
    }

    /// Reads a name: 1 to 64 characters, none of them a blank or a control character.
    package init?(_ text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.count <= 4 * Self.maximumLength, text.count <= Self.maximumLength,
            text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F && !$0.properties.isWhitespace })
        else { return nil }
        self.rawValue = String(text)
    }

    /// The name.
    package var description: String { rawValue }

    /// In the order of their letters.
    package static func < (left: RoleName, right: RoleName) -> Bool { left.rawValue < right.rawValue }
}
