import Crypto

/// HKDF with SHA-256 (RFC 5869) to one block, which is all that this protocol ever derives.
package enum KeyDerivation {
    /// HKDF-Extract: a key of 32 bytes out of input key material.
    package static func extract(salt: [UInt8], inputKeyMaterial: SecretBytes) -> SecretBytes {
        inputKeyMaterial.withUnsafeBytes { material in
            let code = HMAC<SHA256>.authenticationCode(for: material, using: SymmetricKey(data: salt))
            return SecretBytes(code)
        }
    }

    /// HKDF-Extract with a salt that is a secret itself.
    package static func extract(salt: SecretBytes, inputKeyMaterial: SecretBytes) -> SecretBytes {
        let key = salt.withUnsafeBytes { SymmetricKey(data: $0) }
        return inputKeyMaterial.withUnsafeBytes { material in
            SecretBytes(HMAC<SHA256>.authenticationCode(for: material, using: key))
        }
    }

    /// HKDF-Expand to 32 bytes: one HMAC over `info` and the octet 1.
    package static func expand(_ key: SecretBytes, info: [UInt8]) -> SecretBytes {
        key.withUnsafeBytes { material in
            SecretBytes(HMAC<SHA256>.authenticationCode(for: info + [1], using: SymmetricKey(data: material)))
        }
    }
}

extension SecretBytes {
    /// Copies a message authentication code.
    fileprivate convenience init(_ code: HashedAuthenticationCode<SHA256>) {
        self.init(count: SHA256.byteCount) { target in code.withUnsafeBytes { target.copyMemory(from: $0) } }
    }
}
