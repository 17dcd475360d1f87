import GroupKeys
import NetworkTypes
import Testing

@Suite("A member of the derived tree")
struct MemberTreeTests {
    @Test("A packet of the past is ignored, one too far ahead asks for the whole path, and the path heals it")
    func gaps() throws {
        let group = try TestGroup(seed: 41)
        try group.run(joining: 9)
        var late = try #require(group.members[4])
        let first = try group.run(removing: [1])
        let second = try group.run(removing: [7])
        #expect(late.apply(second.packets[0]) == .behind)
        #expect(late.epoch == 1)
        #expect(late.apply(first.packets[0]) == .advanced)
        #expect(late.apply(first.packets[0]) == .past)
        #expect(late.apply(second.packets[0]) == .advanced)
        #expect(late.path.secrets == group.members[4]?.path.secrets)
        var later = try #require(group.members[5])
        try group.run(removing: [2])
        let last = try group.run(joining: 30)
        #expect(later.apply(last.packets[0]) == .behind)
        let current = group.tree.path(ofLeaf: 5)
        let path = try #require(current)
        let received = MemberPath(
            checking: path.epoch, height: path.height, leaf: path.leaf, secrets: path.secrets,
            epochSecret: path.epochSecret)
        let isInstalled = later.install(try #require(received))
        #expect(isInstalled)
        let next = try group.run(removing: [3])
        #expect(later.apply(next.packets[0]) == .advanced)
    }

    @Test("An earlier path is not installed over a later one")
    func rollback() throws {
        let group = try TestGroup(seed: 42)
        try group.run(joining: 5)
        let path = group.tree.path(ofLeaf: 2)
        let old = try #require(path)
        try group.run(removing: [0])
        var member = try #require(group.members[2])
        let isInstalled = member.install(old)
        #expect(!isInstalled)
        #expect(member.epoch == 2)
    }

    @Test("An evicted member cannot follow, not even with its own packet's list taken out")
    func evicted() throws {
        let group = try TestGroup(seed: 43)
        try group.run(joining: 8)
        var evicted = try #require(group.members[3])
        let rekey = try group.run(removing: [3])
        #expect(evicted.apply(rekey.packets[0]) == .served)
        #expect(evicted.epoch == 1)
        // The list left out: it is then no packet at all, as the records' nodes are above no removed leaf.
        var bytes = rekey.datagrams[0]
        bytes.removeSubrange(68..<72)
        bytes[61] = 0
        #expect(throws: RekeyPacketError.malformed) { try UnverifiedRekeyPacket(RekeyPacketTests.withHeader(bytes)) }
        let later = try group.run(removing: [6])
        #expect(evicted.apply(later.packets[0]) == .behind)
    }

    @Test("A rekey whose secrets do not lead to the epoch's changes nothing")
    func mismatch() throws {
        #expect(try !Self.takesOverUnconfirmed(faults: []))
    }

    @Test("A packet for another subtree is left alone")
    func elsewhere() throws {
        let group = try TestGroup(seed: 45, height: 5, datagram: 328)
        try group.run(joining: 32)
        var member = try #require(group.members[31])
        let rekey = try group.run(removing: [0, 5, 9, 13, 17, 22, 27, 30])
        #expect(rekey.packets.count > 2)
        let outcomes = rekey.packets.map { member.apply($0) }
        #expect(outcomes.filter { $0 == .advanced }.count == 1)
        #expect(outcomes.dropLast().allSatisfy { $0 == .elsewhere })
    }

    @Test("A path whose fields do not fit each other is no path")
    func paths() {
        func path(_ epoch: UInt32, _ height: Int, _ leaf: UInt32, _ count: Int, _ secret: Int = 32) -> MemberPath? {
            MemberPath(
                checking: epoch, height: height, leaf: leaf, secrets: SecretBytes([UInt8](repeating: 1, count: count)),
                epochSecret: SecretBytes([UInt8](repeating: 1, count: secret)))
        }
        #expect(path(1, 2, 3, 96) != nil)
        #expect(path(0, 2, 3, 96) == nil)
        #expect(path(1, 2, 4, 96) == nil)
        #expect(path(1, 2, 3, 95) == nil)
        #expect(path(1, 2, 3, 96, 31) == nil)
        #expect(path(1, -1, 0, 32) == nil)
        #expect(path(1, 31, 0, 32 * 32) == nil)
    }

    @Test("A member's work for one eviction is one derivation for each level, with pads and successors on top")
    func work() throws {
        let group = try TestGroup(seed: 46, height: 10)
        try group.run(joining: 1_024)
        let rekey = try group.run(removing: [0])
        #expect(rekey.packets.count == 1)
        #expect(rekey.uses.count == 1_023)
    }

    /// Whether a member takes over a rekey, signed by the key manager, with a record that is not the tree's.
    static func takesOverUnconfirmed(faults: KeyTreeFaults) throws -> Bool {
        let group = try TestGroup(seed: 44, faults: faults)
        try group.run(joining: 8)
        var member = try #require(group.members[5])
        let before = member.path
        var bytes = try group.run(removing: [1]).datagrams[0]
        bytes[bytes.count - 64 - 16 - 1] ^= 1
        let forged = try group.verify(RekeyPacketTests.resigned(bytes, group))
        let outcome = member.apply(forged)
        return outcome != .mismatch || member.epoch != before.epoch || member.path.secrets != before.secrets
    }
}
