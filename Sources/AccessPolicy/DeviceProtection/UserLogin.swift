import Crypto
import CryptoExtras
import NetworkTypes

/// The login protocol `PKCS5` of DeviceProtection:1: what is stored of a password, and what proves that it is known.
package enum UserLogin {
    /// The protocol's name.
    package static let protocolName = "PKCS5"
    /// Rounds of PBKDF2.
    package static let rounds = 5000
    /// Bytes of a salt, of what is stored, of a challenge and of an authenticator.
    package static let byteCount = 16
    /// The longest password, in bytes.
    package static let maximumPasswordBytes = 256

    /// STORED: the first 128 bits of PBKDF2-HMAC-SHA-256 of the password, salted with the name and the salt.
    ///
    /// One sentence of the standard names another order of the same parts; its formula is PBKDF2 as RFC 8018 has it.
    package static func stored(password: String, name: UserName, salt: [UInt8]) -> [UInt8] {
        let salt = Array(name.rawValue.utf8) + salt
        let key = try? KDF.Insecure.PBKDF2.deriveKey(
            from: Array(password.utf8), salt: salt, using: .sha256, outputByteCount: byteCount,
            unsafeUncheckedRounds: rounds)
        // It fails for sizes only, and these are fixed.
        return key?.withUnsafeBytes { Array($0) } ?? []
    }

    /// The first 128 bits of HMAC-SHA-256 of challenge, device and control point under STORED.
    package static func authenticator(
        stored: [UInt8], challenge: [UInt8], device: DeviceProtectionID, controlPoint: DeviceProtectionID
    ) -> [UInt8] {
        let message = challenge + device.bytes + controlPoint.bytes
        return Array(
            HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: stored)).prefix(byteCount))
    }

    /// Whether both are the same bytes, in a time that does not tell where they differ.
    static func matches(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// A user's name: case counts, several blanks count as one.
package struct UserName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The longest name, in bytes.
    package static let maximumBytes = 128

    /// The name with single blanks.
    package let rawValue: String

    /// Reads a name; nil when it is empty, too long, or has control characters.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 4 * Self.maximumBytes else { return nil }
        // By scalars: a mark that combines with a blank is a part of the name and not of the blank.
        let words = String(text).unicodeScalars.split { $0.properties.isWhitespace }
        let name = words.map { String($0) }.joined(separator: " ")
        guard !name.isEmpty, name.utf8.count <= Self.maximumBytes,
            !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { return nil }
        self.rawValue = name
    }

    /// The name.
    package var description: String { rawValue }

    /// In the order of their letters.
    package static func < (left: UserName, right: UserName) -> Bool { left.rawValue < right.rawValue }
}

/// What a device keeps of a user's password: enough to check a login, and as good as the password to who steals it.
package struct LoginSecret: Hashable, Sendable, CustomStringConvertible {
    /// The salt, 16 bytes.
    package let salt: [UInt8]
    /// STORED, 16 bytes.
    package let stored: [UInt8]

    /// Takes what `SetUserLoginPassword` brings; nil unless both have 16 bytes.
    package init?(stored: [UInt8], salt: [UInt8]) {
        guard stored.count == UserLogin.byteCount, salt.count == UserLogin.byteCount else { return nil }
        self.stored = stored
        self.salt = salt
    }

    /// Makes one of a password, with a fresh salt.
    package init(password: String, name: UserName, using random: inout some RandomNumberGenerator) {
        self.salt = random.bytes(UserLogin.byteCount)
        self.stored = UserLogin.stored(password: password, name: name, salt: salt)
    }

    /// Nothing of the secret.
    package var description: String { "a login secret of \(stored.count) bytes" }
}
