import Crypto
import CryptoExtras

/// The keys of one run and what is made with them (Wi-Fi Protected Setup 1.0h §6.4, §7).
struct WPSKeys: Sendable {
    let authentication: SymmetricKey
    let keyWrap: SymmetricKey
    /// For keys of later use; an introduction has none.
    let extended: SymmetricKey

    /// Derives the keys of a shared secret, both nonces and the enrollee's MAC address.
    init(shared: [UInt8], enrolleeNonce: [UInt8], macAddress: [UInt8], registrarNonce: [UInt8]) {
        let agreed = SymmetricKey(data: SHA256.hash(data: shared))
        let derivation = HMAC<SHA256>.authenticationCode(
            for: enrolleeNonce + macAddress + registrarNonce, using: agreed)
        let keys = Self.derive(
            SymmetricKey(data: derivation), label: "Wi-Fi Easy and Secure Key Derivation", bytes: 80)
        self.authentication = SymmetricKey(data: keys[0..<32])
        self.keyWrap = SymmetricKey(data: keys[32..<48])
        self.extended = SymmetricKey(data: keys[48..<80])
    }

    /// HMAC-SHA-256 of a counter, the label and the length in bits, as often as it takes.
    static func derive(_ key: SymmetricKey, label: String, bytes count: Int) -> [UInt8] {
        var result: [UInt8] = []
        var counter: UInt32 = 1
        while result.count < count {
            let input = bigEndian(counter) + Array(label.utf8) + bigEndian(UInt32(count * 8))
            result += Array(HMAC<SHA256>.authenticationCode(for: input, using: key))
            counter += 1
        }
        return Array(result.prefix(count))
    }

    private static func bigEndian(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * UInt32($0))) }
    }

    private func mac(_ bytes: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: bytes, using: authentication))
    }

    // MARK: Messages

    /// The message with its authenticator, over the message before it and itself.
    func sealed(_ message: WPSMessage, after previous: [UInt8]) -> [UInt8] {
        var message = message
        message.append(.authenticator, Array(mac(previous + message.encoded).prefix(8)))
        return message.encoded
    }

    /// Whether the message ends with the right authenticator.
    func isAuthentic(_ message: WPSMessage, after previous: [UInt8]) -> Bool {
        guard let (rest, value) = message.split(last: .authenticator, bytes: 8) else { return false }
        return Self.isEqual(value, Array(mac(previous + rest.encoded).prefix(8)))
    }

    /// Compares without telling by its time where a difference is.
    static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    // MARK: Settings

    /// Encrypts settings: an initialisation vector, then AES-128-CBC of the attributes and their authenticator.
    func encrypted(_ settings: WPSMessage, vector: [UInt8]) throws -> [UInt8] {
        var settings = settings
        settings.append(.keyWrapAuthenticator, Array(mac(settings.encoded).prefix(8)))
        let text = try AES._CBC.encrypt(settings.encoded, using: keyWrap, iv: AES._CBC.IV(ivBytes: vector))
        return vector + Array(text)
    }

    /// Decrypts settings; nil for whatever is wrong with them, one answer for all of it. They are in a message that
    /// was authentic, so nobody but the peer learns anything by that.
    func decrypted(_ bytes: [UInt8]) -> WPSMessage? {
        guard bytes.count >= 32, bytes.count % 16 == 0, let vector = try? AES._CBC.IV(ivBytes: bytes.prefix(16)),
            let text = try? AES._CBC.decrypt(bytes.dropFirst(16), using: keyWrap, iv: vector),
            let settings = try? WPSMessage(parsing: Array(text)),
            let (rest, value) = settings.split(last: .keyWrapAuthenticator, bytes: 8),
            Self.isEqual(value, Array(mac(rest.encoded).prefix(8)))
        else { return nil }
        return rest
    }

    // MARK: Proofs of the password

    /// What half of the password becomes: the first half has the middle of an odd one.
    func half(_ number: Int, of password: WPSPassword) -> [UInt8] {
        let bytes = password.bytes
        let middle = (bytes.count + 1) / 2
        return Array(mac(Array(number == 1 ? bytes.prefix(middle) : bytes.dropFirst(middle))).prefix(16))
    }

    /// What one side commits itself to: that it knows a half, told only once the other side has shown that too.
    func proof(secret: [UInt8], half: [UInt8], enrolleeKey: [UInt8], registrarKey: [UInt8]) -> [UInt8] {
        mac(secret + half + enrolleeKey + registrarKey)
    }
}
