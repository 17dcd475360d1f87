import Crypto
import CryptoExtras
import GroupKeys

extension PasswordDerivation {
    /// 80 bytes out of an input and a salt, neither empty.
    func stretch(_ input: SecretBytes, salt: [UInt8]) -> SecretBytes? {
        let key: SymmetricKey?
        switch self {
        case .scrypt15: key = scrypt(input, salt: salt, rounds: 1 << 15)
        case .scrypt17: key = scrypt(input, salt: salt, rounds: 1 << 17)
        case .testOnly: key = scrypt(input, salt: salt, rounds: 1 << 4)
        case .pbkdf2:
            key = input.withUnsafeBytes {
                try? KDF.Insecure.PBKDF2.deriveKey(
                    from: $0, salt: salt, using: .sha256, outputByteCount: 80, rounds: 600_000)
            }
        }
        return key?.withUnsafeBytes { bytes in SecretBytes(count: 80) { $0.copyMemory(from: bytes) } }
    }

    private func scrypt(_ input: SecretBytes, salt: [UInt8], rounds: Int) -> SymmetricKey? {
        input.withUnsafeBytes {
            try? KDF.Scrypt.deriveKey(
                from: $0, salt: salt, outputByteCount: 80, rounds: rounds, blockSize: 8, parallelism: 1)
        }
    }
}
