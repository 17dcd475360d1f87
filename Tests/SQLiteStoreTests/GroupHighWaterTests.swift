import Foundation
import GroupKeys
import NetworkTypes
import SUPnP
import TestKit
import Testing
import TrustCore

@testable import SQLiteStore

@Suite("An older copy of a group's state")
struct GroupHighWaterTests {
    private func go(on history: GroupHistory, in folder: TemporaryFolder, _ commits: Int) async throws {
        let store = try SQLiteGatewayStore(folder: folder.path)
        for _ in 0..<commits {
            let revision = try await store.groups.revision()
            _ = try await store.groups.commit(try history.next(), expectedRevision: revision)
        }
        try store.close()
    }

    private func loading(_ folder: TemporaryFolder) async throws -> Result<UInt64, StoreError> {
        let store = try SQLiteGatewayStore(folder: folder.path)
        defer { try? store.close() }
        do {
            return .success(try await store.groups.load().revision)
        } catch let error as StoreError {
            return .failure(error)
        }
    }

    /// Puts a database in another's place, as a restored backup of it alone is.
    private func restore(_ backup: TemporaryFolder, in folder: TemporaryFolder) throws {
        for name in ["gateway.sqlite", "gateway.sqlite-wal", "gateway.sqlite-shm"] {
            try? FileManager.default.removeItem(atPath: folder.file(name))
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: backup.path) where name.hasPrefix("gateway.") {
            try FileManager.default.copyItem(atPath: backup.file(name), toPath: folder.file(name))
        }
    }

    @Test func `is refused with what to do, and taken when the mark is removed on purpose`() async throws {
        let folder = try TemporaryFolder()
        let history = try GroupHistory(seed: 1)
        try await go(on: history, in: folder, 30)
        let backup = try folder.copy()
        try await go(on: history, in: folder, 1)
        let newest = try folder.copy()
        #expect(try await loading(folder) == .success(31))

        try restore(backup, in: folder)
        guard case .failure(let error) = try await loading(folder) else {
            Issue.record("the older copy was taken")
            return
        }
        #expect(error.code == .damaged)
        #expect(error.message.contains("group-epoch") && error.message.contains("revision 30"))

        try restore(newest, in: folder)
        #expect(try await loading(folder) == .success(31))

        try restore(backup, in: folder)
        try FileManager.default.removeItem(atPath: folder.file("group-epoch"))
        #expect(try await loading(folder) == .success(30))
    }

    @Test func `is refused whichever of the last commits it is of`() async throws {
        let folder = try TemporaryFolder()
        let history = try GroupHistory(seed: 2)
        var backups: [TemporaryFolder] = []
        for _ in 0..<12 {
            try await go(on: history, in: folder, 1)
            backups.append(try folder.copy())
        }
        for (index, backup) in backups.enumerated() {
            try restore(backup, in: folder)
            let isNewest = index == backups.count - 1
            guard case .failure = try await loading(folder) else {
                #expect(isNewest, "copy \(index) was taken")
                continue
            }
            #expect(!isNewest)
        }
    }

    @Test func `a mark of which one line is torn still counts, and one that is behind refuses nothing`() async throws {
        let folder = try TemporaryFolder()
        let history = try GroupHistory(seed: 3)
        try await go(on: history, in: folder, 8)
        let backup = try folder.copy()
        try await go(on: history, in: folder, 1)
        let behind = try folder.contents("group-epoch")
        try await go(on: history, in: folder, 1)
        var torn = try folder.contents("group-epoch")
        #expect(torn.count == 192)
        // Revision 10 stands in the first line; 9 in the second.
        torn.replaceSubrange(0..<40, with: Data(repeating: 0, count: 40))
        try folder.write(torn, to: "group-epoch")
        #expect(try await loading(folder) == .success(10))
        try folder.write(behind, to: "group-epoch")
        #expect(try await loading(folder) == .success(10))
        try folder.write(torn, to: "group-epoch")
        try restore(backup, in: folder)
        guard case .failure = try await loading(folder) else {
            Issue.record("the older copy was taken")
            return
        }
    }

    @Test func `of another group is no copy: a group that is made anew begins anew`() async throws {
        let folder = try TemporaryFolder()
        var random = SeededGenerator(seed: 4)
        try await go(on: try GroupHistory(seed: 4), in: folder, 20)
        for name in ["gateway.sqlite", "gateway.sqlite-wal", "gateway.sqlite-shm"] {
            try? FileManager.default.removeItem(atPath: folder.file(name))
        }
        let store = try SQLiteGatewayStore(folder: folder.path)
        _ = try await store.groups.establish(GroupIdentity(createdAt: 1, using: &random))
        #expect(try await store.groups.load().revision == 0)
        #expect(try await store.groups.commit([], expectedRevision: 0) == 1)
        try store.close()
        #expect(try await loading(folder) == .success(1))
    }
}
