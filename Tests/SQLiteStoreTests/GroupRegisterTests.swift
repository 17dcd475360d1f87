import Crypto
import Foundation
import GroupKeys
import NetworkTypes
import SQLiteStore
import SUPnP
import TestKit
import Testing
import TrustCore

private let now = TrustFixtures.now

@Suite("A group's identity, and whose its devices are")
struct GroupRegisterTests {
    private func device(_ name: String) throws -> DeviceID { try #require(DeviceID(name)) }

    private func isSame(_ left: GroupIdentity?, _ right: GroupIdentity) -> Bool {
        left?.groupID == right.groupID && left?.root.rawRepresentation == right.root.rawRepresentation
            && left?.fakeKey == right.fakeKey && left?.createdAt == right.createdAt && left?.suite == right.suite
    }

    @Test func `the first identity stays, for every process and after a restart`() async throws {
        let folder = try TemporaryFolder()
        var random = SeededGenerator(seed: 1)
        let first = GroupIdentity(createdAt: 1_800_000_000, suite: .hardenedChaChaPoly, using: &random)
        let second = GroupIdentity(createdAt: 1_800_000_001, using: &random)
        let store = try SQLiteGatewayStore(folder: folder.path)
        let other = try SQLiteGatewayStore(folder: folder.path)
        #expect(try await other.groups.identity() == nil)
        #expect(isSame(try await store.groups.establish(first), first))
        #expect(isSame(try await other.groups.establish(second), first))
        try store.close()
        try other.close()
        let again = try SQLiteGatewayStore(folder: folder.path)
        #expect(isSame(try await again.groups.identity(), first))
        try again.close()
        // The secrets need the key: without it nothing is opened, and no new key is made.
        try FileManager.default.removeItem(atPath: folder.file("seal.key"))
        #expect(throws: StoreError.self) { try SQLiteGatewayStore(folder: folder.path) }
    }

    @Test func `the group's time only rises, for every process and after a restart`() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let other = try SQLiteGatewayStore(folder: folder.path)
        #expect(try await store.groups.reachedTime() == 0)
        try await store.groups.reach(700)
        try await other.groups.reach(600)
        #expect(try await store.groups.reachedTime() == 700)
        try store.close()
        try other.close()
        let again = try SQLiteGatewayStore(folder: folder.path)
        #expect(try await again.groups.reachedTime() == 700)
        try again.close()
    }

    @Test func `of many that make the group at once one is first`() async throws {
        let folder = try TemporaryFolder()
        let groups = try await withThrowingTaskGroup(of: GroupID.self) { group in
            for seed in 0..<6 as Range<UInt64> {
                group.addTask {
                    var random = SeededGenerator(seed: seed)
                    let store = try SQLiteGatewayStore(folder: folder.path)
                    defer { try? store.close() }
                    return try await store.groups.establish(GroupIdentity(createdAt: 1, using: &random)).groupID
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(groups.count == 1)
    }

    @Test func `devices go to the active subject of a name, or to a new one without rights`() async throws {
        let folder = try TemporaryFolder()
        var fixtures = try TrustFixtures()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let anna = try await fixtures.pair("anna", in: store)
        let before = try await store.ledger()
        let owners = try await store.groups.setOwners(
            [device("lamp"): "anna", device("door"): "house", device("gate"): "house"], now: now)
        #expect(owners[try device("lamp")]?.id == anna.id)
        let house = try #require(owners[try device("door")])
        #expect(owners[try device("gate")] == house)
        let ledger = try await store.ledger()
        #expect(ledger.subjects.map(\.name) == before.subjects.map(\.name) + ["house"])
        #expect(ledger.grants == before.grants && ledger.credentials == before.credentials)
        #expect(ledger.revision == before.revision.next)
        #expect(try await store.groups.owner(of: device("lamp")) == anna.id)
        #expect(try await store.groups.owner(of: device("other")) == nil)
        #expect(try await store.groups.devices(of: house.id) == [device("door"), device("gate")])
        // The subject can be paired later, and is the same one.
        let paired = try await fixtures.pair("house", in: store)
        #expect(paired.id == house.id)
        // A device goes to another owner; a name that none may have changes nothing.
        _ = try await store.groups.setOwners([device("gate"): "anna"], now: now)
        #expect(try await store.groups.devices(of: house.id) == [device("door")])
        let unchanged = try await store.ledger()
        await #expect(throws: StoreError.self) {
            try await store.groups.setOwners([device("a"): "fine", device("b"): " "], now: now)
        }
        #expect(try await store.ledger() == unchanged)
        #expect(try await store.groups.owner(of: device("a")) == nil)
        try store.close()
    }

    @Test func `a device of a name that a pairing code waits for goes to the subject that the code will make`()
        async throws
    {
        let folder = try TemporaryFolder()
        var fixtures = try TrustFixtures()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let order = fixtures.draft("ben")
        let pairing = try await store.addPairing(
            order.draft, id: order.id, newSubject: fixtures.subjectID(), now: now, expiresAt: now + 600)
        let owner = try await store.groups.setOwners([device("lamp"): "ben"], now: now)[device("lamp")]
        #expect(owner?.id == pairing.subject)
        let redemption = Redemption(pairing: order.id, credential: try fixtures.credential(for: pairing.subject))
        guard case .paired(let subject) = try await store.redeem(redemption, now: now) else {
            Issue.record("the code cannot be used any more")
            return
        }
        #expect(subject.id == owner?.id)
        try store.close()
    }

    @Test func `a revoked subject's devices are told of until they are struck off and have no member`() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let history = try GroupHistory(seed: 7)
        var revision: UInt64 = 0
        while history.state.credentials.count < 3 || history.state.members.isEmpty {
            revision = try await store.groups.commit(try history.next(), expectedRevision: revision) ?? 0
        }
        let devices = Set(history.state.credentials.keys).union(history.state.members.values.map(\.device))
        let names = Dictionary(uniqueKeysWithValues: devices.map { ($0, "house") })
        let owners = try await store.groups.setOwners(names, now: now)
        _ = try await store.groups.setOwners([device("never enrolled"): "house"], now: now)
        #expect(try await store.groups.revokedDevices() == [])
        let house = try #require(owners.values.first)
        _ = try await store.revoke(house.id, now: now)
        #expect(try await store.groups.revokedDevices() == devices.sorted())
        let struck = devices.map { StateChange.struckOff($0) }
        revision = try await store.groups.commit(struck, expectedRevision: revision) ?? 0
        let left = Set(history.state.members.values.map(\.device))
        #expect(try await store.groups.revokedDevices() == left.sorted())
        _ = try await store.groups.commit([.removed(history.state.members.keys.sorted())], expectedRevision: revision)
        #expect(try await store.groups.revokedDevices() == [])
        // A new subject of the name is another one: its devices are its own.
        _ = try await store.groups.setOwners([devices.sorted()[0]: "house"], now: now)
        #expect(try await store.groups.devices(of: house.id).count == devices.count)
        try store.close()
    }

    @Test func `a device whose owner was forgotten long after the revocation still counts as revoked`() async throws {
        let folder = try TemporaryFolder()
        var limits = StoreLimits()
        limits.revokedSubjects = 1
        let store = try SQLiteGatewayStore(folder: folder.path, limits: limits)
        let history = try GroupHistory(seed: 8)
        while history.state.credentials.isEmpty { _ = try history.next() }
        let record = try #require(history.state.credentials.values.first)
        _ = try await store.groups.commit([.enrolled(record)], expectedRevision: 0)
        let owner = try await store.groups.setOwners([record.id: "one", device("x"): "two"], now: now)
        for (offset, name) in ["one", "two"].enumerated() {
            let subject = try #require(owner.values.first { $0.name == name })
            _ = try await store.revoke(subject.id, now: now + Double(offset))
        }
        #expect(try await store.ledger().subjects.map(\.name) == ["two"])
        #expect(try await store.groups.revokedDevices() == [record.id])
        #expect(try await store.groups.owner(of: record.id) == nil)
        try store.close()
    }
}
