package import struct NIOCore.ByteBuffer

/// Cuts a stream of bytes into lines; holds at most one line's worth.
package struct LineBuffer: Sendable {
    private var pending: [UInt8] = []
    private let limit: Int

    /// `limit`: the longest line in bytes, its newline included.
    package init(limit: Int) {
        self.limit = limit
    }

    /// What one chunk led to.
    package enum Result: Hashable, Sendable {
        /// The lines that are complete, without their newlines.
        case lines([[UInt8]])
        /// A line is longer than the limit; the stream cannot be used any more.
        case tooLong
    }

    /// Takes a chunk.
    package mutating func append(_ chunk: ByteBuffer) -> Result {
        var lines: [[UInt8]] = []
        for byte in chunk.readableBytesView {
            if byte == 0x0A {
                lines.append(pending)
                pending.removeAll(keepingCapacity: true)
            } else {
                guard pending.count < limit - 1 else { return .tooLong }
                pending.append(byte)
            }
        }
        return .lines(lines)
    }
}
