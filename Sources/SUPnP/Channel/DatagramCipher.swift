import CLibCrypto
import GroupKeys

/// The AEAD algorithms of datagrams. Both have a key of 32 bytes, a nonce of 12 and a tag of 16.
package enum DatagramAlgorithm: UInt8, CaseIterable, Hashable, Sendable {
    /// AES-256-GCM (NIST SP 800-38D), of suites 0 and 1.
    case aes256GCM = 1
    /// ChaCha20-Poly1305 (RFC 8439), of suite 2.
    case chaCha20Poly1305 = 2

    /// The length of a key, in bytes.
    package static let keyLength = 32
    /// The length of a nonce, in bytes.
    package static let nonceLength = 12
    /// The length of a tag, in bytes.
    package static let tagLength = 16
}

/// One key, expanded once in libcrypto, that seals or opens datagrams where they lie.
///
/// It knows nothing of counters: `SealingKey`, `OpeningKey` and their classic counterparts own one each and choose the
/// nonce. It is a class because it stands for one context in C memory, which is overwritten and freed with it; it is
/// not `Sendable`, because that context is written at each use.
final class DatagramCipher {
    enum Purpose: CInt {
        case open = 0
        case seal = 1
    }

    /// The cipher library refused to work: out of memory, or an algorithm that it was built without.
    struct Unavailable: Error {}

    private let context: OpaquePointer
    private let purpose: Purpose

    /// Expands `key`, which has 32 bytes.
    init(_ algorithm: DatagramAlgorithm, key: SecretBytes, for purpose: Purpose) throws(Unavailable) {
        precondition(key.count == DatagramAlgorithm.keyLength, "a datagram's key has 32 bytes")
        guard let context = EVP_CIPHER_CTX_new() else { throw Unavailable() }
        self.context = context
        self.purpose = purpose
        let cipher =
            switch algorithm {
            case .aes256GCM: EVP_aes_256_gcm()
            case .chaCha20Poly1305: EVP_chacha20_poly1305()
            }
        let isReady = key.withUnsafeBytes { bytes in
            let octets = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            return EVP_CipherInit_ex(context, cipher, nil, octets, nil, purpose.rawValue) == 1
        }
        guard isReady else { throw Unavailable() }
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    /// Encrypts `datagram` between its first `headerLength` bytes, which stay readable, and its last 16, which become
    /// the tag. The first `aad` bytes are authenticated too; all of the header if that is nil. Says whether the library
    /// did so.
    func seal(
        _ datagram: UnsafeMutableRawBufferPointer, aad: Int? = nil, headerLength: Int, nonce: Nonce
    ) -> Bool {
        assert(purpose == .seal)
        guard let parts = Parts(datagram, aad: aad ?? headerLength, headerLength: headerLength),
            run(parts, nonce: nonce)
        else { return false }
        let length = CInt(DatagramAlgorithm.tagLength)
        return finish(parts) && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, length, parts.tag) == 1
    }

    /// Decrypts `datagram` between its header and its tag. Says whether all of it is authentic; if it is not, what
    /// stands between the two is overwritten with zeros, so that nobody can use what was not checked.
    func open(
        _ datagram: UnsafeMutableRawBufferPointer, aad: Int? = nil, headerLength: Int, nonce: Nonce
    ) -> Bool {
        assert(purpose == .open)
        guard let parts = Parts(datagram, aad: aad ?? headerLength, headerLength: headerLength) else { return false }
        let length = CInt(DatagramAlgorithm.tagLength)
        if run(parts, nonce: nonce), EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, length, parts.tag) == 1,
            finish(parts)
        {
            return true
        }
        OPENSSL_cleanse(parts.text, parts.textLength)
        return false
    }

    private func run(_ parts: Parts, nonce: Nonce) -> Bool {
        var written: CInt = 0
        let isReady = nonce.withUnsafeBytes { bytes in
            let octets = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            return EVP_CipherInit_ex(context, nil, nil, nil, octets, purpose.rawValue) == 1
        }
        guard isReady, EVP_CipherUpdate(context, nil, &written, parts.header, CInt(parts.aad)) == 1 else {
            return false
        }
        guard parts.textLength > 0 else { return true }
        return EVP_CipherUpdate(context, parts.text, &written, parts.text, CInt(parts.textLength)) == 1
            && Int(written) == parts.textLength
    }

    /// Neither algorithm writes anything here: there is no padding.
    private func finish(_ parts: Parts) -> Bool {
        var written: CInt = 0
        return EVP_CipherFinal_ex(context, parts.tag, &written) == 1
    }

    /// Where the three parts of a datagram lie.
    private struct Parts {
        let header: UnsafeMutablePointer<UInt8>
        let aad: Int
        let text: UnsafeMutablePointer<UInt8>
        let textLength: Int
        let tag: UnsafeMutablePointer<UInt8>

        init?(_ datagram: UnsafeMutableRawBufferPointer, aad: Int, headerLength: Int) {
            let textLength = datagram.count - headerLength - DatagramAlgorithm.tagLength
            guard textLength >= 0, datagram.count <= Int(CInt.max), let base = datagram.baseAddress else { return nil }
            header = base.assumingMemoryBound(to: UInt8.self)
            self.aad = aad
            text = header + headerLength
            self.textLength = textLength
            tag = text + textLength
        }
    }
}

/// The twelve bytes that make one use of a key differ from every other.
struct Nonce {
    private var words: (UInt32, UInt32, UInt32)

    /// `epoch(32) ‖ counter(64)`, big-endian (specification 3.6.1).
    init(epoch: UInt32, counter: UInt64) {
        words = (
            epoch.bigEndian, UInt32(truncatingIfNeeded: counter >> 32).bigEndian,
            UInt32(truncatingIfNeeded: counter).bigEndian
        )
    }

    /// Twelve bytes as they stand on the wire.
    init(_ bytes: ArraySlice<UInt8>) {
        precondition(bytes.count == DatagramAlgorithm.nonceLength, "a nonce has 12 bytes")
        words = bytes.withUnsafeBytes { bytes in
            (
                bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self),
                bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self),
                bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
            )
        }
    }

    /// The bytes, for the length of the call only.
    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafePointer(to: words) { body(UnsafeRawBufferPointer(start: $0, count: DatagramAlgorithm.nonceLength)) }
    }
}
