import FoundationEssentials
import TrustCore

private let now = TrustFixtures.now

extension GatewayStoreConformance {
    static let pairingCases: [ConformanceCase<Views>] = [
        .init("a pairing writes subject, credential and grant at once and uses the code up") { views in
            var fixtures = try TrustFixtures()
            let order = fixtures.draft("phone", scope: .deviceTypes(["urn:a:device:B:1"]), sharing: false)
            let pairing = try await views.store.addPairing(
                order.draft, id: order.id, newSubject: fixtures.subjectID(), now: now, expiresAt: now + 600
            )
            try expectEqual(try await views.other.ledger().pairings, [pairing])
            let credential = try fixtures.credential(for: pairing.subject)
            let outcome = try await views.other.redeem(
                Redemption(pairing: order.id, credential: credential), now: now + 1.25
            )
            let subject = Subject(id: pairing.subject, name: "phone", createdAt: now + 1.25)
            try expectEqual(outcome, .paired(subject))
            let ledger = try await views.store.ledger()
            try expectEqual(ledger.subjects, [subject])
            try expectEqual(ledger.credentials, [credential])
            try expectEqual(
                ledger.grants,
                [Grant(subject: subject.id, scope: .deviceTypes(["urn:a:device:B:1"]), sharing: false)]
            )
            try expectEqual(ledger.pairings.map(\.state), [.used])
            try expectEqual(ledger.pairings.map(\.key), [nil])
        },
        .init("the identity of an introduction is entered with the certificate, whoever had it before") { views in
            var fixtures = try TrustFixtures()
            let orders = [fixtures.draft("phone"), fixtures.draft("tablet")]
            let introduced = try fixtures.credential(for: fixtures.subjectID()).fingerprint
            func identity(of subject: SubjectID) -> Credential {
                Credential(
                    fingerprint: introduced, subject: subject, kind: .deviceProtection, notBefore: now,
                    notAfter: now + 60)
            }
            for order in orders {
                let pairing = try await add(order, in: views.store, &fixtures)
                let credential = try fixtures.credential(for: pairing.subject)
                try await expectStoreError(.invalid) {
                    _ = try await views.store.redeem(
                        Redemption(
                            pairing: order.id, credential: credential, introduced: identity(of: fixtures.subjectID())),
                        now: now)
                }
                _ = try await views.store.redeem(
                    Redemption(
                        pairing: order.id, credential: credential, introduced: identity(of: pairing.subject)),
                    now: now)
                let entered = try await views.other.ledger().credentials
                try expectEqual(
                    entered.filter { $0.kind == .deviceProtection }, [identity(of: pairing.subject)])
                try expectEqual(entered.contains(credential), true)
            }
        },
        .init("a used code is refused and writes nothing") { views in
            var fixtures = try TrustFixtures()
            let order = fixtures.draft("phone")
            let pairing = try await add(order, in: views.store, &fixtures)
            let first = try fixtures.credential(for: pairing.subject)
            let second = try fixtures.credential(for: pairing.subject)
            _ = try await views.store.redeem(Redemption(pairing: order.id, credential: first), now: now)
            let before = try await views.store.ledger()
            let outcome = try await views.other.redeem(Redemption(pairing: order.id, credential: second), now: now)
            try expectEqual(outcome, .refused(.used))
            try expectEqual(try await views.store.ledger(), before)
        },
        .init("of many who use one code at once, exactly one is paired") { views in
            var fixtures = try TrustFixtures()
            let order = fixtures.draft("phone")
            let pairing = try await add(order, in: views.store, &fixtures)
            let credentials = try (0..<8).map { _ in try fixtures.credential(for: pairing.subject) }
            let outcomes = try await withThrowingTaskGroup(of: RedemptionOutcome.self) { group in
                for (index, credential) in credentials.enumerated() {
                    let store = index % 2 == 0 ? views.store : views.other
                    group.addTask {
                        try await store.redeem(Redemption(pairing: order.id, credential: credential), now: now)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let refused = outcomes.filter { $0 == .refused(.used) }
            try expectEqual(refused.count, credentials.count - 1)
            try expectEqual(try await views.store.ledger().credentials.count, 1)
        },
        .init("an expired, an unknown and a cancelled code are refused by name") { views in
            var fixtures = try TrustFixtures()
            let order = fixtures.draft("phone")
            let pairing = try await add(order, in: views.store, &fixtures)
            let redemption = Redemption(pairing: order.id, credential: try fixtures.credential(for: pairing.subject))
            try expectEqual(
                try await views.store.redeem(redemption, now: now + 600), .refused(.expired(now + 600))
            )
            try await views.other.cancelPairing(order.id)
            try expectEqual(try await views.store.redeem(redemption, now: now), .refused(.cancelled))
            let unknown = Redemption(
                pairing: PairingCodeID(using: &fixtures.random),
                credential: try fixtures.credential(for: pairing.subject)
            )
            try expectEqual(try await views.store.redeem(unknown, now: now), .refused(.unknownCode))
            try expectEqual(try await views.store.ledger().subjects, [])
        },
        .init("the fifth wrong guess burns the code, in whichever process they were counted") { views in
            var fixtures = try TrustFixtures()
            let order = fixtures.draft("phone")
            let pairing = try await add(order, in: views.store, &fixtures)
            for guess in 1...5 {
                let store = guess % 2 == 0 ? views.store : views.other
                let record = try await store.recordWrongGuess(order.id)
                try expectEqual(record?.wrongGuesses, guess)
                try expectEqual(record?.state, guess < 5 ? .outstanding : .burnt)
            }
            let redemption = Redemption(pairing: order.id, credential: try fixtures.credential(for: pairing.subject))
            try expectEqual(try await views.store.redeem(redemption, now: now), .refused(.burnt))
            let unknown = PairingCodeID(using: &fixtures.random)
            try expectEqual(try await views.store.recordWrongGuess(unknown), nil)
        },
        .init("outstanding codes are bounded, and expired ones make room") { views in
            var fixtures = try TrustFixtures()
            let limit = StoreLimits().outstandingPairings
            for index in 0..<limit { _ = try await add(fixtures.draft("c\(index)"), in: views.store, &fixtures) }
            let order = fixtures.draft("late")
            let newSubject = fixtures.subjectID()
            try await expectStoreError(.full) {
                _ = try await views.other.addPairing(
                    order.draft, id: order.id, newSubject: newSubject, now: now + 599, expiresAt: now + 900
                )
            }
            _ = try await views.other.addPairing(
                order.draft, id: order.id, newSubject: newSubject, now: now + 600, expiresAt: now + 900
            )
            let ledger = try await views.store.ledger()
            try expectEqual(ledger.pairings.count(where: { $0.isOpen(at: now + 600) }), 1)
            try expectEqual(ledger.pairings.count(where: { $0.key != nil }), 1)
        },
        .init("closed codes are remembered up to a limit") { views in
            var fixtures = try TrustFixtures()
            let limits = StoreLimits()
            for index in 0..<limits.closedPairings + 5 {
                let order = fixtures.draft("c")
                _ = try await views.store.addPairing(
                    order.draft, id: order.id, newSubject: fixtures.subjectID(),
                    now: now + TimeInterval(index), expiresAt: now + TimeInterval(index) + 600
                )
                try await views.store.cancelPairing(order.id)
            }
            let count = try await views.store.ledger().pairings.count
            try expectHolds(count <= limits.closedPairings + 1, "\(count) codes are kept")
        },
        .init("a name, a scope or a time that makes no sense is refused") { views in
            var fixtures = try TrustFixtures()
            let scopes: [Grant.Scope] = [.preset(""), .deviceTypes([]), .deviceTypes([""])]
            for scope in scopes {
                let order = fixtures.draft("phone", scope: scope)
                let subject = fixtures.subjectID()
                try await expectStoreError(.invalid) {
                    _ = try await views.store.addPairing(
                        order.draft, id: order.id, newSubject: subject, now: now, expiresAt: now + 600
                    )
                }
            }
            for name in ["", " ", "a\u{7}b", "x ", String(repeating: "x", count: 65)] {
                let order = fixtures.draft(name)
                let subject = fixtures.subjectID()
                try await expectStoreError(.invalid) {
                    _ = try await views.store.addPairing(
                        order.draft, id: order.id, newSubject: subject, now: now, expiresAt: now + 600
                    )
                }
            }
            let order = fixtures.draft("phone")
            let subject = fixtures.subjectID()
            try await expectStoreError(.invalid) {
                _ = try await views.store.addPairing(
                    order.draft, id: order.id, newSubject: subject, now: now, expiresAt: now
                )
            }
            try expectEqual(try await views.store.ledger(), TrustLedger())
        },
    ]

    static func add(
        _ order: (id: PairingCodeID, secret: PairingSecret, draft: PairingDraft), in store: any GatewayStore,
        _ fixtures: inout TrustFixtures
    ) async throws -> PendingPairing {
        try await store.addPairing(
            order.draft, id: order.id, newSubject: fixtures.subjectID(), now: now, expiresAt: now + 600
        )
    }
}
