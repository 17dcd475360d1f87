import Synchronization

/// Lets so many through at one time; the others wait in their order, so many of them at most.
final class TaskGate: Sendable {
    /// Whether somebody is let through.
    enum Entry: Hashable, Sendable {
        /// It is, and has to leave once.
        case entered
        /// Too many wait.
        case full
        /// Its task was cancelled.
        case cancelled
    }

    private struct Waiter {
        var id: Int
        var continuation: CheckedContinuation<Entry, Never>
    }

    private struct State {
        var inside = 0
        var waiting: [Waiter] = []
        var nextID = 0
    }

    private let limit: Int
    private let queue: Int
    private let state = Mutex(State())

    init(limit: Int, queue: Int) {
        self.limit = limit
        self.queue = queue
    }

    /// Waits for a turn. Whoever is let through calls ``leave()``.
    func enter() async -> Entry {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let entry: Entry? = state.withLock { state in
                    if Task.isCancelled { return .cancelled }
                    if state.inside < limit {
                        state.inside += 1
                        return .entered
                    }
                    guard state.waiting.count < queue else { return .full }
                    state.waiting.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let entry { continuation.resume(returning: entry) }
            }
        } onCancel: {
            let waiter: Waiter? = state.withLock { state in
                guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
                return state.waiting.remove(at: index)
            }
            waiter?.continuation.resume(returning: .cancelled)
        }
    }

    /// Hands the turn to whoever waits longest.
    func leave() {
        let next: Waiter? = state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.inside -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.continuation.resume(returning: .entered)
    }
}
