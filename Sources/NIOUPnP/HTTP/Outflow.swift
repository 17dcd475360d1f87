import NIOCore
import Synchronization

/// Counts the bytes that were handed to an event loop and have not reached the operating system, and
/// makes the sender wait while there are too many.
final class Outflow: Sendable {
    fileprivate struct State {
        var unsent = 0
        var failure: HTTPTransportError?
        var waiter: (continuation: CheckedContinuation<Void, any Error>, level: Int)?
        var waitingSince: NIODeadline?
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: Bytes that may be unsent before a sender waits.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Counts bytes that are about to be written; throws when the peer is gone.
    func submitted(_ bytes: Int) throws(HTTPTransportError) {
        let failure = state.withLock { state in
            if state.failure == nil { state.unsent += bytes }
            return state.failure
        }
        if let failure { throw failure }
    }

    /// Bytes have left.
    func sent(_ bytes: Int) {
        let waiter: CheckedContinuation<Void, any Error>? = state.withLock { state in
            state.unsent -= bytes
            if state.waitingSince != nil { state.waitingSince = .now() }
            guard let waiter = state.waiter, state.unsent <= waiter.level else { return nil }
            return state.takeWaiter()
        }
        waiter?.resume()
    }

    /// The peer is gone.
    func fail(_ error: HTTPTransportError) {
        let waiter: CheckedContinuation<Void, any Error>? = state.withLock { state in
            guard state.failure == nil else { return nil }
            state.failure = error
            return state.takeWaiter()
        }
        waiter?.resume(throwing: error)
    }

    /// Since when a sender waits without any byte leaving.
    var waitingSince: NIODeadline? { state.withLock { $0.waitingSince } }

    /// Waits until there is room for more.
    func room() async throws {
        let (full, failure) = state.withLock { ($0.unsent > capacity, $0.failure) }
        if let failure { throw failure }
        if full { try await wait(level: capacity / 2) }
    }

    /// Waits until every byte has left.
    func drained() async throws {
        let (pending, failure) = state.withLock { ($0.unsent > 0, $0.failure) }
        if let failure { throw failure }
        if pending { try await wait(level: 0) }
    }

    private func wait(level: Int) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let immediate: Result<Void, any Error>? = state.withLock { state in
                    if let failure = state.failure { return .failure(failure) }
                    if state.unsent <= level { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.waiter != nil {
                        return .failure(HTTPTransportError(.misuse, "a message has one sender"))
                    }
                    state.waiter = (continuation, level)
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

extension Outflow.State {
    fileprivate mutating func takeWaiter() -> CheckedContinuation<Void, any Error>? {
        waitingSince = nil
        defer { waiter = nil }
        return waiter?.continuation
    }
}
