internal import CNgtcp2

/// A connection ID (RFC 9000 §5.1), by which datagrams find their connection.
struct ConnectionID: Hashable {
    /// How long those are that this end gives out, in bytes.
    static let length = 18

    private var words: (UInt64, UInt64, UInt32) = (0, 0, 0)
    private var count: UInt8

    /// At most 20 bytes.
    init(_ bytes: UnsafeRawBufferPointer) {
        count = UInt8(min(bytes.count, 20))
        withUnsafeMutableBytes(of: &words) { target in
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(20)))
        }
    }

    init(_ id: ngtcp2_cid) {
        var id = id
        self = withUnsafeBytes(of: &id.data) { ConnectionID(UnsafeRawBufferPointer(rebasing: $0.prefix(id.datalen))) }
    }

    static func == (left: Self, right: Self) -> Bool {
        left.words == right.words && left.count == right.count
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(count)
    }

    /// A new one, that nobody can foresee.
    static func random(length: Int = Self.length) -> ngtcp2_cid {
        var bytes = [UInt8](repeating: 0, count: length)
        bytes.withUnsafeMutableBytes(Randomness.fill)
        var id = ngtcp2_cid()
        ngtcp2_cid_init(&id, bytes, bytes.count)
        return id
    }
}

/// Random bytes of GnuTLS, for everything that must not be foreseen.
enum Randomness {
    static func fill(_ target: UnsafeMutableRawBufferPointer) {
        guard let base = target.baseAddress, gnutls_rnd(GNUTLS_RND_RANDOM, base, target.count) != 0 else { return }
        // GnuTLS has no randomness: the system's own generator, which does not fail.
        var generator = SystemRandomNumberGenerator()
        for index in target.indices { target[index] = UInt8.random(in: .min ... .max, using: &generator) }
    }

    static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            fill(UnsafeMutableRawBufferPointer(buffer))
            filled = count
        }
    }
}
