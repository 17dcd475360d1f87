package import AccessPolicy
import TrustCore

/// Where a gateway's policy comes from: the store that keeps its text and consents, and who reads the text.
package struct PolicySource: Sendable {
    /// Keeps text and consents.
    package let store: any PolicyStore
    /// Reads a policy's text; throws what is wrong with it.
    package let parse: @Sendable (String) throws -> PolicyDocument

    /// Brings the two together.
    package init(store: any PolicyStore, parse: @escaping @Sendable (String) throws -> PolicyDocument) {
        self.store = store
        self.parse = parse
    }

    /// What is in force.
    func content(with ledger: TrustLedger) async throws -> PolicyBook.Content {
        let stored = try await store.storedPolicy()
        var consents: [SubjectID: Set<String>] = [:]
        for consent in try await store.consents() { consents[consent.subject, default: []].insert(consent.rule) }
        return PolicyBook.Content(
            document: try stored.map { try parse($0.text) }, ledger: ledger, consents: consents)
    }
}
