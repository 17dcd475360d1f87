import GroupKeys
import NetworkTypes
import Testing

/// The specification's table of sizes (group keys §1.3), on packets that the tree has made and its members follow.
@Suite("Sizes of rekey packets")
struct PacketSizeTests {
    private static let sizes = [(10, 476), (13, 584), (16, 692), (20, 836)]

    @Test("One eviction is one datagram of the table's octets, and one join one of 152, up to a million leaves")
    func singles() throws {
        for (height, octets) in Self.sizes {
            let group = try Self.group(height: height)
            let rekey = try group.run(removing: [0])
            #expect(group.tree.height == height)
            #expect(rekey.records.count == height - 1, "height \(height)")
            #expect(rekey.datagrams.map(\.count) == [octets], "height \(height)")
            #expect(group.diverged == nil, "height \(height)")
            #expect(rekey.uses.count == height && rekey.uses.values.allSatisfy { $0 == 1 })
            let joined = try group.run(joining: 1)
            #expect(joined.records.isEmpty)
            #expect(joined.datagrams.map(\.count) == [152], "height \(height)")
            #expect(group.diverged == nil, "height \(height)")
        }
    }

    @Test("No packet of a random batch is above 1,200 octets, most are well filled, and each member is in one")
    func randomBatches() throws {
        let group = try TestGroup(seed: 51, height: 10)
        try group.run(joining: 1_024)
        var lengths: [Int] = []
        for size in [2, 16, 40, 100, 256, 500] {
            let leaves = group.members.keys.sorted().shuffled(using: &group.random)
            let removing = Array(leaves.prefix(size))
            let refreshing = Array(leaves.dropFirst(size).prefix(size / 8))
            let stayed = Set(leaves).subtracting(removing).subtracting(refreshing)
            let rekey = try group.run(removing: removing, refreshing: refreshing, joining: size / 2)
            #expect(rekey.datagrams.allSatisfy { $0.count <= 1_200 }, "batch of \(size)")
            #expect(Set(rekey.uses.keys) == stayed && rekey.uses.values.allSatisfy { $0 == 1 }, "batch of \(size)")
            #expect(group.diverged == nil, "batch of \(size)")
            lengths += rekey.datagrams.map(\.count)
            try group.run(joining: 1_024 - group.tree.memberCount)
        }
        #expect(lengths.contains { $0 > 1_150 })
        #expect(lengths.reduce(0, +) / lengths.count > 600)
    }

    @Test("Sixteen evictions from 2^10 members take about the packets and octets of the specification's table")
    func batchOfSixteen() throws {
        let group = try TestGroup(seed: 52, height: 10)
        try group.run(joining: 1_024)
        let rounds = 12
        var (records, packets, octets) = (0, 0, 0)
        for _ in 0..<rounds {
            let leaves = (0..<UInt32(1_024)).shuffled(using: &group.random).prefix(16)
            let staged = try group.tree.stage(
                group.tree.plan(group.batch(removing: Array(leaves)), using: &group.random))
            let datagrams = try staged.packets(signer: group.signer)
            records += staged.recordCount
            packets += datagrams.count
            octets += datagrams.reduce(0) { $0 + $1.count }
        }
        #expect(abs(Double(records) / Double(rounds) - 84) < 5)
        #expect(abs(Double(packets) / Double(rounds) - 5) < 1.5)
        #expect(abs(Double(octets) / Double(rounds) - 3_936) < 600)
    }

    /// A tree with a member in each of the subtrees beside leaf 0, which makes an eviction there as long as in a full
    /// one. No key manager fills a tree like that, so it comes out of a log.
    private static func group(height: Int) throws -> TestGroup {
        let group = try TestGroup(seed: UInt64(height), height: height)
        let leaves = [0] + (0..<height).map { UInt32(1) << UInt32($0) }
        var bytes: [UInt8] = [1, 0, 0, 0, 1, UInt8(height)] + group.random.bytes(16 + 32)
        bytes += [0, 0, 0, 0, 0, 0, 0, UInt8(leaves.count)]
        for leaf in leaves {
            for number in [leaf, 0x1_0000 + leaf] {
                bytes += (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
            }
            bytes += group.random.bytes(32)
        }
        try group.complete(KeyTreeDiff(decoding: SecretBytes(bytes)))
        return group
    }
}
