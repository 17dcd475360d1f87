/// The base header: six words of 16 bits, big-endian, before every body of both suites (3.2).
package struct Header: Hashable, Sendable {
    /// The first word. Its second octet never occurs in ASCII or UTF-8 text, so no SSDP, HTTP, SOAP or GENA message
    /// can be taken for SUPnP (P1).
    package static let magic: UInt16 = 0x5EC1
    /// The version of the protocol, the lowest four bits of the second word.
    package static let version: UInt8 = 1

    /// The flags.
    package var flags: HeaderFlags
    /// The suite. A registration bears `classic` until a suite is chosen.
    package var suite: Suite
    /// Which key: with G the low 16 bits of the group's epoch (or the TEK's number), otherwise the member's
    /// pairwise key, 0 for none (P3).
    package var keyID: UInt16
    /// A registration's sequence number; the low 16 bits of a sealed message's counter (P4).
    package var nonce: UInt16
    /// The size of the whole datagram, this header included, 12...65,507 (P5).
    package let length: UInt16

    /// Makes the header of a body of `bodyCount` bytes, 0...65,495.
    package init(flags: HeaderFlags, suite: Suite, keyID: UInt16 = 0, nonce: UInt16, bodyCount: Int) {
        let length = WireSizes.header + bodyCount
        precondition(bodyCount >= 0 && length <= WireSizes.maximumDatagram, "a body has at most 65,495 bytes")
        self.flags = flags
        self.suite = suite
        self.keyID = keyID
        self.nonce = nonce
        self.length = UInt16(length)
    }

    /// The 12 bytes, which are also what an AEAD authenticates.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(WireSizes.header)
        encode(into: &bytes)
        return bytes
    }

    /// Appends the 12 bytes.
    func encode(into bytes: inout [UInt8]) {
        let second = UInt16(flags.rawValue) << 8 | UInt16(suite.rawValue << 4 | Self.version)
        let sum = Self.sum((Self.magic, second, keyID, nonce, length, 0))
        let words = (
            Self.magic.bigEndian, second.bigEndian, keyID.bigEndian, nonce.bigEndian, length.bigEndian,
            (~sum).bigEndian
        )
        withUnsafeBytes(of: words) { bytes.append(contentsOf: $0) }
    }

    /// Takes the header off a datagram, checking in the order of 3.2: size, magic, version, length, checksum, suite.
    ///
    /// All faults but that of the suite mean that the datagram is none of SUPnP's.
    package static func decode(_ datagram: [UInt8]) throws(HeaderError) -> Header {
        guard datagram.count >= WireSizes.header else { throw .short }
        let words = datagram.withUnsafeBytes { bytes in
            func word(_ index: Int) -> UInt16 {
                UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
            }
            return (word(0), word(1), word(2), word(3), word(4), word(5))
        }
        let (magic, second, keyID, nonce, length, checksum) = words
        let tail = UInt8(truncatingIfNeeded: second)
        guard magic == Self.magic else { throw .magic }
        guard tail & 0x0F == Self.version else { throw .version(tail & 0x0F) }
        guard Int(length) == datagram.count, datagram.count <= WireSizes.maximumDatagram else { throw .length }
        // 0xFFFF adds up like 0 and is never computed, as the magic is not zero: a header has one encoding.
        guard sum(words) == .max, checksum != .max else { throw .checksum }
        guard let suite = Suite(rawValue: tail >> 4) else { throw .suite(tail >> 4) }
        return Header(
            flags: HeaderFlags(rawValue: UInt8(second >> 8)), suite: suite, keyID: keyID, nonce: nonce,
            bodyCount: datagram.count - WireSizes.header)
    }

    /// The ones' complement sum (RFC 1071; P6) of the header's words.
    private static func sum(_ words: (UInt16, UInt16, UInt16, UInt16, UInt16, UInt16)) -> UInt16 {
        var total = UInt32(words.0) + UInt32(words.1) + UInt32(words.2)
        total += UInt32(words.3) + UInt32(words.4) + UInt32(words.5)
        while total > 0xFFFF { total = (total & 0xFFFF) + (total >> 16) }
        return UInt16(total)
    }
}

/// Why bytes have no base header. All but `suite` mean that they are not SUPnP (3.2).
package enum HeaderError: Error, Hashable, Sendable {
    /// Fewer than 12 bytes.
    case short
    /// The first word is another.
    case magic
    /// Another version of the protocol.
    case version(UInt8)
    /// The field `length` is not the datagram's size.
    case length
    /// The words do not add up.
    case checksum
    /// The suite is unknown.
    case suite(UInt8)
}
