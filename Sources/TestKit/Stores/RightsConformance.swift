import FoundationEssentials
import TrustCore

private let now = TrustFixtures.now

extension GatewayStoreConformance {
    static let rightsCases: [ConformanceCase<Views>] = [
        .init("pairing the same name again adds a credential and replaces the grant") { views in
            var fixtures = try TrustFixtures()
            let first = try await fixtures.pair("phone", in: views.store, scope: .preset("full"))
            let second = try await fixtures.pair("phone", in: views.other, scope: .preset("media"))
            try expectEqual(first, second)
            let ledger = try await views.store.ledger()
            try expectEqual(ledger.credentials.map(\.subject), [first.id, first.id])
            try expectEqual(ledger.grants, [Grant(subject: first.id, scope: .preset("media"))])
        },
        .init("two codes for one new name are for one subject") { views in
            var fixtures = try TrustFixtures()
            let first = try await add(fixtures.draft("phone"), in: views.store, &fixtures)
            let second = try await add(fixtures.draft("phone"), in: views.other, &fixtures)
            try expectEqual(first.subject, second.subject)
        },
        .init("a subject's certificates are bounded, and the oldest goes") { views in
            var fixtures = try TrustFixtures()
            let limit = StoreLimits().credentialsPerSubject
            let subject = try await fixtures.pair("phone", in: views.store)
            let first = try await views.store.ledger().credentials.first?.fingerprint
            for _ in 0..<limit { _ = try await fixtures.pair("phone", in: views.store) }
            let ledger = try await views.store.ledger()
            try expectEqual(ledger.credentials.count, limit)
            try expectHolds(ledger.credentials.allSatisfy { $0.subject == subject.id && $0.fingerprint != first })
        },
        .init("a revocation ends the grant and the open codes, keeps the credential and its first date") { views in
            var fixtures = try TrustFixtures()
            let subject = try await fixtures.pair("phone", in: views.store)
            let order = fixtures.draft("phone")
            let open = try await add(order, in: views.store, &fixtures)
            let revoked = try await views.other.revoke(subject.id, now: now + 5)
            try expectEqual(revoked.revokedAt, now + 5)
            try expectEqual(try await views.store.revoke(subject.id, now: now + 9), revoked)
            let ledger = try await views.store.ledger()
            try expectEqual(ledger.subjects, [revoked])
            try expectEqual(ledger.grants, [])
            try expectEqual(ledger.activeGrants, [])
            try expectEqual(ledger.credentials.count, 1)
            let redemption = Redemption(pairing: order.id, credential: try fixtures.credential(for: open.subject))
            try expectEqual(try await views.store.redeem(redemption, now: now), .refused(.cancelled))
        },
        .init("the name of a revoked subject can be paired again, as another subject") { views in
            var fixtures = try TrustFixtures()
            let first = try await fixtures.pair("phone", in: views.store)
            _ = try await views.store.revoke(first.id, now: now)
            let second = try await fixtures.pair("phone", in: views.store)
            try expectHolds(first.id != second.id)
            let ledger = try await views.store.ledger()
            try expectEqual(ledger.activeSubject(named: "phone"), second)
            try expectEqual(ledger.subjects.count, 2)
        },
        .init("revoking an unknown subject says so") { views in
            var fixtures = try TrustFixtures()
            let id = fixtures.subjectID()
            try await expectStoreError(.notFound) { _ = try await views.store.revoke(id, now: now) }
            try expectEqual(try await views.store.revision(), StoreRevision(0))
        },
        .init("a grant is replaced, unless somebody else was first or the subject has no rights") { views in
            var fixtures = try TrustFixtures()
            let subject = try await fixtures.pair("phone", in: views.store)
            let seen = try await views.store.revision()
            let grant = Grant(subject: subject.id, scope: .preset("control"), sharing: false)
            try await views.other.setGrant(grant, expecting: seen)
            try expectEqual(try await views.store.ledger().grants, [grant])
            try await expectStoreError(.conflict) {
                try await views.store.setGrant(Grant(subject: subject.id, scope: .preset("full")), expecting: seen)
            }
            try await views.store.setGrant(Grant(subject: subject.id, scope: .preset("full")), expecting: nil)
            _ = try await views.store.revoke(subject.id, now: now)
            try await expectStoreError(.notFound) { try await views.store.setGrant(grant, expecting: nil) }
            try expectEqual(try await views.store.ledger().grants, [])
        },
        .init("every change moves the revision, and what changes nothing does not") { views in
            var fixtures = try TrustFixtures()
            var last = try await views.store.revision()
            func moved() async throws -> Bool {
                let current = try await views.other.revision()
                defer { last = current }
                return current > last
            }
            let order = fixtures.draft("phone")
            let pairing = try await add(order, in: views.store, &fixtures)
            try expectHolds(try await moved())
            _ = try await views.store.recordWrongGuess(order.id)
            try expectHolds(try await moved())
            let credential = try fixtures.credential(for: pairing.subject)
            _ = try await views.store.redeem(Redemption(pairing: order.id, credential: credential), now: now)
            try expectHolds(try await moved())
            _ = try await views.store.redeem(Redemption(pairing: order.id, credential: credential), now: now)
            try expectHolds(try await !moved())
            try await views.store.cancelPairing(order.id)
            try expectHolds(try await !moved())
            _ = try await views.store.revoke(pairing.subject, now: now)
            try expectHolds(try await moved())
            _ = try await views.store.revoke(pairing.subject, now: now)
            try expectHolds(try await !moved())
            _ = try await views.store.establish(fixtures.gateway)
            try expectHolds(try await moved())
        },
    ]
}
