import GroupKeys
import NetworkTypes
import Testing

@Suite("The paper's key tree")
struct ClassicKeyTreeTests {
    private final class Group {
        var tree: ClassicKeyTree
        var members: [UInt32: ClassicMemberKeys] = [:]
        var random: SeededGenerator

        init(seed: UInt64, height: Int) throws {
            random = SeededGenerator(seed: seed)
            tree = try ClassicKeyTree(height: height, locksMemory: false)
        }

        func run(_ change: ClassicChange, _ leaf: UInt32) throws -> StagedClassicRekey {
            let staged = try tree.stage(change, leaf: leaf, using: &random)
            try tree.merge(staged)
            let rekey = try #require(ClassicRekey(staged.body))
            if change == .leave { members[leaf] = nil }
            for leaf in members.keys {
                let outcome = members[leaf]?.apply(rekey)
                #expect(outcome == .advanced)
            }
            if let path = staged.joinerPath { members[leaf] = ClassicMemberKeys(path: path) }
            return staged
        }

        func join() throws {
            let leaf = tree.emptyLeaf
            _ = try run(.join, #require(leaf))
        }

        var diverged: UInt32? {
            members.keys.first { leaf in
                guard let path = tree.path(ofLeaf: leaf), let held = members[leaf]?.path else { return true }
                return held.keys != path.keys || held.trafficKey != path.trafficKey
                    || held.trafficKeyID != path.trafficKeyID
            }
        }
    }

    @Test("A full tree's leave carries h (h + 1) / 2 keys, as the paper's example does", arguments: [3, 6, 8])
    func counts(height: Int) throws {
        let group = try Group(seed: 1, height: height)
        for _ in 0..<1 << height { try group.join() }
        #expect(group.tree.memberCount == 1 << height)
        let staged = try group.run(.leave, 5)
        let keys = height * (height + 1) / 2
        #expect(staged.wrappedKeys == keys)
        // Head; kek, count, IV and tag of each item; number and key of each key; the traffic key's item.
        #expect(staged.body.count == 12 + height * 33 + keys * 36 + 33 + 36)
        #expect(group.diverged == nil)
        #expect(try group.run(.join, 5).wrappedKeys == keys)
    }

    @Test("Every member follows random joins and leaves", arguments: UInt64(0)..<6)
    func convergence(seed: UInt64) throws {
        let group = try Group(seed: seed, height: 5)
        for step in 0..<60 {
            let present = Array(group.members.keys).sorted()
            if present.isEmpty || (group.random.next() % 3 > 0 && present.count < 32) {
                try group.join()
            } else if let leaf = present.randomElement(using: &group.random) {
                _ = try group.run(.leave, leaf)
            }
            #expect(group.diverged == nil, "seed \(seed), step \(step)")
        }
    }

    @Test("An evicted member opens no item of its own eviction, nor of anything later")
    func evicted() throws {
        let group = try Group(seed: 2, height: 4)
        for _ in 0..<12 { try group.join() }
        var evicted = try #require(group.members[6])
        let first = try #require(ClassicRekey(try group.run(.leave, 6).body))
        #expect(evicted.apply(first) == .served)
        let second = try #require(ClassicRekey(try group.run(.leave, 7).body))
        #expect(evicted.apply(second) == .behind)
        // Even at the right count, with the keys that it has: the sibling subtree it was in has nobody left.
        for leaf in [UInt32(0), 9] {
            let later = try #require(ClassicRekey(try group.run(.leave, leaf).body))
            let keys = evicted.path.keys
            var stale = ClassicMemberKeys(
                path: try #require(
                    ClassicPath(checking: 6, keys: keys, trafficKeyID: later.trafficKeyID - 1, trafficKey: keys[0])))
            #expect(stale.apply(later) == .unusable)
        }
    }

    @Test("A staged change that is dropped leaves no trace, and one of another state is refused")
    func staging() throws {
        let group = try Group(seed: 3, height: 3)
        for _ in 0..<5 { try group.join() }
        let before = group.tree.path(ofLeaf: 2)
        let dropped = try group.tree.stage(.leave, leaf: 1, using: &group.random)
        #expect(group.tree.path(ofLeaf: 2)?.keys == before?.keys)
        #expect(group.tree.isOccupied(leaf: 1) && group.tree.memberCount == 5)
        _ = try group.run(.leave, 4)
        #expect(throws: KeyTreeError.stale) { try group.tree.merge(dropped) }
        #expect(throws: KeyTreeError.vacantLeaf(4)) { try group.tree.stage(.leave, leaf: 4, using: &group.random) }
        #expect(throws: KeyTreeError.repeatedLeaf(1)) { try group.tree.stage(.join, leaf: 1, using: &group.random) }
        #expect(throws: KeyTreeError.repeatedLeaf(8)) { try group.tree.stage(.join, leaf: 8, using: &group.random) }
    }

    @Test("A message that is damaged, cut short or out of turn changes nothing")
    func damaged() throws {
        let group = try Group(seed: 4, height: 3)
        for _ in 0..<8 { try group.join() }
        let member = try #require(group.members[2])
        let body = try group.run(.leave, 5).body
        let genuine = try #require(ClassicRekey(body))
        for length in 0..<body.count { #expect(ClassicRekey(Array(body.prefix(length))) == nil) }
        #expect(ClassicRekey(body + [0]) == nil)
        for bit in 0..<body.count * 8 {
            var changed = body
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            guard let rekey = ClassicRekey(changed) else { continue }
            var copy = member
            let outcome = copy.apply(rekey)
            if outcome == .advanced { #expect(copy.path.keys == group.members[2]?.path.keys) }
            if outcome != .advanced { #expect(copy.path.keys == member.path.keys) }
        }
        var twice = member
        let outcomes = [twice.apply(genuine), twice.apply(genuine)]
        #expect(outcomes == [.advanced, .past])
    }
}
