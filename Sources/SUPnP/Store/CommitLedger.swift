/// The order of a machine's commits: at most one is on its way, and what depends on it waits for it.
///
///     idle ──begin──▶ waiting ──committed──▶ idle
///                     waiting ──conflict──▶ stale ──reread──▶ idle
///     idle ──outdated──▶ stale
///
/// A step that conflicts is discarded whole: what it staged and what it would have sent.
struct CommitLedger<Step> {
    private enum State {
        case idle
        case waiting(Step)
        case stale
    }

    private var state = State.idle
    /// The revision of the state that the machine has.
    private(set) var revision: UInt64

    init(revision: UInt64) { self.revision = revision }

    /// Whether a commit may begin.
    var isIdle: Bool {
        if case .idle = state { true } else { false }
    }

    /// Begins a commit; gives the revision that it expects. Only when ``isIdle``.
    mutating func begin(_ step: Step) -> UInt64 {
        precondition(isIdle, "one commit at a time")
        state = .waiting(step)
        return revision
    }

    /// The commit has been made, and the state has this revision: gives its step. Nil if none is on its way.
    mutating func committed(revision: UInt64) -> Step? {
        guard case .waiting(let step) = state, revision > self.revision else { return nil }
        self.revision = revision
        state = .idle
        return step
    }

    /// The state has another revision than expected: the step is over. Gives it, for what it was wanted for; nil if
    /// none is on its way.
    mutating func conflicted() -> Step? {
        guard case .waiting(let step) = state else { return nil }
        state = .stale
        return step
    }

    /// The state has another revision, although no commit is on its way. False if one is: it will conflict itself.
    mutating func outdated() -> Bool {
        guard case .idle = state else { return false }
        state = .stale
        return true
    }

    /// The state has been read again. False unless that was wanted.
    mutating func reread(revision: UInt64) -> Bool {
        guard case .stale = state else { return false }
        self.revision = revision
        state = .idle
        return true
    }
}
