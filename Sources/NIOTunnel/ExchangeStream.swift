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
    let trafficClass: TrafficClass
    /// Set when the stream is gone: whether it was cut short.
    let closed = Latch<Bool>()
    private let settings: ConnectionSettings
    private let state: Mutex<ExchangeState>
    private let connection: TunnelConnection

    init(_ trafficClass: TrafficClass, connection: TunnelConnection, head: HPACKHeaders? = nil) {
        self.trafficClass = trafficClass
        self.connection = connection
        self.settings = connection.settings
        self.state = Mutex(
            ExchangeState(inbox: BodyInbox(chunk: connection.settings.chunk), head: head, announced: head != nil)
        )
    }

    // MARK: The task that reads

    func nextChunk() async throws -> ByteBuffer? {
        if let ready = state.withLock({ Self.inbound(&$0) }) {
            releaseReading()
            return try ready.get()
        }
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

    /// What the reader gets at once: data, the end, a failure, or nil when it has to wait.
    private static func inbound(_ state: inout ExchangeState) -> Result<ByteBuffer?, any Error>? {
        if let chunk = state.inbox.pop() { return .success(chunk) }
        if state.inboundEnded { return .success(nil) }
        return state.failure.map { .failure($0) }
    }

    /// What was read gives the sender room again, a quarter of the window at a time.
    private func releaseReading() {
        let (room, release) = state.withLock { state in
            let room = state.inboundEnded ? 0 : state.inbox.takeRoom(atLeast: settings.streamWindow / 4)
            defer { if state.inbox.bytes < settings.streamWindow { state.loopHoldsBack = false } }
            return (room, state.loopHoldsBack && state.inbox.bytes < settings.streamWindow)
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
    private func announce<Result>(_ change: (inout ExchangeState) throws -> Result) throws -> Result {
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

    func received(_ chunk: ByteBuffer) {
        guard chunk.readableBytes > 0 else { return }
        state.withLock { state in
            if state.failure == nil { state.inbox.append(chunk) }
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
            state.loopHoldsBack = state.inbox.bytes >= settings.streamWindow
            return (reader, result, !state.loopHoldsBack)
        }
        if let reader, let result { reader.resume(with: result) }
        return more
    }

    /// At most `maximum` bytes to write (a chunk larger than that is cut).
    func take(_ maximum: Int) -> BodyPortion {
        let (portion, writers) = state.withLock { state -> (BodyPortion, [CheckedContinuation<Void, any Error>]) in
            var portion = BodyPortion()
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
                portion.append(chunk)
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
