import Foundation
import Glibc
import GroupKeys
import NetworkTypes
import SQLiteStore
import SUPnP
import TestKit
import Testing

/// A process of its own commits and says so on a pipe; it is killed at a moment of its life, again and again.
@Suite("A group's store whose process is killed")
struct GroupKillTests {
    /// Says where the child works, and from which seed.
    private static let folderKey = "LATCHKEY_TEST_KILLED_FOLDER"
    private static let seedKey = "LATCHKEY_TEST_KILLED_SEED"

    /// Replays what is durable, and goes on from there until it is killed. A line is written once a commit is acknowledged.
    @Test(.enabled(if: getenv(folderKey) != nil, "runs in the process that is killed"))
    func child() async throws {
        let environment = ProcessInfo.processInfo.environment
        let folder = try #require(environment[Self.folderKey])
        let history = try GroupHistory(seed: try #require(environment[Self.seedKey].flatMap { UInt64($0) }))
        let store = try SQLiteGatewayStore(folder: folder)
        var revision = try await store.groups.load().revision
        for _ in 0..<revision { _ = try history.next() }
        while true {
            revision = try #require(await store.groups.commit(try history.next(), expectedRevision: revision))
            let line = Array("acknowledged \(revision)\n".utf8)
            #expect(write(STDOUT_FILENO, line, line.count) == line.count)
        }
    }

    @Test(.timeLimit(.minutes(3)), .enabled(if: getenv(folderKey) == nil))
    func `loses nothing that was acknowledged, and nothing of one commit alone`() async throws {
        let seed = UInt64.random(in: 0...999_999)
        var random = SeededGenerator(seed: seed)
        let folder = try TemporaryFolder()
        var last: UInt64 = 0
        var kills = 0
        while kills < 15 || last < 60 {
            let acknowledged = try KilledChild.run(
                "GroupKillTests/child", environment: [Self.folderKey: folder.path, Self.seedKey: String(seed)],
                lines: Int.random(in: 0...12, using: &random))
            kills += 1
            let store = try SQLiteGatewayStore(folder: folder.path)
            let found = try await store.groups.load()
            try store.close()
            let what = "seed \(seed), kill \(kills)"
            #expect(found.revision >= max(last, acknowledged ?? 0), "\(what): an acknowledged commit is lost")
            let history = try GroupHistory(seed: seed)
            for _ in 0..<found.revision { _ = try history.next() }
            #expect(found.state == history.state, "\(what): the state of revision \(found.revision) is another one")
            last = found.revision
            try #require(kills < 200, "\(what): the child makes no commits")
        }
    }
}
