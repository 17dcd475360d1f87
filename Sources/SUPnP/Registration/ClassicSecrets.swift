import Crypto
package import GroupKeys

/// The password of a classic device (3.5, F17): its normal form C in UTF-8, 1...128 bytes.
///
/// It has to be random with at least 80 bits: whoever listens can guess at it off-line (F2).
package struct ClassicPassword: Sendable {
    private let bytes: SecretBytes

    /// Nil unless the normal form has 1 to 128 bytes.
    package init?(_ text: String) {
        let bytes = Array(NormalForm.composed(text).utf8)
        guard (1...128).contains(bytes.count) else { return nil }
        self.bytes = SecretBytes(bytes)
    }

    /// s = SHA-256(SALT ‖ password): all that the key manager keeps, and as good as the password (F6).
    package func salted(_ salt: [UInt8]) -> SecretBytes {
        ClassicSecrets.digest(salt, bytes)
    }
}

/// The derivations of the classic registration (3.5).
package enum ClassicSecrets {
    /// r = SHA-256(RND1 ‖ s). RND1 has 16 bytes, so that it is no RND2 (F1).
    package static func response(random1: [UInt8], salted: SecretBytes) -> [UInt8] {
        digest(random1, salted).exposed
    }

    /// S-KEY = SHA-256(RND2 ‖ s). RND2 has 32 bytes.
    package static func sessionKey(random2: [UInt8], salted: SecretBytes) -> SecretBytes {
        digest(random2, salted)
    }

    fileprivate static func digest(_ prefix: [UInt8], _ secret: SecretBytes) -> SecretBytes {
        var hash = SHA256()
        hash.update(data: prefix)
        secret.withUnsafeBytes { hash.update(bufferPointer: $0) }
        let digest = hash.finalize()
        return digest.withUnsafeBytes { bytes in SecretBytes(count: 32) { $0.copyMemory(from: bytes) } }
    }
}

/// SEALED of a classic REG_DONE (3.5): the classic envelope, `IV ‖ ciphertext ‖ tag` under S-KEY with the datagram's
/// header authenticated. IV = `u8 1 ‖ u8 0 ‖ u16 the member's KEYID ‖ u64 counter`.
struct ClassicDoneSeal {
    let key: SecretBytes
    let header: Header

    func seal(_ plaintext: [UInt8], keyID: UInt16, counter: UInt64) -> [UInt8]? {
        guard let cipher = try? DatagramCipher(.aes256GCM, key: key, for: .seal),
            let bytes = ClassicEnvelope.seal(
                plaintext, header: header, .init(direction: .fromController, sender: keyID, counter: counter),
                cipher: cipher, fingerprint: KeyFingerprint(key))
        else { return nil }
        return Array(bytes.dropFirst(WireSizes.header))
    }

    /// The plaintext, the key's number and the counter of the IV.
    func open(_ sealed: [UInt8]) -> (plaintext: [UInt8], keyID: UInt16, counter: UInt64)? {
        let bytes = header.encoded + sealed
        guard let vector = try? ClassicEnvelope.Vector(bytes), vector.direction == .fromController,
            let cipher = try? DatagramCipher(.aes256GCM, key: key, for: .open),
            let plaintext = ClassicEnvelope.open(bytes, cipher: cipher)
        else { return nil }
        return (plaintext, vector.sender, vector.counter)
    }
}
