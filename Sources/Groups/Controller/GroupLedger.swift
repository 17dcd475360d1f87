import SUPnP
import Synchronization

/// The group's durable state as the store has confirmed it: what commands wait for and reports are made of.
///
/// The key manager has a state of its own. This one knows of every commit that has been made, a moment before the key
/// manager does, and can be asked from any thread.
final class GroupLedger: Sendable {
    private struct Waiter {
        let holds: @Sendable (GroupState) -> Bool
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct Contents: Sendable {
        var group = GroupState()
        var revision: UInt64 = 0
        var waiters: [UInt64: Waiter] = [:]
        var lastWaiter: UInt64 = 0
        /// Why nothing will come any more; nil while the controller runs.
        var end: GroupControllerError? = .stopped
    }

    private let contents = Mutex(Contents())
    private let mayDoom: @Sendable () -> Void

    /// `mayDoom` is called when the state has been read anew or devices are enrolled: somebody may have to go.
    init(mayDoom: @escaping @Sendable () -> Void = {}) { self.mayDoom = mayDoom }

    /// The state has been read.
    func reset(_ group: GroupState, revision: UInt64) {
        change { contents in
            contents.group = group
            contents.revision = revision
            contents.end = nil
        }
        mayDoom()
    }

    /// A commit has been made.
    func applied(_ changes: [StateChange], revision: UInt64) {
        change { contents in
            contents.group.apply(changes)
            contents.revision = revision
        }
        if changes.contains(where: { if case .enrolled = $0 { true } else { false } }) { mayDoom() }
    }

    /// Nothing will be committed any more: whoever waits is told so.
    func ended(_ error: GroupControllerError) {
        let left = contents.withLock { contents in
            contents.end = error
            defer { contents.waiters = [:] }
            return contents.waiters.values.map(\.continuation)
        }
        for continuation in left { continuation.resume(throwing: error) }
    }

    /// Looks at the state.
    func read<Value: Sendable>(_ body: (borrowing GroupState) throws -> Value) rethrows -> Value {
        try contents.withLock { try body($0.group) }
    }

    /// The revision of the last commit.
    var revision: UInt64 { contents.withLock { $0.revision } }

    /// Returns as soon as something holds; throws when it will not any more, or when the task is cancelled.
    func wait(until holds: @escaping @Sendable (GroupState) -> Bool) async throws {
        let id = contents.withLock { contents in
            contents.lastWaiter += 1
            return contents.lastWaiter
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let result: Result<Void, any Error>? = contents.withLock { contents in
                    if let end = contents.end { return .failure(end) }
                    if holds(contents.group) { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    contents.waiters[id] = Waiter(holds: holds, continuation: continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let waiter = contents.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    private func change(_ body: (inout sending Contents) -> Void) {
        let done = contents.withLock { contents in
            body(&contents)
            let ids = contents.waiters.filter { $0.value.holds(contents.group) }.keys
            return ids.compactMap { contents.waiters.removeValue(forKey: $0)?.continuation }
        }
        for continuation in done { continuation.resume() }
    }
}
