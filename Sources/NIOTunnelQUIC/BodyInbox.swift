internal import HTTPTypes
internal import NIOCore

/// What has arrived of a body and waits for its reader.
struct BodyInbox {
    private let chunk: Int
    private var full = CircularBuffer<ByteBuffer>(initialCapacity: 1)
    private var filling: ByteBuffer?
    private var consumed = 0
    /// How much waits.
    private(set) var bytes = 0

    /// Hands long bodies over in pieces of `chunk` bytes.
    init(chunk: Int) {
        self.chunk = chunk
    }

    /// Copies what arrived: it lies in the datagram, which is written over next.
    mutating func append(_ part: UnsafeRawBufferPointer) {
        bytes += part.count
        if var last = filling.take() {
            if last.writableBytes >= part.count {
                last.writeBytes(part)
                filling = last
                return
            }
            full.append(last)
            // It goes on: room for a whole piece.
            filling = ByteBuffer()
            filling?.reserveCapacity(max(part.count, chunk))
        } else {
            filling = ByteBuffer()
            filling?.reserveCapacity(max(part.count, 2 << 10))
        }
        filling?.writeBytes(part)
    }

    /// The oldest piece.
    mutating func pop() -> ByteBuffer? {
        guard let piece = full.popFirst() ?? filling.take() else { return nil }
        bytes -= piece.readableBytes
        consumed += piece.readableBytes
        return piece
    }

    /// What was read since the last call, if that is worth telling the sender; else 0.
    mutating func takeRoom(atLeast least: Int) -> Int {
        guard consumed >= least else { return 0 }
        defer { consumed = 0 }
        return consumed
    }

    /// Drops everything; says how much the sender has not been told of.
    mutating func drop() -> Int {
        full = .init(initialCapacity: 1)
        filling = nil
        defer { (bytes, consumed) = (0, 0) }
        return bytes + consumed
    }
}

/// Where an exchange stands, in both directions.
struct QUICExchangeState {
    typealias Writer = CheckedContinuation<Void, any Error>

    var inbox: BodyInbox
    /// What the peer may have in flight.
    var window: Int
    var inboundEnded = false
    var reader: CheckedContinuation<ByteBuffer?, any Error>?
    var response: HTTPResponse?
    var responseReader: CheckedContinuation<HTTPResponse, any Error>?

    var hasHead = false
    var outbox = CircularBuffer<ByteBuffer>(initialCapacity: 1)
    var outboxBytes = 0
    var ended = false
    /// The peer wants no more of what this end sends.
    var restIsUnwanted = false
    var writers: [Writer] = []
    /// The loop knows that there is something to write.
    var announced = false

    var failure: (any Error)?
}
