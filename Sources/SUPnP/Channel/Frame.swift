/// The first bytes of every hardened plaintext, after the signature of a broadcast (specification 3.6.4): `u8 0 ‖ body`
/// for a whole message, and `u8 1 ‖ u8 index ‖ u8 count ‖ u16 message ‖ piece` for a segment.
package enum Frame: Hashable, Sendable {
    /// A whole message, of one byte at least.
    case whole(ArraySlice<UInt8>)
    /// A part of one.
    case segment(Segment)

    /// A part of a message that does not fit one datagram.
    package struct Segment: Hashable, Sendable {
        /// Which part, from 0.
        package let index: Int
        /// How many there are, 2...64.
        package let count: Int
        /// Which message; the sender counts them per key, and starts again after 65,535.
        package let message: UInt16
        /// The bytes, one at least.
        package let piece: ArraySlice<UInt8>
    }

    /// The most segments of a message.
    package static let segmentLimit = 64
    /// The largest message, in bytes.
    package static let messageLimit = 65_536
    /// The first octet of a whole message's frame.
    static let wholeOctet: UInt8 = 0
    /// What a whole message's frame adds.
    package static let wholeOverhead = 1
    /// What a segment's frame adds.
    package static let segmentOverhead = 5

    /// Reads what was sealed.
    package init(_ bytes: ArraySlice<UInt8>) throws(FrameError) {
        let rest = bytes.dropFirst()
        switch bytes.first {
        case Self.wholeOctet:
            guard !rest.isEmpty else { throw .empty }
            self = .whole(rest)
        case 1:
            guard rest.count > 4 else { throw .empty }
            let start = rest.startIndex
            let index = Int(rest[start])
            let count = Int(rest[start + 1])
            guard 2...Self.segmentLimit ~= count, index < count else { throw .count }
            let message = UInt16(rest[start + 2]) << 8 | UInt16(rest[start + 3])
            self = .segment(Segment(index: index, count: count, message: message, piece: rest.dropFirst(4)))
        case nil: throw .empty
        default: throw .kind
        }
    }

    /// The frame of a whole message.
    static func whole(_ body: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(wholeOverhead + body.count)
        frame.append(wholeOctet)
        frame.append(contentsOf: body)
        return frame
    }

    /// The frames of `body`, each of at most `room` bytes: one whole one if it fits, and segments otherwise.
    package static func frames(of body: [UInt8], room: Int, message: UInt16) throws(ChannelFault) -> [[UInt8]] {
        guard !body.isEmpty else { throw .empty }
        guard body.count <= messageLimit else { throw .tooLong }
        if body.count + wholeOverhead <= room { return [whole(body)] }
        let size = room - segmentOverhead
        guard size > 0 else { throw .tooLong }
        let count = (body.count + size - 1) / size
        guard count <= segmentLimit else { throw .tooLong }
        return (0..<count).map { index in
            let head = [1, UInt8(index), UInt8(count), UInt8(message >> 8), UInt8(truncatingIfNeeded: message)]
            return head + body[index * size..<min((index + 1) * size, body.count)]
        }
    }
}

/// Why sealed bytes are neither a whole message nor a segment.
package enum FrameError: Error, Hashable, Sendable {
    /// There is nothing in it.
    case empty
    /// The first octet is neither 0 nor 1.
    case kind
    /// The count is not 2...64, or the index is not below it.
    case count
}
