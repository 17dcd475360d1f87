import Foundation
import GRDB
import SUPnP
import TestKit
import Testing

@testable import SQLiteStore

@Suite("A group's store beside other readers and writers", .timeLimit(.minutes(2)))
struct GroupLogTests {
    private func go(on history: GroupHistory, in store: SQLiteGatewayStore) async throws {
        let revision = try await store.groups.revision()
        _ = try #require(try await store.groups.commit(try history.next(), expectedRevision: revision))
    }

    @Test func `a commit does not wait for whoever reads, and what is forgotten goes when he has done`() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let history = try GroupHistory(seed: 7)
        for _ in 0..<40 { try await go(on: history, in: store) }
        var configuration = Configuration()
        // A transaction that stays open, as a backup's does.
        configuration.allowsUnsafeTransactions = true
        let reader = try DatabaseQueue(path: folder.file("gateway.sqlite"), configuration: configuration)
        try await reader.writeWithoutTransaction { database in
            try database.execute(sql: "BEGIN")
            _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM group_members")
        }
        let began = ContinuousClock.now
        var condensations = 0
        while condensations < 2 {
            let snapshot = history.state.snapshot
            try await go(on: history, in: store)
            if history.state.snapshot != snapshot { condensations += 1 }
        }
        // Each would have waited for five seconds, and each commit after the first too.
        #expect(ContinuousClock.now - began < .seconds(5))
        #expect(try folder.contents("gateway.sqlite-wal").count > 0)
        try await reader.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        try reader.close()
        _ = try await store.groups.revision()
        #expect(try folder.contents("gateway.sqlite-wal").isEmpty)
        // Another process's transaction is waited for, as before.
        #expect(try await store.state.pool.write { try Int.fetchOne($0, sql: "PRAGMA busy_timeout") } == 5_000)
        try store.close()
    }

    @Test func `reading beside a commit is never taken for an older copy`() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let other = try SQLiteGatewayStore(folder: folder.path)
        let history = try GroupHistory(seed: 8)
        for _ in 0..<40 { try await go(on: history, in: store) }
        let steps = try (0..<200).map { _ in try history.next() }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                for step in steps {
                    let revision = try await store.groups.revision()
                    _ = try await store.groups.commit(step, expectedRevision: revision)
                }
                return true
            }
            group.addTask {
                while !Task.isCancelled { _ = try await other.groups.load() }
                return false
            }
            defer { group.cancelAll() }
            let wasCommits = try await group.next()
            #expect(wasCommits == true)
        }
        try store.close()
        try other.close()
    }
}
