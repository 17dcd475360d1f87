import Foundation
import GroupKeys
import NetworkTypes
import SQLiteStore
import SUPnP
import TestKit
import Testing

/// What a commit takes. Not a test: `LATCHKEY_MEASURE_STORE=1 swift test -c release --filter GroupStoreMeasurement`
/// prints the figures.
@Suite(
    "Measurement: commits of a group's store",
    .enabled(if: ProcessInfo.processInfo.environment["LATCHKEY_MEASURE_STORE"] != nil))
struct GroupStoreMeasurement {
    /// A group of so many members that have a record each; its tree is one of random bytes, of the size of a real one.
    private func fill(_ store: SQLiteGatewayStore, _ count: Int, _ random: inout SeededGenerator) async throws -> UInt64
    {
        var revision: UInt64 = 0
        for start in stride(from: 0, to: count, by: 5_000) {
            let records = try (start..<min(count, start + 5_000)).map { try record(UInt32($0), &random) }
            revision = try #require(await store.groups.commit([.admitted(records)], expectedRevision: revision))
        }
        let parts = (0..<max(1, count * 64 / 526_340)).map { _ in SecretBytes(count: 526_340, using: &random) }
        let snapshot = TreeSnapshot(head: SecretBytes(count: 62, using: &random), parts: parts)
        let clock = ContinuousClock()
        let start = clock.now
        revision = try #require(await store.groups.commit([.condensed(snapshot)], expectedRevision: revision))
        print("\(count) members: condensing \(parts.count) parts takes \(clock.now - start)")
        return revision
    }

    private func record(_ number: UInt32, _ random: inout SeededGenerator) throws -> MemberRecord {
        MemberRecord(
            id: 0x1_0000 + number, device: try #require(DeviceID("device \(number)")), roles: .server,
            suite: .hardenedAESGCM, keyID: 1, relay: SecretBytes(count: 32, using: &random),
            refresh: SecretBytes(count: 32, using: &random))
    }

    @Test(arguments: [1_000, 100_000])
    func `an eviction and a join take`(members: Int) async throws {
        var random = SeededGenerator(seed: 1)
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        var revision = try await fill(store, members, &random)
        let clock = ContinuousClock()
        var start = clock.now
        _ = try await SQLiteGatewayStore(folder: folder.path).groups.load()
        print("\(members) members: a start reads them in \(clock.now - start)")
        var tree = try KeyTree(group: GroupID(using: &random), limits: KeyTreeLimits(height: 12, locksMemory: false))
        var joins: [Duration] = []
        var evictions: [Duration] = []
        for index in 0..<300 as Range<UInt32> {
            let joiner = try record(UInt32(members) + index, &random)
            let joining = KeyTreeBatch(
                joiners: [.init(member: joiner.id, secret: SecretBytes(count: 32, using: &random))])
            var staged = try tree.stage(try tree.plan(joining, using: &random))
            try tree.merge(staged)
            start = clock.now
            revision = try #require(
                await store.groups.commit(
                    [.removed([]), .admitted([joiner]), .rekeyed(staged.diff)], expectedRevision: revision))
            joins.append(clock.now - start)
            let leaf = try #require(staged.diff.joined.first?.leaf)
            staged = try tree.stage(try tree.plan(KeyTreeBatch(removals: [leaf]), using: &random))
            try tree.merge(staged)
            start = clock.now
            revision = try #require(
                await store.groups.commit(
                    [.removed([0x1_0000 + index]), .admitted([]), .rekeyed(staged.diff)], expectedRevision: revision))
            evictions.append(clock.now - start)
        }
        for (what, times) in [("a join", joins.sorted()), ("an eviction", evictions.sorted())] {
            print("\(members) members: \(what) p50 \(times[150]), p99 \(times[297])")
        }
        try store.close()
    }
}
