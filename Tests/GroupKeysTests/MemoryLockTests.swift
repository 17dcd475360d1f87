import NetworkTypes
import Testing

@testable import GroupKeys

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

    @Test(
        "A limit on locked memory is used up to its last page, and then nothing more is asked for",
        arguments: [0, 4, 64, 1_023, 1_024, 1_500, 4_096])
    func limit(kibibytes: Int) throws {
        let kernel = Kernel(pages: kibibytes / 4)
        let arena = try SecretArena(byteCount: 8 << 20, locks: true) { kernel.lock($0, $1) }
        // A tree of one leaf, which then grows.
        arena.use(32)
        for height in 5...17 { arena.use(KeyTree.nodeCount(height: height) * 32) }
        #expect(arena.lockedBytes <= kernel.pages * 4_096)
        #expect(arena.lockedBytes > kernel.pages * 4_096 - 4_096 || arena.lockedBytes == 0 && kernel.pages < 2)
        let asked = kernel.asked
        arena.use(8 << 20)
        #expect(kernel.asked == asked)
    }

    /// Locks whole pages, as many as there are, like the kernel for a process with RLIMIT_MEMLOCK.
    private final class Kernel {
        let pages: Int
        private var locked: Set<Int> = []
        private(set) var asked = 0

        init(pages: Int) { self.pages = pages }

        func lock(_ start: UnsafeRawPointer, _ length: Int) -> Bool {
            asked += 1
            let first = Int(bitPattern: start) / 4_096
            let all = locked.union(first...(Int(bitPattern: start) + length - 1) / 4_096)
            guard all.count <= pages else { return false }
            locked = all
            return true
        }
    }
}
