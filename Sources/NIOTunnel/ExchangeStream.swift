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
        var inbox = CircularBuffer<ByteBuffer>(initialCapacity: 4)
        var inboxBytes = 0
        var inboundEnded = false
        var loopHoldsBack = false
        var reader: CheckedContinuation<ByteBuffer?, any Error>?
        var response: HTTPResponse?
        var responseReader: CheckedContinuation<HTTPResponse, any Error>?

        var head: HPACKHeaders?
        var outbox = CircularBuffer<ByteBuffer>(initialCapacity: 4)
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
        if !state.inbox.isEmpty { return .success(merge(&state)) }
        if state.inboundEnded { return .success(nil) }
        return state.failure.map { .failure($0) }
    }

    /// One chunk of everything that has arrived, up to 256 KiB: the next hands cost as much for a small one.
    private static func merge(_ state: inout State) -> ByteBuffer {
        let limit = 256 << 10
        var first = state.inbox.removeFirst()
        state.inboxBytes -= first.readableBytes
        guard let second = state.inbox.first, first.readableBytes + second.readableBytes <= limit else { return first }
        var whole = ByteBuffer()
        whole.reserveCapacity(min(limit, first.readableBytes + state.inboxBytes))
        whole.writeBuffer(&first)
        while let next = state.inbox.first, whole.readableBytes + next.readableBytes <= limit {
            var chunk = state.inbox.removeFirst()
            state.inboxBytes -= chunk.readableBytes
            whole.writeBuffer(&chunk)
        }
        return whole
    }

    private func releaseReading() {
        let release = state.withLock { state in
            guard state.loopHoldsBack, state.inboxBytes <= settings.receiveBuffer / 2 else { return false }
            state.loopHoldsBack = false
            return true
        }
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
            if state.failure == nil, !(state.endTaken && state.inboundEnded) {
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

    func received(_ chunk: ByteBuffer) {
        guard chunk.readableBytes > 0 else { return }
        state.withLock { state in
            guard state.failure == nil else { return }
            state.inbox.append(chunk)
            state.inboxBytes += chunk.readableBytes
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
            state.loopHoldsBack = state.inboxBytes >= settings.receiveBuffer
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
            if state.failure == nil, !(state.endTaken && state.inboundEnded) { state.failure = error }
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
