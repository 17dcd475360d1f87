import Crypto
import Foundation
import GRDB
import GroupKeys
import NetworkTypes
import SUPnP
import TestKit
import Testing
import TrustCore

@testable import SQLiteStore

/// What whoever gets the files finds in them, and what a store makes of files that are not as it left them.
@Suite("A group at rest")
struct GroupAtRestTests {
    private func files(_ folder: TemporaryFolder) throws -> Data {
        var all = Data()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name != "seal.key" {
            all += try folder.contents(name)
        }
        return all
    }

    /// A store with a history of so many commits.
    private func filled(seed: UInt64, commits: Int) async throws -> (TemporaryFolder, SQLiteGatewayStore, GroupHistory)
    {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let history = try GroupHistory(seed: seed)
        try await go(on: history, in: store, commits)
        return (folder, store, history)
    }

    private func go(on history: GroupHistory, in store: SQLiteGatewayStore, _ commits: Int) async throws {
        for _ in 0..<commits {
            let revision = try await store.groups.revision()
            let next = try await store.groups.commit(try history.next(), expectedRevision: revision)
            #expect(next == revision + 1)
        }
    }

    private func blobs(_ store: SQLiteGatewayStore, _ sql: String) async throws -> [Data] {
        try await store.state.pool.read { try Data.fetchAll($0, sql: sql) }
    }

    @Test func `no secret of the group stands in its files`() async throws {
        let (folder, store, history) = try await filled(seed: 1, commits: 120)
        var random = SeededGenerator(seed: 1)
        let identity = GroupIdentity(createdAt: 1_800_000_000, using: &random)
        _ = try await store.groups.establish(identity)
        var secrets = [Array(identity.root.rawRepresentation), identity.fakeKey.exposed]
        let state = history.state
        for record in state.credentials.values {
            switch record.secret {
            case .classic(let salted): secrets.append(salted.exposed)
            case .hardened(_, let verifier): secrets += [verifier.w0.exposed, verifier.l]
            }
        }
        for member in state.members.values {
            secrets.append(member.relay.exposed)
            if let refresh = member.refresh { secrets.append(refresh.exposed) }
            if let pending = member.pendingRefresh { secrets += [pending.relay.exposed, pending.managerShare] }
        }
        for diff in state.journal { secrets += [diff.randomness.exposed] + diff.joined.map(\.secret.exposed) }
        for change in state.classicJournal { secrets.append(change.seed.exposed) }
        for snapshot in [state.snapshot, state.classicSnapshot].compactMap({ $0 }) {
            // A key of the tree is somewhere in a part: each run of 32 bytes is looked for.
            secrets += ([snapshot.head] + snapshot.parts).filter { $0.count >= 32 }.map { Array($0.exposed.suffix(32)) }
        }
        #expect(secrets.count > 30 && state.snapshot != nil && state.classicSnapshot != nil)
        let found = try files(folder)
        for secret in secrets { #expect(found.range(of: Data(secret)) == nil) }
        // The search does find what is not sealed.
        let device = try #require(state.members.values.first?.device)
        #expect(found.range(of: Data(device.bytes)) != nil)
        try store.close()
    }

    @Test func `what a condensed journal and members that are gone had is in no file any more, sealed or not`()
        async throws
    {
        let (folder, store, history) = try await filled(seed: 2, commits: 40)
        var gone: Set<Data> = []
        var condensations = 0
        for _ in 0..<80 {
            let before = Set(
                try await blobs(store, "SELECT sealed FROM group_journals UNION ALL SELECT sealed FROM group_snapshots")
                    + blobs(store, "SELECT sealed FROM group_members"))
            let found = try files(folder)
            for blob in before where blob.count < 500 { #expect(found.range(of: blob) != nil, "the search finds rows") }
            let snapshot = history.state.snapshot
            try await go(on: history, in: store, 1)
            let after = Set(
                try await blobs(store, "SELECT sealed FROM group_journals UNION ALL SELECT sealed FROM group_snapshots")
                    + blobs(store, "SELECT sealed FROM group_members"))
            gone.formUnion(before.subtracting(after))
            guard history.state.snapshot != snapshot else { continue }
            condensations += 1
            let files = try files(folder)
            // Long rows are spread over pages; the nonce at a row's beginning is enough to know it by, and its end.
            for blob in gone {
                #expect(files.range(of: blob.prefix(28)) == nil, "the beginning of a row that is gone")
                #expect(files.range(of: blob.suffix(28)) == nil, "the end of a row that is gone")
            }
        }
        #expect(condensations > 2 && gone.count > 30)
        try store.close()
    }

    /// Changes of rows that somebody makes who can write, and not seal.
    private static let forgeries: [String] = [
        "UPDATE group_members SET sealed = (SELECT sealed FROM group_members ORDER BY id LIMIT 1)",
        "UPDATE group_members SET id = id + 1 WHERE id = (SELECT max(id) FROM group_members)",
        "UPDATE group_members SET device = x'61' WHERE id = (SELECT min(id) FROM group_members)",
        "DELETE FROM group_members WHERE id = (SELECT min(id) FROM group_members)",
        "DELETE FROM group_credentials WHERE device = (SELECT min(device) FROM group_credentials)",
        "UPDATE group_credentials SET sealed = (SELECT sealed FROM group_credentials ORDER BY device LIMIT 1)",
        "INSERT INTO group_credentials (device, sealed) VALUES (x'61', (SELECT sealed FROM group_credentials LIMIT 1))",
        "DELETE FROM group_bridged",
        "DELETE FROM group_journals WHERE number = (SELECT max(number) FROM group_journals)",
        "UPDATE group_journals SET number = number + 1 WHERE tree = 0 AND number = (SELECT max(number) FROM group_journals WHERE tree = 0)",
        "DELETE FROM group_snapshots WHERE tree = 0",
        "DELETE FROM group_snapshots WHERE tree = 1; UPDATE group_snapshots SET tree = 1",
        "UPDATE group_state SET revision = revision + 1",
        "UPDATE group_state SET revision = -1",
        "UPDATE group_state SET epoch = -1",
        "UPDATE group_offers SET version = version + 1000000",
        "UPDATE group_offers SET version = -version",
        "UPDATE group_offers SET name = x''",
        "UPDATE group_offers SET server = -5",
        "UPDATE group_offers SET lowest_suite = 300",
        "DELETE FROM group_offers WHERE number = (SELECT max(number) FROM group_offers)",
        "UPDATE group_members SET id = 5000000000 WHERE id = (SELECT max(id) FROM group_members)",
        "UPDATE group_members SET sealed = x''",
        "UPDATE group_journals SET sealed = x'00'",
    ]

    @Test(arguments: forgeries)
    func `rows that were moved, left out or made up are refused`(sql: String) async throws {
        let (folder, store, _) = try await filled(seed: 3, commits: 80)
        try await store.state.pool.writeWithoutTransaction { try $0.execute(sql: sql) }
        let again = try SQLiteGatewayStore(folder: folder.path)
        let error = await #expect(throws: StoreError.self) { try await again.groups.load() }
        #expect(error?.code == .damaged, "\(error?.message ?? "")")
        try again.close()
        try store.close()
    }

    @Test func `an entry of an earlier journal does not fit a later one`() async throws {
        let (folder, store, history) = try await filled(seed: 4, commits: 60)
        let old = try await blobs(store, "SELECT sealed FROM group_journals WHERE tree = 0 AND number = 0")
        let snapshot = history.state.snapshot
        while history.state.snapshot == snapshot || history.state.journal.isEmpty {
            try await go(on: history, in: store, 1)
        }
        let first = try #require(old.first)
        try await store.state.pool.write {
            try $0.execute(
                sql: "UPDATE group_journals SET sealed = ? WHERE tree = 0 AND number = 0", arguments: [first])
        }
        let again = try SQLiteGatewayStore(folder: folder.path)
        await #expect(throws: StoreError.self) { try await again.groups.load() }
        try again.close()
        try store.close()
    }

    @Test func `a damaged file gives an error or the state as it was, and never stops the program`() async throws {
        let (folder, store, history) = try await filled(seed: 5, commits: 100)
        try store.close()
        let queue = try DatabaseQueue(path: folder.file("gateway.sqlite"))
        _ = try await queue.writeWithoutTransaction { database in try database.checkpoint(.truncate) }
        try queue.close()
        let whole = try folder.contents("gateway.sqlite")
        var refused = 0
        for seed in 0..<60 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let copy = try folder.copy()
            var damaged = whole
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                damaged[Int.random(in: 4096..<whole.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            try copy.write(damaged, to: "gateway.sqlite")
            do {
                let opened = try SQLiteGatewayStore(folder: copy.path)
                defer { try? opened.close() }
                let loaded = try await opened.groups.load()
                let sealed =
                    loaded.state.credentials == history.state.credentials
                    && loaded.state.members == history.state.members
                    && loaded.state.journal == history.state.journal
                #expect(sealed, "seed \(seed): what is sealed is as it was, or refused")
            } catch let error as StoreError {
                refused += 1
                #expect([.damaged, .newerVersion, .unavailable].contains(error.code), "seed \(seed): \(error)")
            }
        }
        #expect(refused > 20)
    }
}
