import GroupKeys
import NetworkTypes
import Testing

@Suite("A snapshot of the paper's tree")
struct ClassicSnapshotTests {
    private func change(
        _ tree: inout ClassicKeyTree, _ change: ClassicChange, _ leaf: UInt32, seed: UInt64
    ) throws -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        let staged = try tree.stage(change, leaf: leaf, using: &random)
        try tree.merge(staged)
        return staged.body
    }

    @Test("gives the same tree back, which goes on as the first does", arguments: UInt64(0)..<6)
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var tree = try ClassicKeyTree(height: 4, locksMemory: false)
        for step in 0..<UInt64(40) {
            let leaf = UInt32.random(in: 0..<16, using: &random)
            _ = try change(&tree, tree.isOccupied(leaf: leaf) ? .leave : .join, leaf, seed: seed << 8 | step)
            var other = try ClassicKeyTree.restored(
                height: 4, locksMemory: false, head: tree.snapshotHead(), parts: tree.snapshotParts())
            let (count, otherCount) = (tree.memberCount, other.memberCount)
            let (empty, otherEmpty) = (tree.emptyLeaf, other.emptyLeaf)
            #expect(count == otherCount && empty == otherEmpty, "seed \(seed)")
            for leaf in 0..<UInt32(16) {
                let (path, otherPath) = (tree.path(ofLeaf: leaf), other.path(ofLeaf: leaf))
                #expect(path?.keys == otherPath?.keys && path?.trafficKey == otherPath?.trafficKey, "seed \(seed)")
            }
            var occupied: [UInt32] = []
            for leaf in 0..<UInt32(16) where tree.isOccupied(leaf: leaf) { occupied.append(leaf) }
            guard let leave = occupied.first else { continue }
            let body = try change(&other, .leave, leave, seed: 99)
            var again = try ClassicKeyTree.restored(
                height: 4, locksMemory: false, head: tree.snapshotHead(), parts: tree.snapshotParts())
            let repeated = try change(&again, .leave, leave, seed: 99)
            #expect(body == repeated && ClassicRekey(body) != nil, "seed \(seed)")
        }
    }

    @Test("is refused with another height, a part too few, cut or twice, and without its traffic key")
    func refused() throws {
        var tree = try ClassicKeyTree(height: 4, locksMemory: false)
        for leaf in 0..<UInt32(3) { _ = try change(&tree, .join, leaf, seed: UInt64(leaf)) }
        let (head, parts) = (tree.snapshotHead(), tree.snapshotParts())
        let part = parts[0].exposed
        func restored(_ height: Int, _ head: SecretBytes, _ parts: [[UInt8]]) throws -> Int {
            try ClassicKeyTree.restored(
                height: height, locksMemory: false, head: head, parts: parts.map { SecretBytes($0) }
            ).memberCount
        }
        #expect(try restored(4, head, [part]) == 3)
        for cut in [1, 35, 36, 72] {
            #expect(throws: KeyTreeError.malformed) { try restored(4, head, [Array(part.dropLast(cut))]) }
        }
        #expect(throws: KeyTreeError.malformed) { try restored(5, head, [part]) }
        #expect(throws: KeyTreeError.malformed) { try restored(4, head, [part, part]) }
        #expect(throws: KeyTreeError.malformed) { try restored(4, SecretBytes(head.exposed.dropLast()), [part]) }
        #expect(throws: KeyTreeError.malformed) { try restored(4, SecretBytes([2] + head.exposed.dropFirst()), [part]) }
        #expect(throws: KeyTreeError.malformed) {
            try restored(4, SecretBytes([1, 4, 0, 0] + head.exposed.dropFirst(4)), [part])
        }
    }
}
