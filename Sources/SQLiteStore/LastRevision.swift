import Synchronization
import TrustCore

/// What one watcher of a store has seen.
final class LastRevision: Sendable {
    private struct State {
        var last: StoreRevision?
        var failures = 0
    }

    /// How many reads in a row may fail before the watcher takes the store for closed.
    private static let failureLimit = 20

    private let state = Mutex(State())

    /// Whether the revision is one that was not seen yet.
    func advance(to revision: StoreRevision) -> Bool {
        state.withLock { state in
            state.failures = 0
            guard state.last.map({ $0 < revision }) ?? true else { return false }
            state.last = revision
            return true
        }
    }

    /// Counts a failed read; whether there were too many.
    func isOver() -> Bool {
        state.withLock { state in
            state.failures += 1
            return state.failures >= Self.failureLimit
        }
    }
}
