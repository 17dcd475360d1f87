import NIOCore
import Synchronization

/// Hands a body from the event loop that receives it to the task that reads it, holding a bounded
/// number of bytes in between.
///
/// The loop reads from the socket while less than `capacity` bytes wait here and the reader has shown
/// interest; one read may overshoot. After `finish` or `fail` nothing is added.
final class BodyInflow: Sendable {
    fileprivate struct State {
        var chunks = CircularBuffer<ByteBuffer>(initialCapacity: 2)
        var bytes = 0
        var received = 0
        var ended = false
        var failure: HTTPTransportError?
        var waiter: CheckedContinuation<ByteBuffer?, any Error>?
        var waitingSince: NIODeadline?
        var waited = TimeAmount.zero
        var readInFlight = false
        var pulled = false
    }

    /// A chunk below this size is copied onto the one before it: a peer that sends single bytes must not
    /// cost a receive buffer for each.
    private static let coalescedBytes = 4096

    private let capacity: Int
    private let limit: Int?
    private let requestRead: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - capacity: Bytes that may wait before reading from the socket stops.
    ///   - limit: Bytes that the whole body may have.
    ///   - requestRead: Asks the event loop for one read; called from any thread.
    init(capacity: Int, limit: Int?, requestRead: @escaping @Sendable () -> Void) {
        self.capacity = capacity
        self.limit = limit
        self.requestRead = requestRead
    }

    // MARK: The event loop's side

    /// Adds a chunk; false when the body exceeds its limit, and then it has failed.
    func append(_ chunk: ByteBuffer) -> Bool {
        typealias Resumption = (CheckedContinuation<ByteBuffer?, any Error>, Result<ByteBuffer?, HTTPTransportError>)
        let (accepted, resumption): (Bool, Resumption?) = state.withLock { state in
            guard !state.ended, state.failure == nil, chunk.readableBytes > 0 else { return (true, nil) }
            state.received += chunk.readableBytes
            if let limit, state.received > limit {
                let error = HTTPTransportError(.bodyTooLarge, "the body is larger than \(limit) bytes")
                state.failure = error
                return (false, state.takeWaiter().map { ($0, .failure(error)) })
            }
            if let waiter = state.takeWaiter() { return (true, (waiter, .success(chunk))) }
            state.bytes += chunk.readableBytes
            if chunk.readableBytes < Self.coalescedBytes, let last = state.chunks.indices.last,
                state.chunks[last].readableBytes < Self.coalescedBytes
            {
                state.chunks[last].writeImmutableBuffer(chunk)
            } else {
                state.chunks.append(chunk)
            }
            return (true, nil)
        }
        if let (waiter, result) = resumption { waiter.resume(with: result) }
        return accepted
    }

    /// The body is complete.
    func finish() {
        let waiter = state.withLock { state in
            state.ended = true
            return state.takeWaiter()
        }
        waiter?.resume(returning: nil)
    }

    /// Nothing more will come; what waits can still be read.
    func fail(_ error: HTTPTransportError) {
        let waiter: CheckedContinuation<ByteBuffer?, any Error>? = state.withLock { state in
            guard !state.ended, state.failure == nil else { return nil }
            state.failure = error
            return state.takeWaiter()
        }
        waiter?.resume(throwing: error)
    }

    /// One read from the socket is over; true when another is wanted, and then it counts as asked for.
    func readCompleted() -> Bool {
        state.withLock { state in
            state.readInFlight = state.pulled && state.wantsMore(below: capacity)
            return state.readInFlight
        }
    }

    /// Reads ahead although the reader has not pulled yet; true when the loop should read.
    func startReading() -> Bool {
        state.withLock { state in
            state.pulled = true
            guard !state.readInFlight, state.wantsMore(below: capacity) else { return false }
            state.readInFlight = true
            return true
        }
    }

    /// Whether the last byte has arrived.
    var isComplete: Bool { state.withLock { $0.ended } }

    /// Since when the reader waits for a chunk.
    var waitingSince: NIODeadline? { state.withLock { $0.waitingSince } }

    /// How long the reader has waited for chunks, all its waits together, and how many bytes have come.
    var progress: (waited: TimeAmount, received: Int) {
        state.withLock { state in
            (state.waited + (state.waitingSince.map { NIODeadline.now() - $0 } ?? .zero), state.received)
        }
    }

    // MARK: The reader's side

    /// The next chunk; nil at the end.
    func next() async throws -> ByteBuffer? {
        enum Step { case chunk(ByteBuffer?), failed(HTTPTransportError), wait }
        let (step, read): (Step, Bool) = state.withLock { state in
            state.pulled = true
            let step: Step
            if let chunk = state.chunks.popFirst() {
                state.bytes -= chunk.readableBytes
                step = .chunk(chunk)
            } else if state.ended {
                return (.chunk(nil), false)
            } else if let failure = state.failure {
                return (.failed(failure), false)
            } else {
                step = .wait
            }
            guard !state.readInFlight, state.wantsMore(below: capacity) else { return (step, false) }
            state.readInFlight = true
            return (step, true)
        }
        if read { requestRead() }
        switch step {
        case .chunk(let chunk): return chunk
        case .failed(let error): throw error
        case .wait: return try await wait()
        }
    }

    private func wait() async throws -> ByteBuffer? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let immediate: Result<ByteBuffer?, any Error>? = state.withLock { state in
                    if let chunk = state.chunks.popFirst() {
                        state.bytes -= chunk.readableBytes
                        return .success(chunk)
                    }
                    if state.ended { return .success(nil) }
                    if let failure = state.failure { return .failure(failure) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.waiter != nil {
                        return .failure(HTTPTransportError(.misuse, "a body has one reader"))
                    }
                    state.waiter = continuation
                    state.waitingSince = .now()
                    return nil
                }
                if let immediate { continuation.resume(with: immediate) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.takeWaiter() }
            waiter?.resume(throwing: CancellationError())
        }
    }
}

extension BodyInflow.State {
    fileprivate mutating func takeWaiter() -> CheckedContinuation<ByteBuffer?, any Error>? {
        if let waitingSince { waited = waited + (.now() - waitingSince) }
        waitingSince = nil
        defer { waiter = nil }
        return waiter
    }

    fileprivate func wantsMore(below capacity: Int) -> Bool { !ended && failure == nil && bytes < capacity }
}
