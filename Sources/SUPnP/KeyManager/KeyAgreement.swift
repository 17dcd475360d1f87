import Crypto
import GroupKeys

/// X25519 with another side's share, as it came (group keys specification 3.7.6, 3.9.6).
enum KeyAgreement {
    /// A fresh private half.
    static func privateHalf(using random: inout some RandomNumberGenerator) -> Curve25519.KeyAgreement.PrivateKey? {
        let secret = SecretBytes(count: 32, using: &random)
        return secret.withUnsafeBytes { try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: $0) }
    }

    /// The secret that both have. Nil for a share that is no 32 bytes, or a point of small order: with that anybody
    /// would know the secret, which is zero.
    static func secret(_ own: Curve25519.KeyAgreement.PrivateKey, with share: [UInt8]) -> SecretBytes? {
        guard let peer = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: share),
            let agreed = try? own.sharedSecretFromKeyAgreement(with: peer)
        else { return nil }
        let secret = agreed.withUnsafeBytes { bytes in
            SecretBytes(count: bytes.count) { $0.copyMemory(from: bytes) }
        }
        return secret == SecretBytes([UInt8](repeating: 0, count: secret.count)) ? nil : secret
    }
}
