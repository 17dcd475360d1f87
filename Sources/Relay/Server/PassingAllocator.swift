package import NIOCore

/// Buffers for bytes that are passed on at once: each read has one of its own, as large as reads were before.
///
/// A channel keeps the last buffer that it read into for as long as it is open, which for a session that has carried a
/// film is the largest. This says of no size that it will do again, so that a buffer goes when its bytes have gone.
/// It needs a channel that reads once at a time (`maxMessagesPerRead` 1): such a one keeps its first buffer only.
package struct PassingAllocator: RecvByteBufferAllocator {
    private var sizes: AdaptiveRecvByteBufferAllocator

    package init(minimum: Int, initial: Int, maximum: Int) {
        sizes = AdaptiveRecvByteBufferAllocator(minimum: minimum, initial: initial, maximum: maximum)
    }

    package func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { sizes.buffer(allocator: allocator) }

    package func nextBufferSize() -> Int? { nil }

    package mutating func record(actualReadBytes: Int) -> Bool {
        _ = sizes.record(actualReadBytes: actualReadBytes)
        return true
    }
}
