import SUPnP
import Synchronization

/// A request that was sent. When nobody holds it any more, the machine forgets it.
final class OpenRequest: Sendable {
    private struct State {
        var id: UInt64?
        var completion: GroupCompletion?
        var dropped = 0
        var isAccepted = false
    }

    private let stream: AsyncThrowingStream<GroupRequestUpdate, any Error>
    private let continuation: AsyncThrowingStream<GroupRequestUpdate, any Error>.Continuation
    private let state = Mutex(State())
    private let closed: @Sendable (UInt64?) -> Void

    /// - Parameter closed: Called once when nobody reads any more, with the request's number if it was sent.
    init(limit: Int, closed: @escaping @Sendable (UInt64?) -> Void) {
        (stream, continuation) = AsyncThrowingStream.makeStream(
            of: GroupRequestUpdate.self, bufferingPolicy: .bufferingOldest(max(limit, 1)))
        self.closed = closed
    }

    deinit { closed(state.withLock { $0.id }) }

    /// The machine has given it this number.
    func sent(as id: UInt64) { state.withLock { $0.id = id } }

    /// How it ended; nil before it has.
    var completion: GroupCompletion? { state.withLock { $0.completion } }

    /// The next update but the last; nil at the end. For one reader.
    func next() async throws -> GroupRequestUpdate? {
        var iterator = stream.makeAsyncIterator()
        return try await iterator.next()
    }

    /// What the network brought.
    var sink: Sink { Sink(request: self) }

    /// Where the network's side puts what it has; it does not keep the request alive.
    struct Sink: Sendable {
        weak let request: OpenRequest?

        func accepted() {
            guard let request, request.state.withLock({ $0.isAccepted.setTrue() }) else { return }
            request.continuation.yield(.accepted)
        }

        func answer(_ answer: GroupAnswer) {
            accepted()
            guard let request, case .dropped = request.continuation.yield(.answer(answer)) else { return }
            request.state.withLock { $0.dropped += 1 }
        }

        func completed(answers: Int, reason: GroupCompletion.Reason) {
            guard let request else { return }
            request.state.withLock {
                $0.completion = GroupCompletion(answers: answers, reason: reason, dropped: $0.dropped)
            }
            request.continuation.finish()
        }

        func failed(_ error: any Error) { request?.continuation.finish(throwing: error) }
    }
}

extension Bool {
    /// Sets it; true if it was not set before.
    fileprivate mutating func setTrue() -> Bool {
        defer { self = true }
        return !self
    }
}
