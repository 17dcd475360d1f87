import NIOCore
import NetworkTypes
import Synchronization

/// Bounds how many calls are on their way to one host; the others wait in order.
final class CallGate: Sendable {
    private struct Waiter {
        var id: Int
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct Host {
        var running = 0
        var waiting: [Waiter] = []
    }

    private struct State {
        var hosts: [IPAddress: Host] = [:]
        var nextID = 0
    }

    private let limit: Int
    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    init(limit: Int, eventLoop: any EventLoop) {
        self.limit = max(1, limit)
        self.eventLoop = eventLoop
    }

    /// Runs `call` when it is its turn.
    ///
    /// - Throws: `HTTPTransportError` `timedOut` when the turn does not come in time, `CancellationError`.
    func withTurn<Result: Sendable>(
        _ host: IPAddress, within time: Duration, _ call: () async throws -> Result
    ) async throws -> Result {
        guard await enter(host, within: time) else {
            try Task.checkCancellation()
            throw HTTPTransportError(.timedOut, "\(limit) calls before this one took longer than \(time)")
        }
        defer { leave(host) }
        return try await call()
    }

    private func enter(_ host: IPAddress, within time: Duration) async -> Bool {
        let id: Int? = state.withLock { state in
            guard state.hosts[host, default: Host()].running >= limit else {
                state.hosts[host, default: Host()].running += 1
                return nil
            }
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return true }
        let timer = eventLoop.scheduleTask(in: TimeAmount(time)) { self.giveUp(id, host) }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let result: Bool? = state.withLock { state in
                    if Task.isCancelled { return false }
                    var entry = state.hosts[host, default: Host()]
                    defer { state.hosts[host] = entry }
                    // A turn may have become free since.
                    if entry.running < limit {
                        entry.running += 1
                        return true
                    }
                    entry.waiting.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let result { continuation.resume(returning: result) }
            }
        } onCancel: {
            giveUp(id, host)
        }
    }

    private func giveUp(_ id: Int, _ host: IPAddress) {
        let waiter: Waiter? = state.withLock { state in
            guard let index = state.hosts[host]?.waiting.firstIndex(where: { $0.id == id }) else { return nil }
            return state.hosts[host]?.waiting.remove(at: index)
        }
        waiter?.continuation.resume(returning: false)
    }

    /// Hands the turn to who waits longest.
    private func leave(_ host: IPAddress) {
        let next: Waiter? = state.withLock { state in
            guard var entry = state.hosts[host] else { return nil }
            if !entry.waiting.isEmpty {
                let next = entry.waiting.removeFirst()
                state.hosts[host] = entry
                return next
            }
            entry.running -= 1
            state.hosts[host] = entry.running == 0 ? nil : entry
            return nil
        }
        next?.continuation.resume(returning: true)
    }
}
