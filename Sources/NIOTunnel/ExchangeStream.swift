internal import HTTPTypes
internal import NIOCore
internal import NIOHPACK
internal import Synchronization
internal import Tunnel

/// One exchange, between the tasks that use it and the event loop that moves its bytes.
///
/// Both sides meet under one lock: bytes that are there are taken without a change of thread, and the
/// loop is only called when it has stopped by itself (the reader was behind, or there was nothing to write).
final class ExchangeStream: Sendable {
    /// What the loop takes to write in one turn.
    struct Portion {
        var head: HPACKHeaders?
        var chunks: [ByteBuffer] = []
        var end = false
        /// There is more for another turn.
        var more = false

        var bytes: Int { chunks.reduce(0) { $0 + $1.readableBytes } }
    }

    private struct State {
        /// What has arrived: full buffers, and the one that is being filled.
        var inbox = CircularBuffer<ByteBuffer>(initialCapacity: 1)
        var filling: ByteBuffer?
        var inboxBytes = 0
        /// Read, and not yet given back to the sender as room in its window.
        var consumed = 0
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

    let trafficClass: TrafficClass
    /// Set when the stream is gone: whether it was cut short.
    let closed = Latch<Bool>()
    private let settings: ConnectionSettings
    private let state = Mutex(State())
    private let connection: TunnelConnection

    init(_ trafficClass: TrafficClass, connection: TunnelConnection, head: HPACKHeaders? = nil) {
        self.trafficClass = trafficClass
        self.connection = connection
        self.settings = connection.settings
        state.withLock {
            $0.head = head
            $0.announced = head != nil
        }
    }

    // MARK: The task that reads

    func nextChunk() async throws -> ByteBuffer? {
        if let chunk = try takeChunk() { return chunk.value }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let immediate: Result<ByteBuffer?, any Error>? = state.withLock { state in
                    if let result = Self.inbound(&state) { return result }
                    guard !Task.isCancelled else { return .failure(CancellationError()) }
                    guard state.reader == nil else {
                        return .failure(TunnelError(.unsupported, "A body is for one reader."))
                    }
                    state.reader = continuation
                    return nil
                }
                if let immediate { continuation.resume(with: immediate) }
                releaseReading()
            }
        } onCancel: {
            let reader = state.withLock { state in
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume(throwing: CancellationError())
        }
    }

    private struct Taken { let value: ByteBuffer? }

    private func takeChunk() throws -> Taken? {
        let result = state.withLock { Self.inbound(&$0) }
        guard let result else { return nil }
        releaseReading()
        return Taken(value: try result.get())
    }

    /// What the reader gets at once: data, the end, a failure, or nil when it has to wait.
    private static func inbound(_ state: inout State) -> Result<ByteBuffer?, any Error>? {
        if let chunk = pop(&state) { return .success(chunk) }
        if state.inboundEnded { return .success(nil) }
        return state.failure.map { .failure($0) }
    }

    /// The oldest of what has arrived.
    private static func pop(_ state: inout State) -> ByteBuffer? {
        guard let chunk = state.inbox.popFirst() ?? state.filling.take() else { return nil }
        state.inboxBytes -= chunk.readableBytes
        state.consumed += chunk.readableBytes
        return chunk
    }

    /// What was read gives the sender room again, a quarter of the window at a time.
    private func releaseReading() {
        let (room, release) = state.withLock { state in
            var room = 0
            if state.consumed >= settings.streamWindow / 4, !state.inboundEnded {
                (room, state.consumed) = (state.consumed, 0)
            }
            defer { if state.inboxBytes < settings.streamWindow { state.loopHoldsBack = false } }
            return (room, state.loopHoldsBack && state.inboxBytes < settings.streamWindow)
        }
        if room > 0 { connection.onLoop { $0.widen(self, by: room) } }
        if release { connection.onLoop { $0.read(self) } }
    }

    func response() async throws -> HTTPResponse {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let immediate: Result<HTTPResponse, any Error>? = state.withLock { state in
                    if let response = state.response { return .success(response) }
                    if let failure = state.failure { return .failure(failure) }
                    guard !Task.isCancelled else { return .failure(CancellationError()) }
                    guard state.responseReader == nil else {
                        return .failure(TunnelError(.unsupported, "The head of an answer is for one reader."))
                    }
                    state.responseReader = continuation
                    return nil
                }
                if let immediate { continuation.resume(with: immediate) }
            }
        } onCancel: {
            let reader = state.withLock { state in
                defer { state.responseReader = nil }
                return state.responseReader
            }
            reader?.resume(throwing: CancellationError())
        }
    }

    // MARK: The task that writes

    func send(head: HPACKHeaders) throws {
        try announce { state in
            guard state.head == nil, !state.headTaken else {
                throw TunnelError(.unsupported, "The head of an answer is sent once.")
            }
            state.head = head
        }
    }

    func send(_ chunk: ByteBuffer) async throws {
        guard chunk.readableBytes > 0 else { return }
        do {
            let full = try announce { state in
                guard !state.ended else { throw TunnelError(.unsupported, "The body has ended.") }
                state.outbox.append(chunk)
                state.outboxBytes += chunk.readableBytes
                return state.outboxBytes >= settings.sendBuffer
            }
            if full { try await waitForRoom() }
        } catch _ where isAnswered {}
    }

    private func waitForRoom() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let immediate: Result<Void, any Error>? = state.withLock { state in
                    if let failure = state.failure { return .failure(failure) }
                    if state.outboxBytes < settings.sendBuffer { return .success(()) }
                    guard !Task.isCancelled else { return .failure(CancellationError()) }
                    state.writers.append(continuation)
                    return nil
                }
                if let immediate { continuation.resume(with: immediate) }
            }
        } onCancel: {
            let writers = state.withLock { state in
                defer { state.writers = [] }
                return state.writers
            }
            for writer in writers { writer.resume(throwing: CancellationError()) }
        }
    }

    func finish() throws {
        do { try announce { $0.ended = true } } catch _ where isAnswered {}
    }

    /// RFC 9113 §8.1: the answer is complete and the peer does not want the rest of the request, which is
    /// then dropped and is no failure.
    private var isAnswered: Bool {
        state.withLock { state in
            state.response != nil && state.inboundEnded && (state.failure as? ExchangeReset)?.code == .noError
        }
    }

    /// Changes what is to be written and lets the loop know, unless it knows already.
    private func announce<Result>(_ change: (inout State) throws -> Result) throws -> Result {
        let (result, tell) = try state.withLock { state in
            if let failure = state.failure { throw failure }
            let result = try change(&state)
            defer { state.announced = true }
            return (result, !state.announced)
        }
        if tell { connection.onLoop { $0.ready(self) } }
        return result
    }

    /// Gives the exchange up, unless it is over.
    func reset(_ code: ResetCode) {
        let over = state.withLock { state in
            // An end that the loop has still to write counts: it will be.
            if state.failure == nil, !(state.ended && state.inboundEnded) {
                state.failure = ExchangeReset(code)
                return false
            }
            return true
        }
        guard !over else { return }
        resumeAll()
        connection.onLoop { $0.reset(self, code) }
    }

    /// The handler of an inbound exchange has returned.
    func leave() {
        let complete = state.withLock { $0.ended }
        // RFC 9113 §8.1: an answer may be complete before its request is; the rest is not wanted.
        if complete { connection.onLoop { $0.leave(self) } } else { reset(.internalError) }
    }

    /// The answer is complete and the request is not.
    var wantsNoMore: Bool { state.withLock { $0.endTaken && !$0.inboundEnded } }

    // MARK: The loop

    /// Copies what arrived, on purpose: it is a part of the buffer that NIOHTTP2 parses, and while
    /// somebody holds on to that, each read makes NIOHTTP2 copy the whole of it, at its largest size.
    func received(_ chunk: ByteBuffer) {
        let count = chunk.readableBytes
        guard count > 0 else { return }
        state.withLock { state in
            guard state.failure == nil else { return }
            state.inboxBytes += count
            if var filling = state.filling.take() {
                if filling.writableBytes >= count {
                    filling.writeImmutableBuffer(chunk)
                    state.filling = filling
                    return
                }
                state.inbox.append(filling)
            }
            var next = ByteBuffer()
            next.reserveCapacity(count < 8 << 10 ? count : max(count, settings.chunk))
            next.writeImmutableBuffer(chunk)
            state.filling = next
        }
    }

    func received(_ response: HTTPResponse) {
        let reader = state.withLock { state in
            state.response = response
            defer { state.responseReader = nil }
            return state.responseReader
        }
        reader?.resume(returning: response)
    }

    func receivedEnd() {
        state.withLock { $0.inboundEnded = true }
    }

    /// Hands what has arrived to the reader; says whether the loop shall read on.
    func deliver() -> Bool {
        let (reader, result, more) = state.withLock { state in
            var result: Result<ByteBuffer?, any Error>?
            var reader: CheckedContinuation<ByteBuffer?, any Error>?
            if let waiting = state.reader, let found = Self.inbound(&state) {
                (result, reader, state.reader) = (found, waiting, nil)
            }
            // A peer that keeps to its window never comes that far.
            state.loopHoldsBack = state.inboxBytes >= settings.streamWindow
            return (reader, result, !state.loopHoldsBack)
        }
        if let reader, let result { reader.resume(with: result) }
        return more
    }

    /// At most `maximum` bytes to write (a chunk larger than that is cut).
    func take(_ maximum: Int) -> Portion {
        let (portion, writers) = state.withLock { state -> (Portion, [CheckedContinuation<Void, any Error>]) in
            var portion = Portion()
            portion.head = state.head
            if state.head != nil { state.headTaken = true }
            state.head = nil
            guard state.headTaken else {
                state.announced = false
                return (portion, [])
            }
            var room = maximum
            while room > 0, var chunk = state.outbox.popFirst() {
                if chunk.readableBytes > room, let part = chunk.readSlice(length: room) {
                    state.outbox.prepend(chunk)
                    chunk = part
                }
                room -= chunk.readableBytes
                state.outboxBytes -= chunk.readableBytes
                Self.append(chunk, to: &portion.chunks)
            }
            portion.more = !state.outbox.isEmpty
            if state.ended, !portion.more, !state.endTaken {
                portion.end = true
                state.endTaken = true
            }
            state.announced = portion.more
            guard state.outboxBytes <= settings.sendBuffer / 2 else { return (portion, []) }
            defer { state.writers = [] }
            return (portion, state.writers)
        }
        for writer in writers { writer.resume() }
        return portion
    }

    /// Small chunks share a frame.
    private static func append(_ chunk: ByteBuffer, to chunks: inout [ByteBuffer]) {
        let small = 8 << 10
        if let last = chunks.indices.last, chunk.readableBytes <= small, chunks[last].readableBytes <= small {
            var chunk = chunk
            chunks[last].writeBuffer(&chunk)
        } else {
            chunks.append(chunk)
        }
    }

    /// The stream is gone from the connection.
    func close(_ error: any Error) {
        let cut = state.withLock { state in
            if state.failure == nil, !(state.ended && state.inboundEnded) { state.failure = error }
            return state.failure != nil
        }
        resumeAll()
        closed.set(cut)
    }

    private func resumeAll() {
        let (failure, reader, response, writers) = state.withLock { state in
            defer { (state.reader, state.responseReader, state.writers) = (nil, nil, []) }
            return (state.failure ?? ExchangeReset(.noError), state.reader, state.responseReader, state.writers)
        }
        reader?.resume(throwing: failure)
        response?.resume(throwing: failure)
        for writer in writers { writer.resume(throwing: failure) }
    }
}
