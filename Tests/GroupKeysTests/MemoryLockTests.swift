import GroupKeys
import NetworkTypes
import Testing

@Suite("Locked memory of a tree")
struct MemoryLockTests {
    @Test("A tree says how many bytes of its secrets are locked: none if it is not to, and never more than there are")
    func locked() throws {
        var random = SeededGenerator(seed: 1)
        for locks in [false, true] {
            var tree = try KeyTree(
                group: GroupID(using: &random), limits: KeyTreeLimits(height: 8, locksMemory: locks))
            let joiners = (0..<UInt32(100)).map {
                KeyTreeBatch.Joiner(member: 0x1_0000 + $0, secret: SecretBytes(count: 32, using: &random))
            }
            try tree.merge(tree.stage(tree.plan(KeyTreeBatch(joiners: joiners), using: &random)))
            let memory = tree.memory
            #expect(memory.secrets == 255 * 32)
            #expect((0...memory.secrets).contains(memory.locked))
            if !locks { #expect(memory.locked == 0) }
            // It works the same, whatever the process may lock.
            #expect(tree.memberCount == 100)
        }
    }
}
