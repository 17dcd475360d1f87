/// Data to or from the peer that a channel is bound to (RFC 8656 §12.4): four bytes instead of an indication's 36 or more.
package struct TURNChannelData: Hashable, Sendable {
    /// The numbers that channels have (§12).
    package static let numbers: ClosedRange<UInt16> = 0x4000...0x4FFF

    package let channel: UInt16
    package let data: [UInt8]

    package init(channel: UInt16, data: [UInt8]) {
        self.channel = channel
        self.data = data
    }

    /// Whether a datagram's first byte is that of a channel (RFC 7983).
    package static func looksLikeChannelData(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.first.map { (0x40...0x4F).contains($0) } ?? false
    }

    /// Reads a datagram, which may be padded, or one message of a stream; nil where it is none.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 4, Self.looksLikeChannelData(bytes) else { return nil }
        let count = Int(bytes[2]) << 8 | Int(bytes[3])
        guard bytes.count >= 4 + count else { return nil }
        channel = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
        data = Array(bytes[4..<4 + count])
    }

    /// The bytes; over a stream they are padded to four (§12.5). Of data beyond 65,535 bytes nothing is made.
    package func encoded(padded: Bool) -> [UInt8] {
        guard let count = UInt16(exactly: data.count) else { return [] }
        var bytes: [UInt8] = []
        bytes.append(bigEndian: channel)
        bytes.append(bigEndian: count)
        bytes += data
        while padded, bytes.count % 4 != 0 { bytes.append(0) }
        return bytes
    }
}

/// Cuts a stream into STUN messages and channel data (RFC 8656 §12.5, RFC 8489 §6.2.2).
package struct TURNStreamFraming: Sendable {
    /// The longest message that is taken, in bytes: data of a datagram of any size, and what is around it.
    package static let longest = 65_535 + 64

    private var buffer: [UInt8] = []
    /// The other side has sent what is neither; nothing more is read.
    package private(set) var isBroken = false

    package init() {}

    /// Takes what has come; returns the messages that are whole.
    package mutating func receive(_ bytes: some Sequence<UInt8>) -> [[UInt8]] {
        guard !isBroken else { return [] }
        buffer += bytes
        var messages: [[UInt8]] = []
        var start = 0
        while let count = length(at: start) {
            guard count <= Self.longest else {
                isBroken = true
                break
            }
            guard buffer.count - start >= count else { break }
            messages.append(Array(buffer[start..<start + count]))
            start += count
        }
        buffer = isBroken ? [] : Array(buffer[start...])
        return messages
    }

    /// How long the message is that begins there; nil while that is not known.
    private mutating func length(at start: Int) -> Int? {
        guard buffer.count - start >= 4 else { return nil }
        let count = Int(buffer[start + 2]) << 8 | Int(buffer[start + 3])
        switch buffer[start] {
        case 0..<4:
            guard count % 4 == 0 else { break }
            return STUNMessage.headerBytes + count
        case 0x40...0x4F: return 4 + (count + 3) / 4 * 4
        default: break
        }
        isBroken = true
        return nil
    }
}
