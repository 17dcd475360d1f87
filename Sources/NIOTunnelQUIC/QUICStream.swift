internal import CNgtcp2
internal import NIOCore
internal import Tunnel

/// One stream on its event loop: the head that is still coming, and the bytes that the peer has not acknowledged.
final class QUICStream {
    /// Bytes that ngtcp2 may ask for until the peer has acknowledged them.
    private struct Outgoing {
        /// Keeps the memory where it is: nobody writes to a buffer's storage while somebody else holds it.
        let owner: ByteBuffer
        let base: UnsafeMutablePointer<UInt8>
        let count: Int
    }

    let id: Int64
    let isLocal: Bool
    /// Nil while the head of a stream that the peer opened is incomplete.
    var exchange: QUICExchange?
    /// What has come of the peer's head; nil once it is complete.
    var head: ByteBuffer? = ByteBuffer()
    /// Its window is closed.
    var isBlocked = false
    /// It has the window of class media.
    var hasMediaWindow = false
    /// Nobody uses its exchange any more.
    var isReleased = false
    /// Both directions are over.
    var isClosed = false
    /// The end of this end's bytes is on its way.
    private(set) var endIsWritten = false

    private var outgoing = CircularBuffer<Outgoing>(initialCapacity: 1)
    /// The first of `outgoing` that has bytes which were never sent, and how many of its bytes were.
    private var next = 0
    private var nextOffset = 0
    private var unsent = 0
    private var end = false
    /// Where `outgoing` begins in the stream.
    private var start: UInt64 = 0

    init(id: Int64, isLocal: Bool, exchange: QUICExchange?) {
        self.id = id
        self.isLocal = isLocal
        self.exchange = exchange
    }

    /// Whether there is something to write.
    var hasMore: Bool { unsent > 0 || (end && !endIsWritten) }

    /// Takes over what the exchange wants to write, to have about `amount` bytes.
    func fill(_ amount: Int) {
        guard unsent < amount, !end, let exchange else { return }
        end = exchange.take(amount - unsent) { chunk in
            chunk.withUnsafeReadableBytes { bytes in
                guard let base = bytes.baseAddress, bytes.count > 0 else { return }
                // The storage stays where it is while `owner` is held and never written to.
                let pointer = UnsafeMutableRawPointer(mutating: base).assumingMemoryBound(to: UInt8.self)
                outgoing.append(Outgoing(owner: chunk, base: pointer, count: bytes.count))
                unsent += bytes.count
            }
        }
    }

    /// Runs `body` with the first unsent bytes, and whether the stream ends behind them.
    func withUnsent<Result>(_ body: (UnsafeBufferPointer<ngtcp2_vec>, Bool) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: ngtcp2_vec.self, capacity: 8) { vectors in
            var count = 0
            var bytes = 0
            var offset = nextOffset
            var index = next
            while index < outgoing.count, count < vectors.count, bytes < 4 << 10 {
                let piece = outgoing[outgoing.index(outgoing.startIndex, offsetBy: index)]
                vectors[count] = ngtcp2_vec(base: piece.base + offset, len: piece.count - offset)
                bytes += piece.count - offset
                offset = 0
                count += 1
                index += 1
            }
            return body(UnsafeBufferPointer(rebasing: vectors[..<count]), end && bytes == unsent)
        }
    }

    /// So many of the unsent bytes are on their way, and the end if it was asked for and they are all.
    func wrote(_ count: Int, end withEnd: Bool) {
        unsent -= count
        nextOffset += count
        while next < outgoing.count {
            let size = outgoing[outgoing.index(outgoing.startIndex, offsetBy: next)].count
            guard nextOffset >= size else { break }
            nextOffset -= size
            next += 1
        }
        if withEnd, unsent == 0 { endIsWritten = true }
    }

    /// The peer has everything up to `offset`.
    func acknowledged(to offset: UInt64) {
        while let first = outgoing.first, next > 0, start + UInt64(first.count) <= offset {
            start += UInt64(first.count)
            outgoing.removeFirst()
            next -= 1
        }
    }

    /// What was to be written is not wanted.
    func stopWriting() {
        (end, endIsWritten, unsent) = (true, true, 0)
        next = outgoing.count
        nextOffset = 0
    }
}
