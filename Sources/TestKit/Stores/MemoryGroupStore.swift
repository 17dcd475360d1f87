package import SUPnP
import Synchronization

/// A store in memory: compare and swap, and nothing else.
package final class MemoryGroupStore: GroupStore {
    private struct Content {
        var state = GroupState()
        var revision: UInt64 = 1
        var commits: [[StateChange]] = []
    }

    private let content = Mutex(Content())

    /// A store of a group that has just been made.
    package init() {}

    /// The state as it is.
    package var state: GroupState { content.withLock { $0.state } }
    /// Its revision.
    package var revision: UInt64 { content.withLock { $0.revision } }
    /// All commits that were made, for tests that look into them.
    package var commits: [[StateChange]] { content.withLock { $0.commits } }

    package func load() async throws -> (state: GroupState, revision: UInt64) {
        content.withLock { ($0.state, $0.revision) }
    }

    package func commit(_ changes: [StateChange], expectedRevision: UInt64) async throws -> UInt64? {
        commit(changes, expected: expectedRevision)
    }

    /// Makes the changes at once if the state has this revision; gives the next one.
    package func commit(_ changes: [StateChange], expected: UInt64) -> UInt64? {
        content.withLock { content in
            guard expected == content.revision else { return nil }
            content.state.apply(changes)
            content.commits.append(changes)
            content.revision += 1
            return content.revision
        }
    }
}
