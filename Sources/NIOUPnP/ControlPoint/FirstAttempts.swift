import Synchronization

/// Whose descriptions are being asked for the first time, so that a search can wait for them.
final class FirstAttempts: Sendable {
    private struct Waiter {
        var udns: Set<String>
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var running: Set<String> = []
        var waiters: [Int: Waiter] = [:]
        var nextID = 0

        mutating func finish(_ udns: Set<String>) -> [CheckedContinuation<Void, Never>] {
            running.subtract(udns)
            var done: [CheckedContinuation<Void, Never>] = []
            for (id, var waiter) in waiters {
                waiter.udns.subtract(udns)
                waiters[id] = waiter.udns.isEmpty ? nil : waiter
                if waiter.udns.isEmpty { done.append(waiter.continuation) }
            }
            return done
        }
    }

    private let state = Mutex(State())

    func begin(_ udn: String) { state.withLock { _ = $0.running.insert(udn) } }

    func end(_ udn: String) {
        let done = state.withLock { $0.running.contains(udn) ? $0.finish([udn]) : [] }
        for continuation in done { continuation.resume() }
    }

    func endAll() {
        let done = state.withLock { $0.finish($0.running) }
        for continuation in done { continuation.resume() }
    }

    /// Waits for those that are running at this moment, or until cancelled.
    func settle() async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.running.isEmpty || Task.isCancelled { return true }
                    state.waiters[id] = Waiter(udns: state.running, continuation: continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
    }
}
