import GroupKeys
import NetworkTypes
import Testing

@Suite("Pads")
struct PadTests {
    @Test(
        "No pad is used for two secrets, across restore, replay and a rollback",
        arguments: 0..<TestSizes.histories(standard: 6))
    func once(seed: UInt64) throws {
        #expect(try Self.reusedPad(seed: seed, faults: []) == nil)
    }

    private struct Pad: Hashable {
        let key: Value
        let epoch: UInt32
        let node: UInt32
        let salt: [UInt8]
    }

    /// Runs a group, restores it from a snapshot, replays its log, and goes back to the snapshot with other events: the
    /// epoch numbers are then used a second time. Gives what was wrapped twice under one pad.
    static func reusedPad(seed: UInt64, faults: KeyTreeFaults) throws -> String? {
        let group = try TestGroup(seed: seed, height: 4, faults: faults)
        var uses: [Pad: Set<[UInt8]>] = [:]
        func note(_ witness: DerivationWitness, _ records: [RekeyRecord]) {
            var wrapped: [UInt32: [UInt8]] = [:]
            for record in records {
                if let parent = TreeNode(number: record.child)?.parent.number { wrapped[parent] = record.wrapped }
            }
            for entry in witness.derivations where entry.label == .wrap {
                let pad = Pad(key: Value(entry.key), epoch: entry.epoch, node: entry.node, salt: entry.salt)
                uses[pad, default: []].insert(wrapped[entry.node] ?? [])
            }
        }
        func run(_ tree: inout KeyTree, _ diff: KeyTreeDiff) throws {
            let witness = DerivationWitness()
            tree.witness = witness
            let staged = try tree.stage(diff)
            note(witness, staged.records)
            try tree.merge(staged)
        }
        try run(&group.tree, group.tree.plan(group.batch(joining: 12), using: &group.random))
        var log: [KeyTreeDiff] = []
        let snapshot = StagingTests.parts(group.tree)
        for fork in 0..<4 {
            var restoration = try KeyTreeRestoration(
                head: snapshot[0], group: group.id, limits: group.tree.limits, faults: faults)
            for part in snapshot.dropFirst() { try restoration.add(part) }
            var tree = try restoration.finish()
            // The first fork is replayed by the second; the others go their own ways from the same state.
            if fork == 1 {
                for diff in log { try run(&tree, diff) }
                continue
            }
            for _ in 0..<5 {
                let leaves = (0..<UInt32(16)).filter { tree.isOccupied(leaf: $0) }.shuffled(using: &group.random)
                let batch = group.batch(removing: Array(leaves.prefix(2)), joining: Int(group.random.next() % 3))
                let diff = try tree.plan(batch, using: &group.random)
                if fork == 0 { log.append(diff) }
                try run(&tree, diff)
            }
        }
        return uses.first { $0.value.count > 1 }.map { "seed \(seed): epoch \($0.key.epoch), node \($0.key.node)" }
    }
}
