import AccessPolicy
import Foundation
import GRDB
import NetworkTypes
import TestKit
import Testing
import TrustCore

@testable import SQLiteStore

private let now = TrustFixtures.now

@Suite("Durability")
struct DurabilityTests {
    @Test func `what was written is there when the state is opened again`() async throws {
        let folder = try TemporaryFolder()
        var fixtures = try TrustFixtures()
        let store = try SQLiteGatewayStore(folder: folder.path)
        _ = try await store.establish(fixtures.gateway)
        _ = try await fixtures.pair("phone", in: store)
        let order = fixtures.draft("tablet")
        _ = try await store.addPairing(
            order.draft, id: order.id, newSubject: fixtures.subjectID(), now: now, expiresAt: now + 600
        )
        let secret = try await store.secret(named: "token key", orStore: [UInt8](repeating: 7, count: 64))
        let ledger = try await store.ledger()
        try store.close()

        let again = try SQLiteGatewayStore(folder: folder.path)
        #expect(try await again.ledger() == ledger)
        #expect(try await again.identity()?.identity.pins == fixtures.gateway.pins)
        #expect(try await again.secret(named: "token key", orStore: [UInt8](repeating: 8, count: 64)) == secret)
        try again.close()
    }

    @Test func `what a crash leaves behind after an acknowledgement holds what was acknowledged`() async throws {
        let folder = try TemporaryFolder()
        var fixtures = try TrustFixtures()
        let store = try SQLiteGatewayStore(folder: folder.path)
        _ = try await store.establish(fixtures.gateway)
        for index in 0..<12 {
            let subject = try await fixtures.pair("client \(index)", in: store)
            if index % 3 == 2 { _ = try await store.revoke(subject.id, now: now) }
            let acknowledged = try await store.ledger()
            let crashed = try folder.copy()
            let recovered = try SQLiteGatewayStore(folder: crashed.path)
            #expect(try await recovered.ledger() == acknowledged, "after \(index)")
            try recovered.close()
        }
        try store.close()
    }

    @Test func `a change of policy and a consent are in the audit log with the change`() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        var fixtures = try await AuditStoreConformance.established(store)
        let subject = fixtures.subjectID()
        let policy = try await store.replacePolicy(text: "policy: 1", expecting: 0, author: "anna", now: now)
        try await store.recordConsent(rule: "evening", subject: subject, author: "anna", now: now)
        try await store.withdrawConsent(rule: "evening", subject: subject)
        try await store.withdrawConsent(rule: "evening", subject: subject)
        let events = try await store.auditEntries(AuditQuery()).dropFirst().map(\.event)
        #expect(events.map(\.kind) == [.policyChanged, .consent, .consent])
        #expect(events.first?.detail?.contains(policy.sha256) == true)
        #expect(try await AuditStoreConformance.findings(store, fixtures) == [])
        try store.close()
    }

    @Test func `a pairing that fails half way leaves nothing`() async throws {
        let folder = try TemporaryFolder()
        var fixtures = try TrustFixtures()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let order = fixtures.draft("phone")
        let pairing = try await store.addPairing(
            order.draft, id: order.id, newSubject: fixtures.subjectID(), now: now, expiresAt: now + 600
        )
        let before = try await store.ledger()
        let queue = try DatabaseQueue(path: folder.file("gateway.sqlite"))
        try await queue.write { database in
            try database.execute(
                sql: "CREATE TRIGGER stop BEFORE INSERT ON grants BEGIN SELECT RAISE(ABORT, 'stop'); END"
            )
        }
        let redemption = Redemption(pairing: order.id, credential: try fixtures.credential(for: pairing.subject))
        await #expect(throws: StoreError.self) { try await store.redeem(redemption, now: now) }
        #expect(try await store.ledger() == before)
        try await queue.write { try $0.execute(sql: "DROP TRIGGER stop") }
        guard case .paired = try await store.redeem(redemption, now: now) else {
            Issue.record("the code was used up by the failure")
            return
        }
        try store.close()
    }

    @Test func `commits are synchronised, in WAL, with foreign keys`() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let settings = try await store.state.pool.write { database in
            try ["synchronous", "journal_mode", "foreign_keys", "busy_timeout"].map {
                try String.fetchOne(database, sql: "PRAGMA \($0)")
            }
        }
        // SQLite: synchronous 2 is FULL.
        #expect(settings == ["2", "wal", "1", "5000"])
        try store.close()
    }

    @Test func `two processes that write at once lose nothing`() async throws {
        let folder = try TemporaryFolder()
        let stores = try (0..<2).map { _ in try SQLiteGatewayStore(folder: folder.path) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, store) in stores.enumerated() {
                group.addTask {
                    var fixtures = try TrustFixtures(seed: UInt64(index + 1))
                    for number in 0..<20 {
                        let subject = try await fixtures.pair("client \(index) \(number)", in: store)
                        if number % 2 == 0 { _ = try await store.revoke(subject.id, now: now) }
                    }
                }
            }
            try await group.waitForAll()
        }
        let ledger = try await stores[0].ledger()
        #expect(ledger.subjects.count == 40)
        #expect(ledger.subjects.count(where: { $0.revokedAt == nil }) == 20)
        #expect(ledger.credentials.count == 40)
        #expect(ledger.grants.count == 20)
        // A code, a redemption, and for every second one a revocation.
        #expect(ledger.revision == StoreRevision(100))
        #expect(try await stores[1].ledger() == ledger)
        for store in stores { try store.close() }
    }

    @Test func `many processes that make the state at once make one`() async throws {
        let folder = try TemporaryFolder()
        let fixtures = try (0..<6).map { try TrustFixtures(seed: UInt64($0)) }
        let pins = try await withThrowingTaskGroup(of: [KeyPin].self) { group in
            for fixture in fixtures {
                group.addTask {
                    let store = try SQLiteGatewayStore(folder: folder.path)
                    let pins = try await store.establish(fixture.gateway).identity.pins
                    try store.close()
                    return pins
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(pins.count == 1)
    }
}
