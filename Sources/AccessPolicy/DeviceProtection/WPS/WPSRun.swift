import Crypto
import NetworkTypes

/// What either side draws for one run, and for no other.
struct WPSEphemeral: Sendable {
    /// The private key of the key agreement, and what is sent of it.
    let secret: SymmetricKey
    let publicKey: [UInt8]
    /// 16 bytes that name the run.
    let nonce: [UInt8]
    /// The two secrets of 16 bytes by which the halves of the password are committed to, and revealed later.
    let commitments: (first: [UInt8], second: [UInt8])

    /// - Returns: Nil when libcrypto has no memory.
    init?(using random: inout some RandomNumberGenerator) {
        secret = DHGroup5.privateKey(using: &random)
        guard let publicKey = DHGroup5.publicKey(of: secret) else { return nil }
        self.publicKey = publicKey
        nonce = random.bytes(16)
        commitments = (random.bytes(16), random.bytes(16))
    }
}

/// Why a run ends, and what its NACK says of it.
struct WPSRefusal: Error {
    let reason: String
    var code = WPSConfigurationError.none
}

extension WPSKeys {
    /// The message with encrypted settings in it, and its authenticator.
    func sealed(
        _ message: WPSMessage, settings: WPSMessage, after previous: [UInt8],
        using random: inout some RandomNumberGenerator
    ) throws(WPSRefusal) -> [UInt8] {
        guard let encrypted = try? encrypted(settings, vector: random.bytes(16)) else {
            throw WPSRefusal(reason: "the settings could not be encrypted")
        }
        var message = message
        message.append(.encryptedSettings, encrypted)
        return sealed(message, after: previous)
    }
}
