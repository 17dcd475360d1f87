import Crypto
package import GroupKeys

/// The first eight bytes of the SHA-256 of a key: tells keys apart, and does not give the key away.
package struct KeyFingerprint: Hashable, Sendable {
    /// The eight bytes.
    package let rawValue: UInt64

    /// Of a key.
    package init(_ key: SecretBytes) {
        rawValue = key.withUnsafeBytes { bytes in
            SHA256.hash(data: bytes).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}

#if DEBUG
    /// Hears of every use of a key with a nonce, so that tests can prove over whole histories, with crashes and
    /// restarts, that no pair comes twice. Release builds contain none of it.
    package protocol NonceWitness: Sendable {
        /// A message is sealed under the key with this fingerprint, with this nonce of 12 bytes.
        func sealing(key: KeyFingerprint, nonce: [UInt8])
    }

    /// Where tests name the witness of the current task.
    package enum NonceAudit {
        /// The witness; nil outside such tests.
        @TaskLocal package static var witness: (any NonceWitness)?
    }
#endif
