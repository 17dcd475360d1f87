import GroupKeys
import NetworkTypes
import Testing

@Suite("Snapshots of a tree")
struct SnapshotTests {
    @Test("A tree of several parts is read back as it was")
    func severalParts() throws {
        let group = try TestGroup(seed: 21, height: 15)
        try group.run(joining: 9_000)
        try group.run(removing: [0, 5, 7_000, 8_999])
        #expect(group.tree.snapshotParts == 2)
        let restored = try StagingTests.restore(group)
        #expect(StagingTests.parts(restored) == StagingTests.parts(group.tree))
        #expect(restored.memberCount == 8_996)
        #expect(restored.epoch == 2)
        #expect(restored.path(ofLeaf: 77)?.secrets == group.tree.path(ofLeaf: 77)?.secrets)
    }

    @Test("An empty tree is read back as one, before its first epoch and after")
    func empty() throws {
        let group = try TestGroup(seed: 22)
        #expect(try StagingTests.restore(group).epoch == 0)
        try group.run(joining: 3)
        try group.run(removing: [0, 1, 2])
        let restored = try StagingTests.restore(group)
        #expect(restored.memberCount == 0 && restored.epoch == 2)
        #expect(restored.epochSecret == group.tree.epochSecret)
    }

    @Test("Parts that are missing, damaged, out of order or of another group are refused")
    func refusals() throws {
        let group = try TestGroup(seed: 23)
        try group.run(joining: 12)
        let (head, part) = (group.tree.snapshotHead(), group.tree.snapshotPart(0))
        func restore(_ head: [UInt8], _ parts: [[UInt8]], group id: GroupID) throws {
            var restoration = try KeyTreeRestoration(
                head: SecretBytes(head), group: id, limits: KeyTreeLimits(height: 6))
            for part in parts { try restoration.add(SecretBytes(part)) }
            _ = try restoration.finish()
        }
        try restore(head.exposed, [part.exposed], group: group.id)
        #expect(throws: KeyTreeError.malformed) { try restore(head.exposed, [], group: group.id) }
        #expect(throws: KeyTreeError.malformed) {
            try restore(head.exposed, [part.exposed, part.exposed], group: group.id)
        }
        let other = GroupID(using: &group.random)
        #expect(throws: KeyTreeError.malformed) { try restore(head.exposed, [part.exposed], group: other) }
        for offset in 0..<part.count where offset < 8 {
            var damaged = part.exposed
            damaged[offset] ^= 1
            #expect(throws: KeyTreeError.malformed) { try restore(head.exposed, [damaged], group: group.id) }
        }
        #expect(throws: KeyTreeError.malformed) {
            try restore(head.exposed, [part.exposed.dropLast()], group: group.id)
        }
        #expect(throws: KeyTreeError.malformed) {
            try restore(head.exposed.dropLast(), [part.exposed], group: group.id)
        }
        for (offset, value) in [(0, 2), (21, 5), (25, 13), (29, 2)] as [(Int, UInt8)] {
            var damaged = head.exposed
            damaged[offset] = value
            #expect(throws: KeyTreeError.malformed) { try restore(damaged, [part.exposed], group: group.id) }
        }
        var high = head.exposed
        high[21] = 7
        #expect(throws: KeyTreeError.full(limit: 64)) { try restore(high, [part.exposed], group: group.id) }
    }
}
