import CLibCrypto

/// A secret of a fixed length: a key, a key-encryption key, a shared secret.
///
/// It is copied by reference and overwritten when its last reference goes, so that keys do not stay behind in
/// freed memory. It never prints itself. Comparing two takes the same time wherever they differ.
package final class SecretBytes: Sendable {
    private let storage: Storage

    /// How many bytes it has; at least 1.
    package var count: Int { storage.bytes.count }

    /// Makes a secret of `count` bytes (at least 1) that `fill` writes.
    package init<E: Error>(count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void) throws(E) {
        precondition(count > 0, "a secret has at least one byte")
        storage = Storage(count: count)
        try fill(storage.bytes)
    }

    /// Copies a secret out of an array, which the caller's array outlives: for the network's and a store's bytes.
    package convenience init(_ bytes: some Collection<UInt8>) {
        self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// A fresh random secret.
    package convenience init(count: Int, using random: inout some RandomNumberGenerator) {
        self.init(count: count) { target in
            // Eight bytes at a time: the system's source costs a call each.
            for start in stride(from: 0, to: count, by: 8) {
                var word = random.next()
                for index in start..<min(start + 8, count) {
                    target[index] = UInt8(truncatingIfNeeded: word)
                    word >>= 8
                }
            }
        }
    }

    /// The bytes, for the length of the call only.
    package func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(storage.bytes))
    }

    /// The bytes as an array: only to seal, or to compare in a test.
    package var exposed: [UInt8] { Array(storage.bytes) }

    private final class Storage: Sendable {
        // Written before the initialiser of the one owner returns and only read after it.
        nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

        init(count: Int) { bytes = .allocate(byteCount: count, alignment: 16) }

        deinit {
            OPENSSL_cleanse(bytes.baseAddress, bytes.count)
            bytes.deallocate()
        }
    }
}

extension SecretBytes: Equatable {
    /// Whether both are the same, in time that depends on the length alone.
    package static func == (left: SecretBytes, right: SecretBytes) -> Bool {
        left.count == right.count
            && CRYPTO_memcmp(left.storage.bytes.baseAddress, right.storage.bytes.baseAddress, left.count) == 0
    }
}

extension SecretBytes: CustomStringConvertible {
    /// Its length only.
    package var description: String { "secret of \(count) bytes" }
}
