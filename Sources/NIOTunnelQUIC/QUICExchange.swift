internal import HTTPTypes
internal import NIOCore
internal import Synchronization
internal import Tunnel

/// One exchange, between the tasks that use it and the event loop that moves its bytes.
///
/// Both sides meet under one lock; the loop is called only when it has stopped by itself (its window was closed, or
/// there was nothing to write).
final class QUICExchange: Sendable {
    let trafficClass: TrafficClass
    /// Set when the peer has given the exchange up or it is complete: whether it was cut short.
    let closed = Latch<Bool>()
    private let settings: QUICSettings
    private let state: Mutex<QUICExchangeState>
    private let link: QUICLink

    init(_ trafficClass: TrafficClass, link: QUICLink) {
        self.trafficClass = trafficClass
        self.link = link
        self.settings = link.settings
        self.state = Mutex(
            QUICExchangeState(inbox: BodyInbox(chunk: link.settings.chunk), window: link.settings.controlWindow))
    }

    // MARK: The task that reads

    func nextChunk() async throws -> ByteBuffer? {
        if let ready = state.withLock({ Self.inbound(&$0) }) {
            releaseReading()
            return try ready.get()
        }
        let chunk: ByteBuffer? = try await withTaskCancellationHandler {
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
            }
        } onCancel: {
            let reader = state.withLock { state in
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume(throwing: CancellationError())
        }
        releaseReading()
        return chunk
    }

    /// What the reader gets at once: data, the end, a failure, or nil when it has to wait.
    private static func inbound(_ state: inout QUICExchangeState) -> Result<ByteBuffer?, any Error>? {
        if let chunk = state.inbox.pop() { return .success(chunk) }
        if state.inboundEnded { return .success(nil) }
        return state.failure.map { .failure($0) }
    }

    /// What was read gives the sender room again, a quarter of the window at a time.
    private func releaseReading() {
        let room = state.withLock { state in
            state.inbox.takeRoom(atLeast: state.inboundEnded ? 1 : state.window / 4)
        }
        if room > 0 { link.onLoop { $0.widen(self, by: room) } }
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

    /// Puts the head in front of everything else; once.
    func send(head: ExchangeHead) throws {
        let bytes: ByteBuffer
        do {
            bytes = try head.encoded()
        } catch {
            throw TunnelError(
                .unsupported, "The head of an exchange is longer than \(ExchangeHead.maximumBytes) bytes.")
        }
        try announce { state in
            guard !state.hasHead else { throw TunnelError(.unsupported, "The head of an answer is sent once.") }
            state.hasHead = true
            state.outbox.append(bytes)
            state.outboxBytes += bytes.readableBytes
        }
    }

    func send(_ chunk: ByteBuffer) async throws {
        guard chunk.readableBytes > 0 else { return }
        let full = try announce { state in
            guard !state.ended else { throw TunnelError(.unsupported, "The body has ended.") }
            // The peer has what it wanted: the rest is dropped, and that is no failure.
            guard !state.restIsUnwanted else { return false }
            guard state.hasHead else { throw TunnelError(.unsupported, "The head of an answer comes before its body.") }
            state.outbox.append(chunk)
            state.outboxBytes += chunk.readableBytes
            return state.outboxBytes >= settings.sendBuffer(trafficClass)
        }
        if full { try await waitForRoom() }
    }

    private func waitForRoom() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let immediate: Result<Void, any Error>? = state.withLock { state in
                    if let failure = state.failure { return .failure(failure) }
                    if state.outboxBytes < settings.sendBuffer(trafficClass) || state.restIsUnwanted {
                        return .success(())
                    }
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
        try announce { $0.ended = true }
    }

    /// Changes what is to be written and lets the loop know, unless it knows already.
    private func announce<Result>(_ change: (inout QUICExchangeState) throws -> Result) throws -> Result {
        let (result, tell) = try state.withLock { state in
            if let failure = state.failure { throw failure }
            let result = try change(&state)
            defer { state.announced = true }
            return (result, !state.announced)
        }
        if tell { link.onLoop { $0.ready(self) } }
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
        link.onLoop { $0.reset(self, code) }
    }

    /// Nobody uses the exchange any more: what was not read is dropped.
    func leave() {
        link.onLoop { $0.leave(self) }
    }

    /// The handler of an inbound exchange has returned; without an end of its answer it has failed.
    var isAnswered: Bool { state.withLock { $0.ended } }
}

// MARK: - The loop's side

extension QUICExchange {
    func received(_ bytes: UnsafeRawBufferPointer) {
        state.withLock { $0.inbox.append(bytes) }
    }

    func received(_ response: HTTPResponse) {
        let reader = state.withLock { state in
            state.response = response
            defer { state.responseReader = nil }
            return state.responseReader
        }
        reader?.resume(returning: response)
    }

    /// The peer may have so much in flight from here on.
    func widen(to window: Int) {
        state.withLock { $0.window = window }
    }

    func receivedEnd() {
        state.withLock { $0.inboundEnded = true }
    }

    /// Hands what has arrived to the reader.
    func deliver() {
        let (reader, result) = state.withLock { state in
            guard let waiting = state.reader, let found = Self.inbound(&state) else {
                return (nil as CheckedContinuation<ByteBuffer?, any Error>?, nil as Result<ByteBuffer?, any Error>?)
            }
            state.reader = nil
            return (waiting, found)
        }
        if let reader, let result { reader.resume(with: result) }
    }

    /// At most about `maximum` bytes to write (a chunk is not cut), and whether they are the last.
    func take(_ maximum: Int, _ body: (ByteBuffer) -> Void) -> Bool {
        let (chunks, end, writers) = state.withLock { state -> ([ByteBuffer], Bool, [QUICExchangeState.Writer]) in
            var chunks: [ByteBuffer] = []
            var room = maximum
            while room > 0, let chunk = state.outbox.popFirst() {
                room -= chunk.readableBytes
                state.outboxBytes -= chunk.readableBytes
                chunks.append(chunk)
            }
            let end = state.ended && state.outbox.isEmpty
            state.announced = !state.outbox.isEmpty || end
            guard state.outboxBytes <= settings.sendBuffer(trafficClass) / 2 else { return (chunks, end, []) }
            defer { state.writers = [] }
            return (chunks, end, state.writers)
        }
        chunks.forEach(body)
        for writer in writers { writer.resume() }
        return end
    }

    /// The peer wants no more of this end's bytes, and goes on sending its own.
    func stopWriting() {
        let writers = state.withLock { state in
            state.restIsUnwanted = true
            state.outbox = .init(initialCapacity: 1)
            state.outboxBytes = 0
            defer { state.writers = [] }
            return state.writers
        }
        for writer in writers { writer.resume() }
    }

    /// The peer gave the exchange up, or its connection is gone.
    func fail(_ error: any Error) {
        let cut = state.withLock { state in
            if state.failure == nil, !(state.ended && state.inboundEnded) { state.failure = error }
            return state.failure != nil
        }
        resumeAll()
        closed.set(cut)
    }

    /// Somebody gave it up, or its connection is gone.
    var hasFailed: Bool { state.withLock { $0.failure != nil } }

    /// The stream is closed in both directions.
    func complete() {
        closed.set(state.withLock { $0.failure != nil })
    }

    /// Drops what was not read and says how much of it has not been credited to the peer.
    func drop() -> Int {
        state.withLock { $0.inbox.drop() }
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
