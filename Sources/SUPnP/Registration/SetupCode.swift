package import GroupKeys

/// The code that a device is set up with (3.7.1): ten characters of Crockford's base32, 50 bits.
package struct SetupCode: Sendable {
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
    private static let length = 10

    /// The ten characters, upper case: what enters the derivation.
    package let bytes: SecretBytes

    /// A random code.
    package init(using random: inout some RandomNumberGenerator) {
        bytes = SecretBytes((0..<Self.length).map { _ in Self.alphabet[Int(UInt8.random(in: 0..<32, using: &random))] })
    }

    /// Reads what somebody typed: either case, hyphens and blanks skipped, I and L for 1, O for 0. Nil unless ten
    /// characters of the alphabet are left.
    package init?(_ text: String) {
        var characters: [UInt8] = []
        for unit in text.uppercased().utf8 where unit != 0x2D && unit != 0x20 {
            switch unit {
            case 0x49, 0x4C: characters.append(0x31)
            case 0x4F: characters.append(0x30)
            case _ where Self.alphabet.contains(unit): characters.append(unit)
            default: return nil
            }
        }
        guard characters.count == Self.length else { return nil }
        bytes = SecretBytes(characters)
    }

    /// The code in two groups of five, to print on a label. It is the secret itself.
    package var exposedText: String {
        let text = String(decoding: bytes.exposed, as: UTF8.self)
        return "\(text.prefix(5))-\(text.suffix(5))"
    }
}
