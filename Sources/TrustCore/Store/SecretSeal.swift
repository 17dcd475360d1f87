import Crypto

/// Seals the secrets of a store, so that a copy of the database alone gives none of them away. The key lies
/// in a file of its own beside it.
package struct SecretSeal: Sendable {
    /// How many bytes the key has.
    package static let keyByteCount = 32

    private let key: SymmetricKey

    /// Takes a key that was stored; nil unless it is 32 bytes long.
    package init?(key: some Sequence<UInt8>) {
        let bytes = Array(key)
        guard bytes.count == Self.keyByteCount else { return nil }
        self.key = SymmetricKey(data: bytes)
    }

    /// A key from the system's random source.
    package static func makeKey() -> [UInt8] {
        SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
    }

    /// Seals a secret with ChaCha20-Poly1305 (RFC 8439) under a random nonce. What it is goes into the
    /// authentication, so that no sealed secret can be put in another's place.
    package func seal(_ secret: [UInt8], as purpose: String) throws(StoreError) -> [UInt8] {
        do {
            return Array(try ChaChaPoly.seal(secret, using: key, authenticating: Array(purpose.utf8)).combined)
        } catch {
            throw StoreError(.unavailable, "the \(purpose) could not be sealed: \(error)")
        }
    }

    /// Opens what `seal` made for the same purpose.
    package func open(_ sealed: some Sequence<UInt8>, as purpose: String) throws(StoreError) -> [UInt8] {
        do {
            let box = try ChaChaPoly.SealedBox(combined: Array(sealed))
            return Array(try ChaChaPoly.open(box, using: key, authenticating: Array(purpose.utf8)))
        } catch {
            throw StoreError(
                .damaged,
                "the stored \(purpose) cannot be opened: the database and its key file do not belong together, or one of them is damaged"
            )
        }
    }
}
