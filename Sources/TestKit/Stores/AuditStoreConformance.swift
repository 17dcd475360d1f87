import FoundationEssentials
package import TrustCore

/// What every `AuditStore` promises. Each case takes a fresh gateway's store that keeps 64 entries.
package enum AuditStoreConformance {
    /// The bounds that the stores of these cases have.
    package static let limits = AuditLimits(entries: 64, bytes: 1 << 20)

    /// All cases.
    package static let cases: [ConformanceCase<any GatewayStore>] = [
        .init("before there is an identity nothing is written") { store in
            try expectEqual(try await store.audit([AuditEvent(.login)], now: TrustFixtures.now), nil)
            try expectEqual(try await store.auditEntries(AuditQuery()), [])
        },
        .init("the identity is the first entry, and every append ends with a checkpoint that fits") { store in
            let fixtures = try await established(store)
            let checkpoint = try await store.audit([event("a"), event("b")], now: TrustFixtures.now)
            let entries = try await store.auditEntries(AuditQuery())
            try expectEqual(entries.map(\.sequence), [1, 2, 3])
            try expectEqual(entries.map(\.event.kind), [.established, .decision, .decision])
            try expectEqual(checkpoint?.sequence, 3)
            try expectEqual(checkpoint?.head, entries.last?.head)
            try expectEqual(try await store.auditCheckpoints().last, checkpoint)
            try expectEqual(try await findings(store, fixtures), [])
        },
        .init("a pairing and a revocation are entries of their own transactions") { store in
            var fixtures = try await established(store)
            let subject = try await fixtures.pair("laptop", in: store)
            _ = try await store.revoke(subject.id, now: TrustFixtures.now)
            let kinds = try await store.auditEntries(AuditQuery()).map(\.event.kind)
            try expectEqual(
                kinds, [.established, .codeMade, .paired, .certificateIssued, .grantChanged, .revoked])
            try expectEqual(try await store.auditCheckpoints().last?.sequence, 6)
            try expectEqual(try await store.auditEntries(AuditQuery()).last?.event.client, "laptop")
            try expectEqual(try await findings(store, fixtures), [])
        },
        .init("a change of the ledger that is refused leaves no entry") { store in
            _ = try await established(store)
            guard let nobody = SubjectID("nobody") else { return }
            try await expectStoreError(.notFound) { _ = try await store.revoke(nobody, now: TrustFixtures.now) }
            try expectEqual(try await store.auditEntries(AuditQuery()).count, 1)
        },
        .init("entries are found by client, device, time, outcome and action") { store in
            _ = try await established(store)
            let now = TrustFixtures.now + 100
            try await store.audit([event("x", client: "one", device: "uuid:1")], now: now)
            try await store.audit([event("y", .denied, client: "two", device: "uuid:2")], now: now + 10)
            func found(_ change: (inout AuditQuery) -> Void) async throws -> [String?] {
                var query = AuditQuery()
                query.after = 1
                query.since = now
                change(&query)
                return try await store.auditEntries(query).map(\.event.action)
            }
            try expectEqual(try await found { $0.client = "one" }, ["x"])
            try expectEqual(try await found { $0.device = "uuid:2" }, ["y"])
            try expectEqual(try await found { $0.outcome = .denied }, ["y"])
            try expectEqual(try await found { $0.until = now + 5 }, ["x"])
            try expectEqual(try await found { $0.since = now + 5 }, ["y"])
            try expectEqual(try await found { $0.action = "x" }, ["x"])
            try expectEqual(try await found { $0.limit = 1 }, ["x"])
            try expectEqual(
                try await found {
                    $0.limit = 1
                    $0.newest = true
                }, ["y"])
        },
        .init("the log stays bounded, and what is left of removed entries is signed and fits") { store in
            let fixtures = try await established(store)
            for number in 0..<100 { try await store.audit([event("\(number)")], now: TrustFixtures.now) }
            let entries = try await store.auditEntries(AuditQuery())
            try expectHolds(entries.count <= limits.entries + 1, "\(entries.count) entries are kept")
            let stub = try await store.auditStub()
            try expectHolds(stub != nil, "there is no stub")
            try expectEqual(entries.first?.sequence, stub.map { $0.through + 1 })
            try expectHolds(entries.contains { $0.event.kind == .pruned }, "the removal is no entry")
            try expectEqual(try await findings(store, fixtures), [])
        },
        .init("long texts are cut and still verify") { store in
            let fixtures = try await established(store)
            try await store.audit([event(String(repeating: "ä", count: 1000))], now: TrustFixtures.now)
            let text = try await store.auditEntries(AuditQuery()).last?.event.action
            try expectEqual(text?.utf8.count, AuditLimits.textBytes)
            try expectEqual(try await findings(store, fixtures), [])
        },
        .init("another credential of a subject is entered, and kept while it is the one that renews") { store in
            var fixtures = try await established(store)
            let subject = try await fixtures.pair("laptop", in: store)
            let first = try await store.ledger().credentials[0]
            for _ in 0..<20 {
                try await store.addCredential(
                    try fixtures.credential(for: subject.id), renewing: first.fingerprint, now: TrustFixtures.now)
            }
            let credentials = try await store.ledger().credentials
            try expectEqual(credentials.count, StoreLimits().credentialsPerSubject)
            try expectHolds(credentials.contains(first), "the renewing certificate was dropped")
            _ = try await store.revoke(subject.id, now: TrustFixtures.now)
            let late = try fixtures.credential(for: subject.id)
            try await expectStoreError(.notFound) {
                try await store.addCredential(late, renewing: nil, now: TrustFixtures.now)
            }
        },
    ]

    /// Makes the identity of a store.
    package static func established(_ store: any GatewayStore) async throws -> TrustFixtures {
        let fixtures = try TrustFixtures()
        _ = try await store.establish(fixtures.gateway)
        return fixtures
    }

    /// What is wrong with a store's log.
    package static func findings(
        _ store: any GatewayStore, _ fixtures: TrustFixtures, against: AuditCheckpoint? = nil
    ) async throws -> [AuditVerification.Finding] {
        var check = AuditVerification(
            authority: fixtures.gateway.authority.certificate, stub: try await store.auditStub(),
            checkpoints: try await store.auditCheckpoints(), against: against)
        for entry in try await store.auditEntries(AuditQuery()) { check.take(entry) }
        return check.finish()
    }

    private static func event(
        _ action: String, _ outcome: AuditEvent.Outcome = .permitted, client: String? = nil, device: String? = nil
    ) -> AuditEvent {
        AuditEvent(.decision, outcome, client: client, device: device, action: action)
    }
}
