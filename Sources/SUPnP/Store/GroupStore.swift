/// Where a group's durable state is kept: compare and swap on one revision (group keys specification 3.12.1).
///
/// A commit is on the disk, all of it or nothing, when ``commit(_:expectedRevision:)`` returns. A failure is thrown:
/// whether the commit was made is then not known, and the state is to be loaded again before anything is sent.
package protocol GroupStore: Sendable {
    /// The state as it is, and its revision. A group that has just been made has an empty state.
    func load() async throws -> (state: GroupState, revision: UInt64)

    /// The state's revision alone. It is asked twice a second, so that it should cost little: by it a controller knows
    /// that its store answers, and that nobody else has changed the state.
    func revision() async throws -> UInt64

    /// Makes the changes, all or none, if the state still has this revision. Gives the next revision, which is greater;
    /// nil if the state has another one, and nothing was changed.
    func commit(_ changes: [StateChange], expectedRevision: UInt64) async throws -> UInt64?
}

extension GroupStore {
    package func revision() async throws -> UInt64 { try await load().revision }
}
