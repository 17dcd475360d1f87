package import AccessPolicy
import FoundationEssentials
import TrustCore

/// What every `PolicyStore` promises. Each case takes a store that is fresh.
package enum PolicyStoreConformance {
    /// A store, or two views of the same one.
    package struct Views: Sendable {
        /// The store.
        package let store: any PolicyStore
        /// The same store, as another process sees it.
        package let other: any PolicyStore

        /// Makes a pair.
        package init(_ store: any PolicyStore, _ other: any PolicyStore) {
            self.store = store
            self.other = other
        }
    }

    private static let now = TrustFixtures.now

    /// All cases.
    package static let cases: [ConformanceCase<Views>] =
        versionCases + consentCases + [
            .init("watchers are told of a new policy and of a consent") { views in
                let subject = try someone("a")
                var changes = views.other.policyChanges().makeAsyncIterator()
                let first = await changes.next()
                _ = try await views.store.replacePolicy(text: "policy: 1\n", expecting: nil, author: "a", now: now)
                let second = await changes.next()
                try await views.store.recordConsent(rule: "r", subject: subject, author: "a", now: now)
                let third = await changes.next()
                guard let first, let second, let third else { throw BrokenPromise(description: "the stream ended") }
                try expectHolds(first < second && second < third)
            }
        ]

    private static let versionCases: [ConformanceCase<Views>] = [
        .init("a fresh store has no policy, no versions and no consents") { views in
            try expectEqual(try await views.store.storedPolicy(), nil)
            try expectEqual(try await views.store.policyVersions(limit: 8), [])
            try expectEqual(try await views.store.consents(), [])
        },
        .init("a policy is in force for everybody once it is stored") { views in
            let text = "policy: 1\n# Küche\n"
            let stored = try await views.store.replacePolicy(text: text, expecting: 0, author: "anna", now: now)
            try expectEqual(
                stored,
                StoredPolicy(
                    version: 1, text: text, author: "anna", storedAt: now, sha256: PolicyChanges.digest(of: text)))
            try expectEqual(try await views.other.storedPolicy(), stored)
        },
        .init("a policy that was written on an older one is a conflict and changes nothing") { views in
            let first = try await views.store.replacePolicy(text: "a", expecting: 0, author: "a", now: now)
            try await expectStoreError(.conflict) {
                _ = try await views.other.replacePolicy(text: "b", expecting: 0, author: "b", now: now)
            }
            try expectEqual(try await views.store.storedPolicy(), first)
            let second = try await views.other.replacePolicy(text: "b", expecting: 1, author: "b", now: now)
            try expectEqual(second.version, 2)
            try expectEqual(
                try await views.store.replacePolicy(text: "c", expecting: nil, author: "c", now: now).version, 3)
        },
        .init("what is too large, or of nobody, is not stored") { views in
            let large = String(repeating: "#", count: PolicyStoreLimits.textBytes + 1)
            try await expectStoreError(.invalid) {
                _ = try await views.store.replacePolicy(text: large, expecting: nil, author: "a", now: now)
            }
            try await expectStoreError(.invalid) {
                _ = try await views.store.replacePolicy(text: "a", expecting: nil, author: "", now: now)
            }
            try expectEqual(try await views.store.storedPolicy(), nil)
        },
        .init("the newest 64 versions are kept, the newest first, and numbers never come again") { views in
            for number in 1...70 {
                _ = try await views.store.replacePolicy(text: "\(number)", expecting: nil, author: "a", now: now)
            }
            let kept = try await views.other.policyVersions(limit: 1000)
            try expectEqual(kept.map(\.version), Array((7...70).reversed()))
            try expectEqual(kept.first?.text, "70")
            try expectEqual(try await views.other.policyVersions(limit: 2).map(\.version), [70, 69])
            try expectEqual(try await views.other.policyVersions(limit: -1), [])
        },
    ]

    private static let consentCases: [ConformanceCase<Views>] = [
        .init("a consent is kept once and can be taken back") { views in
            let (alice, bob) = (try someone("alice"), try someone("bob"))
            try await views.store.recordConsent(rule: "r2", subject: bob, author: "anna", now: now)
            try await views.store.recordConsent(rule: "r1", subject: alice, author: "anna", now: now)
            try await views.other.recordConsent(rule: "r1", subject: alice, author: "else", now: now + 60)
            try expectEqual(
                try await views.other.consents(),
                [
                    PolicyConsent(rule: "r1", subject: alice, author: "anna", givenAt: now),
                    PolicyConsent(rule: "r2", subject: bob, author: "anna", givenAt: now),
                ])
            try await views.other.withdrawConsent(rule: "r1", subject: alice)
            try await views.other.withdrawConsent(rule: "r1", subject: alice)
            try expectEqual(try await views.store.consents().map(\.rule), ["r2"])
        },
        .init("a consent to what is no rule's name is refused") { views in
            let alice = try someone("alice")
            for name in ["", "two words", "grant:full"] {
                try await expectStoreError(.invalid) {
                    try await views.store.recordConsent(rule: name, subject: alice, author: "a", now: now)
                }
            }
        },
    ]

    private static func someone(_ name: String) throws -> SubjectID {
        guard let id = SubjectID(name) else { throw BrokenPromise(description: "no id") }
        return id
    }
}
