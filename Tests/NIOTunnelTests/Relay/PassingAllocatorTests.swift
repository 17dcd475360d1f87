import NIOCore
import Relay
import Testing

@Suite("A relay's buffers")
struct PassingAllocatorTests {
    @Test("A channel keeps nothing of the size that its reads had, once their bytes have gone")
    func nothingIsKept() {
        var pool = NIOPooledRecvBufferAllocator(
            capacity: 1, recvAllocator: FixedSizeRecvByteBufferAllocator(capacity: 512))
        _ = pool.readFull()
        pool.recvAllocator = PassingAllocator(minimum: 4 << 10, initial: 16 << 10, maximum: 256 << 10)
        for _ in 0..<20 { _ = pool.readFull() }

        var last = pool.readFull()

        #expect(last.capacity == 256 << 10)
        #expect(last.modifyIfUniquelyOwned { _ in true } == true)
    }

    @Test("Reads become small again when little comes")
    func readsShrink() {
        var pool = NIOPooledRecvBufferAllocator(
            capacity: 1, recvAllocator: PassingAllocator(minimum: 4 << 10, initial: 256 << 10, maximum: 256 << 10))
        for _ in 0..<20 { _ = pool.read(10) }

        #expect(pool.read(10).capacity == 4 << 10)
    }
}

extension NIOPooledRecvBufferAllocator {
    /// What a channel does: a read that fills its buffer.
    fileprivate mutating func readFull() -> ByteBuffer { read(.max) }

    fileprivate mutating func read(_ most: Int) -> ByteBuffer {
        let (buffer, count) = self.buffer(allocator: ByteBufferAllocator()) { buffer in
            buffer.writeRepeatingByte(7, count: min(most, buffer.writableBytes))
        }
        record(actualReadBytes: count)
        return buffer
    }
}
