import SUPnP

/// A store in memory: compare and swap, and nothing else.
struct MemoryGroupStore {
    private(set) var state = GroupState()
    private(set) var revision: UInt64 = 1
    /// All commits that were made, for tests that look into them.
    private(set) var commits: [[StateChange]] = []

    /// Makes the changes if the state has this revision; gives the next one.
    mutating func commit(_ changes: [StateChange], expected: UInt64) -> UInt64? {
        guard expected == revision else { return nil }
        state.apply(changes)
        commits.append(changes)
        revision += 1
        return revision
    }
}
