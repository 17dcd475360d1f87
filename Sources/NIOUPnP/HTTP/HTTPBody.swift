public import struct NIOCore.ByteBuffer

/// The chunks of a message body, pulled one at a time.
///
/// Not asking for the next chunk holds the sender back: a bounded number of bytes waits in memory, then
/// the TCP window closes. For one reader. Ends after the last chunk; throws `HTTPTransportError` when the
/// peer broke off, stalled or sent too much.
public struct HTTPBody: AsyncSequence, Sendable {
    private let pull: @Sendable () async throws -> ByteBuffer?

    /// Makes a body of a function that returns the next chunk, or nil at the end.
    public init(_ pull: @escaping @Sendable () async throws -> ByteBuffer?) {
        self.pull = pull
    }

    /// A body without a byte.
    public static let empty = HTTPBody { nil }

    /// Reads the rest of the body into one buffer; throws `bodyTooLarge` when it exceeds `limit` bytes.
    public func collect(upTo limit: Int) async throws -> ByteBuffer {
        guard var whole = try await pull() else { return ByteBuffer() }
        while whole.readableBytes <= limit, var chunk = try await pull() {
            whole.writeBuffer(&chunk)
        }
        guard whole.readableBytes <= limit else {
            throw HTTPTransportError(.bodyTooLarge, "the body is larger than \(limit) bytes")
        }
        return whole
    }

    /// Reads an `HTTPBody`.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let pull: @Sendable () async throws -> ByteBuffer?

        /// The next chunk, never empty; nil at the end.
        public mutating func next() async throws -> ByteBuffer? { try await pull() }
    }

    /// Starts reading, or goes on where an earlier iterator of the same body stopped.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pull: pull) }
}
