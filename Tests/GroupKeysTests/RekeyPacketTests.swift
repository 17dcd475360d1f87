import Crypto
import GroupKeys
import NetworkTypes
import Testing

@Suite("Rekey packets")
struct RekeyPacketTests {
    private static let histories = TestSizes.histories(standard: 8)

    @Test(
        "The packets of a rekey cover each member that stays once, and have all its records", arguments: 0..<histories)
    func coverage(seed: UInt64) throws {
        #expect(try Self.uncovered(seed: seed, faults: []) == nil)
    }

    @Test("The header is the paper's, with a checksum of RFC 1071")
    func header() throws {
        let (_, datagram) = try Self.sample()
        let words = stride(from: 0, to: 12, by: 2).map { UInt32(datagram[$0]) << 8 | UInt32(datagram[$0 + 1]) }
        #expect(words[0] == 0x5EC1)
        #expect(words[1] == 0xB011)
        #expect(words[2] == 2)
        #expect(words[3] == 0)
        #expect(words[4] == UInt32(datagram.count))
        var sum = words.reduce(0, +)
        while sum > 0xFFFF { sum = sum & 0xFFFF + sum >> 16 }
        #expect(sum == 0xFFFF)
        #expect(Array(datagram[12..<16]) == [0, 0x10, 1, 0])
    }

    @Test("A datagram with one bit changed, cut short or made longer is refused")
    func damaged() throws {
        let (group, datagram) = try Self.sample()
        _ = try group.verify(datagram)
        for offset in datagram.indices {
            var changed = datagram
            changed[offset] ^= 1 << UInt8(offset % 8)
            #expect(throws: RekeyPacketError.self) { try group.verify(changed) }
        }
        for length in 0..<datagram.count {
            #expect(throws: RekeyPacketError.malformed) { try UnverifiedRekeyPacket(Array(datagram.prefix(length))) }
        }
        #expect(throws: RekeyPacketError.malformed) { try UnverifiedRekeyPacket(datagram + [0]) }
    }

    @Test("A packet of another group, of an unknown signer or with another's key is refused")
    func signatures() throws {
        let (group, datagram) = try Self.sample()
        let packet = try UnverifiedRekeyPacket(datagram)
        let other = GroupID(using: &group.random)
        let sibling = GroupID(group.id.bytes.prefix(2) + other.bytes.prefix(14))
        let stranger = Curve25519.Signing.PrivateKey().publicKey
        #expect(throws: RekeyPacketError.otherGroup) { try packet.verified(for: other) { _ in group.key.publicKey } }
        #expect(throws: RekeyPacketError.unknownSigner(7)) { try packet.verified(for: group.id) { _ in nil } }
        #expect(throws: RekeyPacketError.badSignature) { try packet.verified(for: group.id) { _ in stranger } }
        let sameHint = try #require(sibling)
        #expect(throws: RekeyPacketError.badSignature) {
            try packet.verified(for: sameHint) { _ in group.key.publicKey }
        }
    }

    @Test("Fields that cannot be are refused, even where the header fits and the key manager has signed")
    func inconsistent() throws {
        let (_, datagram) = try Self.sample()
        // (offset in the datagram, what is written there, why it cannot be)
        let cases: [(Int, [UInt8], String)] = [
            (14, [2], "another form"), (15, [0x10], "an unknown flag"), (15, [6], "grown and shrunken"),
            (16, [31], "a height beyond the wire's"), (16, [2], "more members than leaves"),
            (17, [5], "a subtree above the root"), (20, [0, 0, 0, 0], "epoch 0"), (24, [0, 0, 0, 1], "a second root"),
            (28, [0, 1], "an index beyond the count"), (30, [0, 0], "no packets"),
            (48, [0, 0, 0, 0x10], "a mask bit inside the subtree"), (48, [0, 0, 0, 0x20], "a mask bit above the root"),
            (52, [0, 0, 0, 0x20], "a join bit above the root"), (56, [0, 0, 0, 0], "no members"),
            (56, [0, 0, 0, 17], "more members than leaves"), (60, [0, 2], "more removed leaves than there are"),
            (62, [0, 1], "more joined leaves than there are"), (64, [0, 4], "more records than there are"),
            (66, [0, 0], "no signer"), (68, [0, 0, 0, 16], "a removed leaf beyond the tree"),
            (72, [0, 0, 0, 4], "a record for a left child"), (72, [0, 0, 0, 0x1F], "a record for a root"),
            (72, [0xFF, 0xFF, 0xFF, 0xFF], "a record for no node"), (72, [0, 0, 0, 0x2F], "a record out of order"),
        ]
        for (offset, bytes, reason) in cases {
            var changed = datagram
            changed.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            #expect(throws: RekeyPacketError.malformed, "\(reason)") {
                try UnverifiedRekeyPacket(Self.withHeader(changed))
            }
        }
        _ = try UnverifiedRekeyPacket(Self.withHeader(datagram))
    }

    @Test("Masks say of the ancestors what lists say of the subtree: upper parts, and no node in both")
    func masks() throws {
        let group = try TestGroup(seed: 33, height: 4, datagram: 292)
        try group.run(joining: 16)
        let rekey = try group.run(removing: [0, 3, 5, 6, 9, 10, 12, 15])
        let datagram = try #require(rekey.datagrams.first { $0[17] == 2 })
        let removal = UInt32(datagram[51])
        #expect(removal == 0b11000)
        for mask in UInt8(0)..<64 where mask != 0b11000 {
            var changed = datagram
            changed[51] = mask
            #expect(throws: RekeyPacketError.malformed) { try UnverifiedRekeyPacket(Self.withHeader(changed)) }
        }
        for mask in UInt8(1)..<64 {
            var changed = datagram
            changed[55] = mask
            #expect(throws: RekeyPacketError.malformed) { try UnverifiedRekeyPacket(Self.withHeader(changed)) }
        }
    }

    @Test("Random octets behind a right header never trap, and what decodes is consistent")
    func randomOctets() throws {
        let (group, datagram) = try Self.sample()
        var random = SeededGenerator(seed: 34)
        var accepted = 0
        for _ in 0..<3_000 {
            var changed = datagram
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                changed[Int.random(in: 20..<changed.count - 64, using: &random)] = random.next()
            }
            guard changed != datagram, let packet = try? UnverifiedRekeyPacket(Self.withHeader(changed)) else {
                continue
            }
            accepted += 1
            #expect(throws: RekeyPacketError.self) { try group.verify(Self.withHeader(changed)) }
            let resigned = try UnverifiedRekeyPacket(Self.resigned(changed, group))
            let verified = try resigned.verified(for: group.id) { _ in group.key.publicKey }
            var member = try #require(group.members[1])
            #expect(packet.fields == verified.fields)
            _ = member.apply(verified)
        }
        #expect(accepted > 100)
    }

    /// A tree of 16, and the one packet of an eviction that its members have not seen yet.
    static func sample() throws -> (TestGroup, [UInt8]) {
        let group = try TestGroup(seed: 31, height: 4)
        try group.run(joining: 16)
        let staged = try group.tree.stage(group.tree.plan(group.batch(removing: [6]), using: &group.random))
        return (group, try staged.packets(signer: group.signer)[0])
    }

    /// A body with the header that fits it.
    static func withHeader(_ datagram: [UInt8]) -> [UInt8] {
        var bytes = datagram
        bytes.replaceSubrange(4..<8, with: [bytes[22], bytes[23], bytes[28], bytes[29]])
        bytes.replaceSubrange(10..<12, with: [0, 0])
        var sum = stride(from: 0, to: 12, by: 2).reduce(UInt32(0)) {
            $0 + UInt32(bytes[$1]) << 8 + UInt32(bytes[$1 + 1])
        }
        while sum > 0xFFFF { sum = sum & 0xFFFF + sum >> 16 }
        bytes[10] = ~UInt8(truncatingIfNeeded: sum >> 8)
        bytes[11] = ~UInt8(truncatingIfNeeded: sum)
        return bytes
    }

    /// The same, signed by the group's key manager.
    static func resigned(_ datagram: [UInt8], _ group: TestGroup) throws -> [UInt8] {
        let bytes = Array(withHeader(datagram).dropLast(64))
        return bytes + (try group.key.signature(for: Array("supnp1 rekey".utf8) + group.id.bytes + bytes))
    }

    /// What a packet set of a random history lacks or has too much.
    static func uncovered(seed: UInt64, faults: KeyTreeFaults) throws -> String? {
        let group = try TestGroup(seed: seed, height: 6, datagram: 364, faults: faults)
        var history = History(seed: seed &+ 100, most: 60)
        for step in 0..<25 {
            let next = history.next(Array(group.members.keys))
            let stayed = Set(group.members.keys).subtracting(next.removing).subtracting(next.refreshing)
            let batch = group.batch(removing: next.removing, refreshing: next.refreshing, joining: next.joining)
            let diff = try group.tree.plan(batch, using: &group.random)
            let staged = try group.tree.stage(diff)
            let coverage = staged.coverage
            let rekey = try group.complete(diff)
            for leaf in stayed where coverage.filter({ $0.node.covers(leaf: leaf) }).count != 1 {
                return "seed \(seed), step \(step): leaf \(leaf) is not in exactly one packet"
            }
            let members = coverage.map { part in stayed.filter { part.node.covers(leaf: $0) }.count }
            if members.contains(0) || members != coverage.map(\.members) {
                return "seed \(seed), step \(step): members"
            }
            let packets = rekey.packets.map(\.fields)
            if packets.map(\.subtree) != coverage.map(\.node) { return "seed \(seed), step \(step): subtrees" }
            let sent = Set(packets.flatMap(\.records))
            // There is no record for a subtree of joiners only: each has somebody to read it.
            if !stayed.isEmpty, sent != Set(rekey.records) { return "seed \(seed), step \(step): records" }
            if rekey.datagrams.contains(where: { $0.count > 364 }) { return "seed \(seed), step \(step): length" }
        }
        return nil
    }
}
