import Crypto
import GroupKeys

/// SEALED of a hardened REG_DONE or REG_FAIL (3.7.2): `nonce ‖ ciphertext ‖ tag`, AES-256-GCM under K_fin whatever
/// the suite. K_fin seals one message.
struct RegistrationSeal {
    let key: SecretBytes
    let device: DeviceID
    /// TH2.
    let transcript: [UInt8]

    func seal(_ plaintext: [UInt8], as type: MessageType, using random: inout some RandomNumberGenerator) -> [UInt8]? {
        let drawn = SecretBytes(count: WireSizes.aeadNonce, using: &random).exposed
        guard let nonce = try? AES.GCM.Nonce(data: drawn),
            let box = try? AES.GCM.seal(
                plaintext, using: key.symmetricKey, nonce: nonce, authenticating: authenticated(type)),
            let combined = box.combined
        else { return nil }
        return Array(combined)
    }

    func open(_ sealed: [UInt8], as type: MessageType) -> [UInt8]? {
        guard let box = try? AES.GCM.SealedBox(combined: sealed),
            let plaintext = try? AES.GCM.open(box, using: key.symmetricKey, authenticating: authenticated(type))
        else { return nil }
        return Array(plaintext)
    }

    private func authenticated(_ type: MessageType) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: type.rawValue)
        return bytes + device.bytes + transcript
    }
}

extension SecretBytes {
    /// The key for an AEAD of swift-crypto.
    var symmetricKey: SymmetricKey { withUnsafeBytes { SymmetricKey(data: $0) } }
}
