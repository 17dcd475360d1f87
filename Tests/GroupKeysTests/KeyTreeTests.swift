import GroupKeys
import NetworkTypes
import Testing

@Suite("Key tree")
struct KeyTreeTests {
    @Test("Every member follows the manager through random histories, each by exactly one packet", arguments: 0..<12)
    func convergence(seed: UInt64) throws {
        let group = try TestGroup(seed: seed, height: 6, datagram: 364)
        var history = History(seed: seed, most: 40)
        for step in 0..<40 {
            let next = history.next(Array(group.members.keys))
            let stayed = Set(group.members.keys).subtracting(next.removing).subtracting(next.refreshing)
            let rekey = try group.run(removing: next.removing, refreshing: next.refreshing, joining: next.joining)
            #expect(group.diverged == nil, "seed \(seed), step \(step)")
            #expect(
                Set(rekey.uses.keys) == stayed && rekey.uses.values.allSatisfy { $0 == 1 }, "seed \(seed), step \(step)"
            )
            #expect(rekey.datagrams.allSatisfy { $0.count <= 364 }, "seed \(seed), step \(step)")
        }
    }

    @Test("One eviction from 2^h members makes h - 1 records in one datagram", arguments: [3, 6, 10, 13])
    func evictionCounts(height: Int) throws {
        let group = try TestGroup(seed: 1, height: height)
        try group.run(joining: 1 << height)
        let rekey = try group.run(removing: [UInt32(1 << height) / 3])
        #expect(rekey.records.count == height - 1)
        #expect(rekey.datagrams.map(\.count) == [148 + 4 + 36 * (height - 1)])
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
}
