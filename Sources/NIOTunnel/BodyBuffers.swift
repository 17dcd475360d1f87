internal import HTTPTypes
internal import NIOCore
internal import NIOHPACK

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

    /// Copies what arrived, on purpose: it is a part of the buffer that NIOHTTP2 parses, and while
    /// somebody holds on to that, each read makes NIOHTTP2 copy the whole of it, at its largest size.
    mutating func append(_ part: ByteBuffer) {
        let count = part.readableBytes
        bytes += count
        if var last = filling.take() {
            if last.writableBytes >= count {
                last.writeImmutableBuffer(part)
                filling = last
                return
            }
            full.append(last)
        }
        var next = ByteBuffer()
        next.reserveCapacity(count < 8 << 10 ? count : max(count, chunk))
        next.writeImmutableBuffer(part)
        filling = next
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
}

/// What one exchange writes in one turn.
struct BodyPortion {
    var head: HPACKHeaders?
    private(set) var chunks: [ByteBuffer] = []
    var end = false
    /// There is more for another turn.
    var more = false

    /// Adds a chunk; small ones share a frame.
    mutating func append(_ chunk: ByteBuffer) {
        let small = 8 << 10
        if let last = chunks.indices.last, chunk.readableBytes <= small, chunks[last].readableBytes <= small {
            chunks[last].writeImmutableBuffer(chunk)
        } else {
            chunks.append(chunk)
        }
    }
}

/// Where an exchange stands, in both directions.
struct ExchangeState {
    var inbox: BodyInbox
    var inboundEnded = false
    var loopHoldsBack = false
    var reader: CheckedContinuation<ByteBuffer?, any Error>?
    var response: HTTPResponse?
    var responseReader: CheckedContinuation<HTTPResponse, any Error>?

    var head: HPACKHeaders?
    var outbox = CircularBuffer<ByteBuffer>(initialCapacity: 1)
    var outboxBytes = 0
    var headTaken = false
    var ended = false
    var endTaken = false
    var writers: [CheckedContinuation<Void, any Error>] = []
    /// The loop knows that there is something to write.
    var announced = false

    var failure: (any Error)?
}
