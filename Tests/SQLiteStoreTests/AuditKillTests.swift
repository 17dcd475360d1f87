import Foundation
import Glibc
import NetworkTypes
import SQLiteStore
import TestKit
import Testing
import TrustCore

/// A process of its own writes the audit log and says so on a pipe; it is killed at a moment of its life, again and again.
@Suite("The audit log of a process that is killed")
struct AuditKillTests {
    private static let folderKey = "LATCHKEY_TEST_KILLED_AUDIT"

    /// Goes on writing until it is killed. A line is written once the events are durable.
    @Test(.enabled(if: getenv(folderKey) != nil, "runs in the process that is killed"))
    func child() async throws {
        let folder = try #require(ProcessInfo.processInfo.environment[Self.folderKey])
        let store = try SQLiteGatewayStore(folder: folder)
        var last = try #require(await store.auditCheckpoints().map(\.sequence).max())
        while true {
            let events = (0..<UInt64.random(in: 1...40)).map {
                AuditEvent(.decision, .denied, action: "\(last + $0 + 1)")
            }
            last = try #require(await store.audit(events, now: Date())).sequence
            let line = Array("acknowledged \(last)\n".utf8)
            #expect(write(STDOUT_FILENO, line, line.count) == line.count)
        }
    }

    @Test(.timeLimit(.minutes(3)), .enabled(if: getenv(folderKey) == nil))
    func `its chain verifies after every kill, and nothing that was acknowledged is missing`() async throws {
        let seed = UInt64.random(in: 0...999_999)
        var random = SeededGenerator(seed: seed)
        let folder = try TemporaryFolder()
        let first = try SQLiteGatewayStore(folder: folder.path)
        let fixtures = try await AuditStoreConformance.established(first)
        var head = try await first.auditCheckpoints().last
        try first.close()
        var last: UInt64 = 1
        for number in 1...15 {
            let acknowledged = try KilledChild.run(
                "AuditKillTests/child", environment: [Self.folderKey: folder.path],
                lines: Int.random(in: 0...12, using: &random))
            let what = "seed \(seed), kill \(number)"
            let store = try SQLiteGatewayStore(folder: folder.path)
            // Against the head that an administrator's client would hold since the kill before.
            #expect(try await findings(store, fixtures, against: head) == [], "\(what)")
            head = try await store.auditCheckpoints().max { $0.sequence < $1.sequence }
            let found = try #require(head).sequence
            #expect(found >= max(last, acknowledged ?? 0), "\(what): entries that were acknowledged are missing")
            var query = AuditQuery()
            query.after = last
            query.limit = 100_000
            for entry in try await store.auditEntries(query) {
                #expect(entry.event.action == "\(entry.sequence)", "\(what): an entry is another one")
            }
            last = found
            try store.close()
        }
        #expect(last > 15, "seed \(seed): the child writes nothing")
    }

    private func findings(
        _ store: SQLiteGatewayStore, _ fixtures: TrustFixtures, against head: AuditCheckpoint?
    ) async throws -> [AuditVerification.Finding] {
        var check = AuditVerification(
            authority: fixtures.gateway.authority.certificate, stub: try await store.auditStub(),
            checkpoints: try await store.auditCheckpoints(), against: head)
        var query = AuditQuery()
        query.limit = 100_000
        for entry in try await store.auditEntries(query) { check.take(entry) }
        return check.finish()
    }
}
