import GroupKeys
import NetworkTypes
import Testing

@Suite("Key tree")
struct KeyTreeTests {
    private static let histories = TestSizes.histories(standard: 12)

    @Test(
        "Every member follows the manager through random histories, each by exactly one packet",
        arguments: 0..<histories)
    func convergence(seed: UInt64) throws {
        #expect(try Self.step(ofDivergence: seed, steps: 40, faults: []) == nil, "seed \(seed)")
    }

    @Test("The tree is, octet by octet, what a plain reading of the specification gives", arguments: 0..<histories)
    func againstReference(seed: UInt64) throws {
        let group = try TestGroup(seed: seed, height: 5)
        var reference = ReferenceTree()
        var history = History(seed: seed &+ 500, most: 20)
        for step in 0..<30 {
            let next = history.next(Array(group.members.keys))
            let rekey = try group.run(removing: next.removing, refreshing: next.refreshing, joining: next.joining)
            reference.run(rekey.diff)
            #expect(group.tree.height == reference.height, "seed \(seed), step \(step)")
            #expect(rekey.epochSecret.exposed == reference.epochSecret, "seed \(seed), step \(step)")
            let records = Dictionary(uniqueKeysWithValues: rekey.records.map { ($0.child, $0.wrapped) })
            #expect(records == reference.records, "seed \(seed), step \(step)")
            for number in 0..<UInt32(63) {
                let expected = TreeNode(number: number).flatMap { reference.secrets[$0] }
                #expect(
                    group.tree.secret(ofNode: number)?.exposed == expected, "seed \(seed), step \(step), node \(number)"
                )
            }
        }
    }

    @Test(
        "A node has a secret exactly if a leaf below it has a member, and nothing above the root has one",
        arguments: 0..<histories)
    func secretsOfOccupiedNodesOnly(seed: UInt64) throws {
        #expect(try Self.nodeThatShouldNotHoldOrLack(seed: seed, faults: []) == nil)
    }

    @Test("One eviction from 2^h members makes h - 1 records in one datagram", arguments: [3, 6, 10, 13])
    func evictionCounts(height: Int) throws {
        let group = try TestGroup(seed: 1, height: height)
        try group.run(joining: 1 << height)
        let rekey = try group.run(removing: [UInt32(1 << height) / 3])
        #expect(rekey.records.count == height - 1)
        #expect(rekey.datagrams.map(\.count) == [148 + 4 + 36 * (height - 1)])
    }

    @Test("The datagram of one eviction has the octets of the specification's table")
    func evictionTable() {
        let table = [(10, 476), (13, 584), (16, 692), (20, 836), (23, 944), (30, 1_196)]
        for (height, octets) in table { #expect(RekeyPacket.length(leaves: 1, records: height - 1) == octets) }
    }

    @Test("One join is 152 octets and no record, at any size", arguments: [0, 1, 5, 8, 100])
    func joinCounts(members: Int) throws {
        let group = try TestGroup(seed: 2)
        if members > 0 { try group.run(joining: members) }
        let rekey = try group.run(joining: 1)
        #expect(rekey.records.isEmpty)
        #expect(rekey.datagrams.map(\.count) == (members > 0 ? [152] : []))
        #expect(group.diverged == nil)
    }

    @Test("A member that replaces another costs h - 1 records: with the one unicast, the lower bound")
    func replaceCounts() throws {
        let group = try TestGroup(seed: 3, height: 10)
        try group.run(joining: 1_024)
        let rekey = try group.run(removing: [77], joining: 1)
        #expect(rekey.diff.joined.map(\.leaf) == [77])
        #expect(rekey.records.count == 9)
    }

    @Test(
        "A batch has one record for each node above a removed leaf whose two sides keep a member",
        arguments: [(16, 82.0), (256, 385.0)])
    func batchCounts(leaves: Int, expected: Double) throws {
        let group = try TestGroup(seed: 4, height: 10)
        try group.run(joining: 1_024)
        var total = 0
        let rounds = 8
        for _ in 0..<rounds {
            let removed = Set((0..<UInt32(1_024)).shuffled(using: &group.random).prefix(leaves))
            let staged = try group.tree.stage(
                group.tree.plan(group.batch(removing: Array(removed)), using: &group.random))
            var count = 0
            for height in 1...10 {
                for index in 0..<UInt32(1 << (10 - height)) {
                    let node = TreeNode(height: height, index: index)
                    let sides = [node.children?.left, node.children?.right].compactMap(\.self)
                    let isTouched = removed.contains { node.covers(leaf: $0) }
                    let keep = sides.filter { side in
                        (side.firstLeaf..<side.firstLeaf + 1 << UInt32(side.height)).contains { !removed.contains($0) }
                    }
                    if isTouched, keep.count == 2 { count += 1 }
                }
            }
            #expect(staged.recordCount == count)
            #expect(staged.records.count == count)
            total += count
        }
        #expect(abs(Double(total) / Double(rounds) - expected) < expected * 0.06)
    }

    @Test("Joiners get the leaves of those who leave, ascending, and then the lowest empty ones")
    func allocation() throws {
        let group = try TestGroup(seed: 5)
        try group.run(joining: 10)
        try group.run(removing: [2, 6])
        let batch = group.batch(removing: [8, 4], joining: 5)
        let diff = try group.tree.plan(batch, using: &group.random)
        let leaves = batch.joiners.map { joiner in diff.joined.first { $0.member == joiner.member }?.leaf }
        #expect(leaves == [4, 8, 2, 6, 10])
    }

    @Test("Over random histories too, as a set of leaves has it", arguments: 0..<histories)
    func allocationModel(seed: UInt64) throws {
        let group = try TestGroup(seed: seed, height: 6)
        var occupied: Set<UInt32> = []
        for step in 0..<40 {
            var removing = occupied.sorted().shuffled(using: &group.random)
            removing.removeLast(removing.count - Int(group.random.next() % UInt64(removing.count + 1)) / 2)
            let refreshing = Array(occupied.subtracting(removing).sorted().prefix(Int(group.random.next() % 3)))
            let room = 64 - occupied.count + removing.count
            let batch = group.batch(
                removing: removing, refreshing: refreshing, joining: Int(group.random.next() % UInt64(room + 1)) / 2)
            let diff = try group.tree.plan(batch, using: &group.random)
            let vacated = removing.sorted()
            let empty = (0..<UInt32(64)).filter { !occupied.contains($0) }
            let expected = (vacated + empty).prefix(batch.joiners.count)
            let leaves = batch.joiners.map { joiner in diff.joined.first { $0.member == joiner.member }?.leaf }
            #expect(leaves == Array(expected), "seed \(seed), step \(step)")
            occupied.subtract(removing)
            occupied.formUnion(expected)
            try group.complete(diff)
            #expect(Set(group.members.keys) == occupied, "seed \(seed), step \(step)")
        }
    }

    @Test("A tree grows when it is full, and shrinks when nobody is in its upper three quarters")
    func heights() throws {
        let group = try TestGroup(seed: 6)
        try group.run(joining: 1)
        #expect(group.tree.height == 0)
        try group.run(joining: 4)
        #expect(group.tree.height == 3)
        try group.run(joining: 4)
        #expect(group.tree.height == 4)
        try group.run(removing: [8, 7, 6, 5])
        #expect(group.tree.height == 4)
        try group.run(removing: [4])
        #expect(group.tree.height == 3)
        try group.run(removing: [3, 2, 1])
        #expect(group.tree.height == 0)
        try group.run(removing: [0])
        #expect(group.tree.height == 0 && group.tree.memberCount == 0)
        #expect(group.diverged == nil)
    }

    @Test("A batch that cannot be is refused, and nothing has changed")
    func refusals() throws {
        let group = try TestGroup(seed: 7, height: 3)
        try group.run(joining: 5)
        let before = group.tree.snapshotPart(0)
        func refusal(_ batch: KeyTreeBatch) -> KeyTreeError? {
            do throws(KeyTreeError) {
                _ = try group.tree.plan(batch, using: &group.random)
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal(group.batch(removing: [5])) == .vacantLeaf(5))
        #expect(refusal(group.batch(removing: [1 << 20])) == .vacantLeaf(1 << 20))
        #expect(refusal(group.batch(removing: [1, 1])) == .repeatedLeaf(1))
        #expect(refusal(group.batch(removing: [1], refreshing: [1])) == .repeatedLeaf(1))
        #expect(refusal(group.batch(joining: 4)) == .full(limit: 8))
        #expect(refusal(group.batch(removing: [0], joining: 4)) == nil)
        let short = KeyTreeBatch(joiners: [.init(member: 1, secret: SecretBytes([1, 2]))])
        #expect(refusal(short) == .unusableSecret)
        let zeros = KeyTreeBatch(joiners: [.init(member: 1, secret: SecretBytes([UInt8](repeating: 0, count: 32)))])
        #expect(refusal(zeros) == .unusableSecret)
        #expect(group.tree.snapshotPart(0) == before)
    }

    /// The step of a random history after which a member does not have what the manager has, or did not get it from
    /// exactly one packet.
    static func step(ofDivergence seed: UInt64, steps: Int, faults: KeyTreeFaults) throws -> Int? {
        let group = try TestGroup(seed: seed, height: 6, datagram: 364, faults: faults)
        var history = History(seed: seed, most: 40)
        return try (0..<steps).first { _ in
            let next = history.next(Array(group.members.keys))
            let stayed = Set(group.members.keys).subtracting(next.removing).subtracting(next.refreshing)
            let rekey = try group.run(removing: next.removing, refreshing: next.refreshing, joining: next.joining)
            return group.diverged != nil || Set(rekey.uses.keys) != stayed || rekey.uses.values.contains { $0 != 1 }
        }
    }

    /// The first node, over a random history, that has a secret without a member below, or none with one.
    static func nodeThatShouldNotHoldOrLack(seed: UInt64, faults: KeyTreeFaults) throws -> UInt32? {
        let group = try TestGroup(seed: seed, height: 5, faults: faults)
        var history = History(seed: seed &+ 900, most: 20)
        for _ in 0..<25 {
            let next = history.next(Array(group.members.keys))
            try group.run(removing: next.removing, refreshing: next.refreshing, joining: next.joining)
            for number in 0..<UInt32(63) {
                guard let node = TreeNode(number: number) else { continue }
                let isWithin = node.height <= group.tree.height && Int(node.firstLeaf) < 1 << group.tree.height
                let isOccupied = isWithin && group.members.keys.contains { node.covers(leaf: $0) }
                if (group.tree.secret(ofNode: number) != nil) != isOccupied { return number }
            }
        }
        return nil
    }
}
