import GroupKeys
import NetworkTypes
import Testing

@Suite("Staging and merging")
struct StagingTests {
    @Test("A staged rekey that is dropped leaves no trace in the tree")
    func discarded() throws {
        #expect(try Self.leavesTrace(faults: []) == false)
    }

    @Test("A rekey staged on another state of the tree, or on another tree, is refused")
    func stale() throws {
        let group = try TestGroup(seed: 11)
        let other = try TestGroup(seed: 11)
        try group.run(joining: 9)
        try other.run(joining: 9)
        let first = try group.tree.stage(group.tree.plan(group.batch(removing: [1]), using: &group.random))
        let second = try group.tree.stage(group.tree.plan(group.batch(removing: [2]), using: &group.random))
        #expect(throws: KeyTreeError.stale) { try other.tree.merge(first) }
        try group.tree.merge(first)
        let after = group.tree.snapshotPart(0)
        #expect(throws: KeyTreeError.stale) { try group.tree.merge(second) }
        #expect(throws: KeyTreeError.stale) { try group.tree.merge(first) }
        #expect(group.tree.snapshotPart(0) == after)
        #expect(group.tree.epoch == 2)
    }

    @Test("A rekey staged on a tree that is gone is refused by every other, wherever that one lies in memory")
    func staleOfOldTree() throws {
        func staged() throws -> StagedRekey {
            let group = try TestGroup(seed: 17, height: 3)
            return try group.tree.stage(group.tree.plan(group.batch(joining: 2), using: &group.random))
        }
        func stagedClassic() throws -> StagedClassicRekey {
            var random = SeededGenerator(seed: 17)
            return try ClassicKeyTree(height: 3, locksMemory: false).stage(.join, leaf: 0, using: &random)
        }
        for _ in 0..<50 {
            let old = try staged()
            let group = try TestGroup(seed: 18, height: 3)
            #expect(throws: KeyTreeError.stale) { try group.tree.merge(old) }
            let oldClassic = try stagedClassic()
            var tree = try ClassicKeyTree(height: 3, locksMemory: false)
            #expect(throws: KeyTreeError.stale) { try tree.merge(oldClassic) }
        }
    }

    @Test("A log of diffs over a snapshot gives the same tree and the same packets again")
    func replay() throws {
        let group = try TestGroup(seed: 12)
        try group.run(joining: 30)
        var restored = try Self.restore(group)
        var history = History(seed: 12, most: 60)
        for _ in 0..<12 {
            let next = history.next(Array(group.members.keys))
            let rekey = try group.run(removing: next.removing, refreshing: next.refreshing, joining: next.joining)
            let staged = try restored.stage(KeyTreeDiff(decoding: rekey.diff.encoded()))
            #expect(
                try staged.packets(signer: group.signer).map { $0.dropLast(64) }
                    == rekey.datagrams.map { $0.dropLast(64) })
            try restored.merge(staged)
            #expect(restored.epochSecret == group.tree.epochSecret)
            #expect(Self.parts(restored) == Self.parts(group.tree))
        }
    }

    @Test("A joiner's path is the same before the merge and after it")
    func joinerPaths() throws {
        let group = try TestGroup(seed: 13)
        try group.run(joining: 6)
        let rekey = try group.run(removing: [2], refreshing: [4], joining: 5)
        for path in rekey.unicasts {
            let after = group.tree.path(ofLeaf: path.leaf)
            #expect(after?.secrets == path.secrets && after?.epochSecret == path.epochSecret)
        }
        #expect(rekey.unicasts.map(\.leaf) == [2, 4, 6, 7, 8, 9])
    }

    @Test("A log's entry that this tree cannot have decided is refused")
    func unfitting() throws {
        let group = try TestGroup(seed: 14)
        let first = try group.run(joining: 5).diff
        #expect(throws: KeyTreeError.unfitting) { try group.tree.stage(first) }
        let empty = try TestGroup(seed: 15)
        let diff = try group.tree.plan(group.batch(removing: [4]), using: &group.random)
        #expect(throws: KeyTreeError.unfitting) { try empty.tree.stage(diff) }
        let joiner = KeyTreeDiff.Joined(leaf: 2, member: 9, secret: SecretBytes(count: 32, using: &group.random))
        let beyond = KeyTreeDiff.Joined(leaf: 70, member: 9, secret: joiner.secret)
        func stage(height: Int, removed: [UInt32], joined: [KeyTreeDiff.Joined]) throws {
            var bytes = diff.encoded().exposed
            bytes[5] = UInt8(height)
            bytes.removeLast(4)
            bytes.replaceSubrange(54..<62, with: [0, 0, 0, UInt8(removed.count), 0, 0, 0, UInt8(joined.count)])
            for leaf in removed { bytes += [0, 0, 0, UInt8(leaf)] }
            for entry in joined { bytes += [0, 0, 0, UInt8(entry.leaf), 0, 0, 0, 9] + entry.secret.exposed }
            _ = try group.tree.stage(KeyTreeDiff(decoding: SecretBytes(bytes)))
        }
        try stage(height: 3, removed: [4], joined: [])
        #expect(throws: KeyTreeError.repeatedLeaf(2)) { try stage(height: 3, removed: [], joined: [joiner]) }
        #expect(throws: KeyTreeError.vacantLeaf(6)) { try stage(height: 3, removed: [6], joined: []) }
        #expect(throws: KeyTreeError.unfitting) { try stage(height: 2, removed: [3], joined: []) }
        #expect(throws: KeyTreeError.unfitting) { try stage(height: 4, removed: [3], joined: []) }
        #expect(throws: KeyTreeError.unfitting) { try stage(height: 7, removed: [], joined: [beyond]) }
        #expect(throws: KeyTreeError.unfitting) { try stage(height: 6, removed: [], joined: [beyond]) }
        #expect(throws: KeyTreeError.unfitting) { try stage(height: 26, removed: [3], joined: []) }
        // A secret of zeros would be none.
        let zeros = KeyTreeDiff.Joined(leaf: 6, member: 9, secret: SecretBytes([UInt8](repeating: 0, count: 32)))
        #expect(throws: KeyTreeError.unusableSecret) { try stage(height: 3, removed: [], joined: [zeros]) }
    }

    @Test("A log's entry is read as it was written, and nothing else is read")
    func diffCodec() throws {
        let group = try TestGroup(seed: 16)
        try group.run(joining: 5)
        let diff = try group.tree.plan(group.batch(removing: [1, 3], joining: 4), using: &group.random)
        let bytes = diff.encoded()
        #expect(try KeyTreeDiff(decoding: bytes).encoded() == bytes)
        for length in 1..<bytes.count {
            #expect(throws: KeyTreeError.malformed) {
                try KeyTreeDiff(decoding: SecretBytes(bytes.exposed.prefix(length)))
            }
        }
        #expect(throws: KeyTreeError.malformed) { try KeyTreeDiff(decoding: SecretBytes(bytes.exposed + [0])) }
        var random = SeededGenerator(seed: 16)
        for _ in 0..<2_000 {
            var damaged = bytes.exposed
            damaged[Int.random(in: 0..<damaged.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            if let read = try? KeyTreeDiff(decoding: SecretBytes(damaged)) {
                #expect(read.encoded().exposed == damaged)
                _ = try? group.tree.stage(read)
            }
        }
    }

    /// Whether a rekey that was staged, written out and dropped has changed anything.
    static func leavesTrace(faults: KeyTreeFaults) throws -> Bool {
        let group = try TestGroup(seed: 10, faults: faults)
        try group.run(joining: 20)
        let before = parts(group.tree)
        for batch in [
            group.batch(removing: [3]), group.batch(removing: [1, 2, 19], joining: 30), group.batch(joining: 1),
        ] {
            let staged = try group.tree.stage(group.tree.plan(batch, using: &group.random))
            _ = try staged.packets(signer: group.signer)
        }
        return parts(group.tree) != before || group.tree.epoch != 1 || group.tree.height != 5
            || group.tree.memberCount != 20
    }

    static func parts(_ tree: borrowing KeyTree) -> [SecretBytes] {
        var parts = [tree.snapshotHead()]
        for part in 0..<tree.snapshotParts { parts.append(tree.snapshotPart(part)) }
        return parts
    }

    static func restore(_ group: TestGroup, faults: KeyTreeFaults = []) throws -> KeyTree {
        let parts = parts(group.tree)
        var restoration = try KeyTreeRestoration(
            head: parts[0], group: group.id, limits: group.tree.limits, faults: faults)
        for part in parts.dropFirst() { try restoration.add(part) }
        return try restoration.finish()
    }
}
