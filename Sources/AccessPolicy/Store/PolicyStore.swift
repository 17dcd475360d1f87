package import FoundationEssentials
package import TrustCore

/// A version of the policy as it is kept.
package struct StoredPolicy: Hashable, Sendable {
    /// Counts from 1 and never twice the same; a policy that was taken back is a new version with an old text.
    package let version: Int
    /// The text, as it was written.
    package let text: String
    /// Who put it there, for people.
    package let author: String
    /// When.
    package let storedAt: Date
    /// The SHA-256 of the text's UTF-8, in lower-case hexadecimal.
    package let sha256: String

    /// Makes a record.
    package init(version: Int, text: String, author: String, storedAt: Date, sha256: String) {
        self.version = version
        self.text = text
        self.author = author
        self.storedAt = storedAt
        self.sha256 = sha256
    }
}

/// That somebody at the gateway consented to a client's first use of a rule.
package struct PolicyConsent: Hashable, Sendable {
    /// The rule's name.
    package let rule: String
    /// The client.
    package let subject: SubjectID
    /// Who consented, for people.
    package let author: String
    /// When.
    package let givenAt: Date

    /// Makes a consent.
    package init(rule: String, subject: SubjectID, author: String, givenAt: Date) {
        self.rule = rule
        self.subject = subject
        self.author = author
        self.givenAt = givenAt
    }
}

/// Where the policy and its consents are kept. One conformance suite holds for every implementation. A call that
/// returned has its effect on durable storage. Errors are `StoreError`.
package protocol PolicyStore: Sendable {
    /// The policy in force; nil before the first.
    func storedPolicy() async throws -> StoredPolicy?
    /// Puts a policy in force. `expecting` is the version that its author saw, 0 for none, nil for whichever is there.
    /// Throws `conflict` when another is in force, and `invalid` for a text of more than 1 MiB or an author of more than
    /// 128 bytes. Whether the text is a policy is not looked at here.
    func replacePolicy(text: String, expecting version: Int?, author: String, now: Date) async throws -> StoredPolicy
    /// The newest versions, the newest first; at most `limit` and at most `PolicyStoreLimits.versions`.
    func policyVersions(limit: Int) async throws -> [StoredPolicy]
    /// All consents, by rule and subject.
    func consents() async throws -> [PolicyConsent]
    /// Records a consent; one that is there stays as it was. Throws `full` when there are too many, and `invalid` for what
    /// is no rule's name.
    func recordConsent(rule: String, subject: SubjectID, author: String, now: Date) async throws
    /// Takes a consent back; does nothing when there is none.
    func withdrawConsent(rule: String, subject: SubjectID) async throws
    /// A revision each time that policy or consents may have changed, in any process, within 200 ms. A store that is a
    /// `GatewayStore` too tells it by the same stream.
    func policyChanges() -> AsyncStream<StoreRevision>
}

/// How much a policy store keeps.
package enum PolicyStoreLimits {
    /// Versions of the policy; the oldest go first.
    package static let versions = 64
    /// Consents.
    package static let consents = 4096
    /// Bytes of a policy's text.
    package static let textBytes = 1 << 20
    /// Bytes of an author's name.
    package static let authorBytes = 128
}
