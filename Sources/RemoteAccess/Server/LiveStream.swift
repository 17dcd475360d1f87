import NIOCore
import Synchronization
import Tunnel

/// A stream that cannot be asked for again from its middle (a camera, a radio), and its last bytes, so that a client whose
/// path broke goes on where it was.
///
/// One pump appends, and one reader at a time passes the bytes on. What was passed on stays for a while, because how much
/// of it the client has cannot be known when a path breaks.
final class LiveStream: Sendable {
    /// How much of a stream is kept.
    struct Limits: Hashable, Sendable {
        /// Bytes that were passed on already: more than a tunnel's window, which is how much can be lost on the way.
        var passed = 5 << 20
        /// Bytes that wait for the reader; the pump waits beyond them, and so does the device.
        var ahead = 1 << 20
        /// How long it is kept without a reader.
        var patience = Duration.seconds(15)
    }

    fileprivate struct State {
        /// Each with where it begins in the stream.
        var chunks = CircularBuffer<(start: UInt64, bytes: ByteBuffer)>()
        /// Where the first of the chunks begins in the stream.
        var start: UInt64 = 0
        var end: UInt64 = 0
        /// How far it was passed on.
        var passed: UInt64 = 0
        var isFinished = false
        /// A reader was told of the end.
        var isDone = false
        /// Counts readers: an earlier one ends when another comes.
        var reader = 0
        var hasReader = false
        var pumpWaits: CheckedContinuation<Void, Never>?
        var readerWaits: CheckedContinuation<Void, Never>?
    }

    /// By which its client asks for it: 128 random bits, in hexadecimal.
    let id: String
    /// What it is a stream of; another request does not go on with it.
    let path: String
    private let limits: Limits
    private let state = Mutex(State())

    init(path: String, limits: Limits = .init()) {
        var random = SystemRandomNumberGenerator()
        let number = (random.next(), random.next())
        self.id = [number.0, number.1].map { String($0, radix: 16) }
            .map { String(repeating: "0", count: 16 - $0.count) + $0 }.joined()
        self.path = path
        self.limits = limits
    }

    /// Whether somebody reads it.
    var hasReader: Bool { state.withLock { $0.hasReader } }

    /// How many bytes were passed on.
    var passedOn: UInt64 { state.withLock { $0.passed } }

    /// Whether the device has sent everything, and all of it was passed on to a reader that took it to the end.
    var isDone: Bool { state.withLock { $0.isDone } }

    /// Adds what came from the device; waits while the reader is far behind.
    func append(_ chunk: ByteBuffer) async throws {
        guard chunk.readableBytes > 0 else { return }
        let woken = state.withLock { state in
            state.chunks.append((state.end, chunk))
            state.end += UInt64(chunk.readableBytes)
            return state.takeReader()
        }
        woken?.resume()
        await waitUntilRead()
        try Task.checkCancellation()
    }

    /// The device has sent everything.
    func finish() {
        state.withLock { state in
            state.isFinished = true
            return state.takeReader()
        }?.resume()
    }

    /// Nothing more comes: whoever reads it ends.
    func abort() {
        state.withLock { state in
            state.reader += 1
            state.hasReader = false
            return state.takeReader()
        }?.resume()
    }

    private func waitUntilRead() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    guard state.end - state.passed > UInt64(limits.ahead), !Task.isCancelled else { return true }
                    state.pumpWaits = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.takePump() }?.resume()
        }
    }

    /// Passes the stream on from `offset` until its end; an earlier reader ends with a `CancellationError`.
    /// - Throws: `Problem` when what the reader lacks is no longer kept.
    func pass(from offset: UInt64, to exchange: any InboundExchange) async throws {
        let (number, earlier) = state.withLock { state in
            state.reader += 1
            state.hasReader = true
            return (state.reader, state.takeReader())
        }
        earlier?.resume()
        defer { state.withLock { if $0.reader == number { $0.hasReader = false } } }
        var offset = offset
        while true {
            switch try next(from: offset, for: number) {
            case .chunk(let chunk):
                offset += UInt64(chunk.readableBytes)
                try await exchange.send(chunk)
                state.withLock { state in
                    state.passed = max(state.passed, offset)
                    state.forget(below: state.passed - min(state.passed, UInt64(limits.passed)))
                    return state.takePump()
                }?.resume()
            case .end:
                try await exchange.finish()
                return state.withLock { $0.isDone = true }
            case .wait:
                await waitForMore(than: offset, number)
                try Task.checkCancellation()
            }
        }
    }

    private enum Next {
        case chunk(ByteBuffer)
        case wait
        case end
    }

    private func next(from offset: UInt64, for number: Int) throws -> Next {
        try state.withLock { state in
            guard state.reader == number else { throw CancellationError() }
            guard offset >= state.start, offset <= state.end else {
                throw Problem(.notFound, "This part of the stream is no longer kept.", status: 410)
            }
            guard offset < state.end else { return state.isFinished ? .end : .wait }
            var (start, bytes) = state.chunk(at: offset)
            bytes.moveReaderIndex(forwardBy: Int(offset - start))
            return .chunk(bytes)
        }
    }

    private func waitForMore(than offset: UInt64, _ number: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    guard state.reader == number, state.end <= offset, !state.isFinished, !Task.isCancelled else {
                        return true
                    }
                    state.readerWaits = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.takeReader() }?.resume()
        }
    }

    /// Returns when nobody has read it for as long as `patience` says.
    func waitUntilAbandoned() async throws {
        while true {
            let before = state.withLock { $0.reader }
            while hasReader { try await Task.sleep(for: limits.patience / 4) }
            try await Task.sleep(for: limits.patience)
            if state.withLock({ !$0.hasReader && $0.reader == before }) { return }
        }
    }
}

extension LiveStream.State {
    fileprivate mutating func takeReader() -> CheckedContinuation<Void, Never>? {
        defer { readerWaits = nil }
        return readerWaits
    }

    fileprivate mutating func takePump() -> CheckedContinuation<Void, Never>? {
        defer { pumpWaits = nil }
        return pumpWaits
    }

    /// Lets go of whole chunks that lie before `offset`.
    fileprivate mutating func forget(below offset: UInt64) {
        while let first = chunks.first, first.start + UInt64(first.bytes.readableBytes) <= offset {
            chunks.removeFirst()
            start = chunks.first?.start ?? end
        }
    }

    /// The chunk that this place, which is kept, lies in.
    fileprivate func chunk(at offset: UInt64) -> (start: UInt64, bytes: ByteBuffer) {
        var (low, high) = (0, chunks.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if chunks[offset: middle].start <= offset { low = middle } else { high = middle - 1 }
        }
        return chunks[offset: low]
    }
}

/// `latchkey-stream: ID` in an answer, `latchkey-stream: ID;OFFSET` in a request that goes on.
struct LiveStreamPosition: Hashable, Sendable, CustomStringConvertible {
    let id: String
    let offset: UInt64

    init(id: String, offset: UInt64) {
        self.id = id
        self.offset = offset
    }

    /// Nil for what is none.
    init?(_ text: String) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 32, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let offset = UInt64(parts[1])
        else { return nil }
        self.init(id: String(parts[0]), offset: offset)
    }

    var description: String { "\(id);\(offset)" }
}
