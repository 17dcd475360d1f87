package import FoundationEssentials
import Synchronization
package import TrustCore

/// A policy store that lasts as long as the process: for tests, and the measure of what the protocol means.
package final class InMemoryPolicyStore: PolicyStore {
    private struct State {
        var versions: [StoredPolicy] = []
        var consents: [PolicyConsent] = []
        var revision = StoreRevision(0)
    }

    private let state = Mutex(State())
    private let watchers = RevisionWatchers()

    /// Makes an empty store.
    package init() { watchers.announce(StoreRevision(0)) }

    package func storedPolicy() async throws -> StoredPolicy? { state.withLock { $0.versions.last } }

    package func replacePolicy(
        text: String, expecting version: Int?, author: String, now: Date
    ) async throws -> StoredPolicy {
        try change { state throws(StoreError) in
            let policy = try PolicyChanges.next(
                after: state.versions.last, text: text, expecting: version, author: author, now: now)
            state.versions.append(policy)
            state.versions.removeFirst(max(0, state.versions.count - PolicyStoreLimits.versions))
            return policy
        }
    }

    package func policyVersions(limit: Int) async throws -> [StoredPolicy] {
        state.withLock { $0.versions.suffix(max(limit, 0)).reversed() }
    }

    package func consents() async throws -> [PolicyConsent] {
        state.withLock { state in
            state.consents.sorted { ($0.rule, $0.subject.rawValue) < ($1.rule, $1.subject.rawValue) }
        }
    }

    package func recordConsent(rule: String, subject: SubjectID, author: String, now: Date) async throws {
        try change { state throws(StoreError) in
            if state.consents.contains(where: { $0.rule == rule && $0.subject == subject }) { return }
            try PolicyChanges.checkConsent(rule: rule, author: author, count: state.consents.count)
            state.consents.append(PolicyConsent(rule: rule, subject: subject, author: author, givenAt: now))
        }
    }

    package func withdrawConsent(rule: String, subject: SubjectID) async throws {
        change { $0.consents.removeAll { $0.rule == rule && $0.subject == subject } }
    }

    package func policyChanges() -> AsyncStream<StoreRevision> { watchers.watch() }

    private func change<Result: Sendable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let (result, revision) = try state.withLock { state throws(Failure) in
            let result = try body(&state)
            state.revision = state.revision.next
            return (result, state.revision)
        }
        watchers.announce(revision)
        return result
    }
}
