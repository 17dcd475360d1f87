import Synchronization

/// What has happened, in order, to be waited for.
final class Happenings<Event: Sendable>: Sendable {
    private struct Waiter {
        let holds: @Sendable (Event) -> Bool
        let continuation: CheckedContinuation<Event, any Error>
    }

    private struct State {
        var events: [Event] = []
        var waiters: [Int: Waiter] = [:]
        var last = 0
    }

    struct TooLate: Error, CustomStringConvertible {
        let description: String
    }

    private let state = Mutex(State())

    func add(_ event: Event) {
        let done = state.withLock { state in
            state.events.append(event)
            let ids = state.waiters.filter { $0.value.holds(event) }.keys
            return ids.compactMap { state.waiters.removeValue(forKey: $0)?.continuation }
        }
        for continuation in done { continuation.resume(returning: event) }
    }

    var all: [Event] { state.withLock { $0.events } }

    /// The first event that satisfies something: one that was, or one that comes within the limit.
    @discardableResult
    func first(
        _ what: String, after start: Int = 0, within limit: Duration = .seconds(15),
        where holds: @escaping @Sendable (Event) -> Bool
    ) async throws -> Event {
        try await withThrowingTaskGroup(of: Event.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await self.wait(start, holds) }
            group.addTask {
                try await Task.sleep(for: limit)
                throw TooLate(description: "no \(what) within \(limit); there was: \(self.all.dropFirst(start))")
            }
            guard let event = try await group.next() else { throw CancellationError() }
            return event
        }
    }

    private func wait(_ start: Int, _ holds: @escaping @Sendable (Event) -> Bool) async throws -> Event {
        let id = state.withLock { state in
            state.last += 1
            return state.last
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let known: Event? = state.withLock { state in
                    if let known = state.events.dropFirst(start).first(where: holds) { return known }
                    state.waiters[id] = Waiter(holds: holds, continuation: continuation)
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }
}
