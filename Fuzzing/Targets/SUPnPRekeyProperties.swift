import Crypto
import GroupKeys
import NetworkTypes

/// What holds for every rekey packet, for the member that reads it and for the paper's tree.
///
/// The first byte of an input says what the others are: 0 a datagram as it came, 1 one that the key manager signs, so
/// that inputs lead beyond the signature, 2 the body of the paper's rekey message.
enum SUPnPRekeyProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        guard let mode = input.first else { return }
        let bytes = Array(input.dropFirst())
        switch mode % 3 {
        case 0: try checkPacket(bytes, isSigned: false)
        case 1: try checkPacket(Fixture.shared.signed(bytes), isSigned: true)
        default: try checkClassic(bytes)
        }
    }

    private static func checkPacket(_ datagram: [UInt8], isSigned: Bool) throws(BrokenProperty) {
        guard let packet = try? UnverifiedRekeyPacket(datagram) else { return }
        let written = encoded(packet.fields, signature: datagram.suffix(64))
        try expect(written == datagram, "a rekey packet has one encoding")
        let fixture = Fixture.shared
        let isGenuine = fixture.packets.contains { $0.dropLast(64) == datagram.dropLast(64) }
        let verified = try? packet.verified(for: fixture.group) { $0 == 7 ? fixture.key.publicKey : nil }
        guard let verified else {
            try expect(!isGenuine || !fixture.packets.contains(datagram), "the key manager's own packet is refused")
            return
        }
        try expect(isSigned || isGenuine, "a packet passes that the key manager has not signed")
        for member in fixture.members {
            try check(member, verified)
        }
    }

    private static func check(_ member: MemberTree, _ packet: VerifiedRekeyPacket) throws(BrokenProperty) {
        var after = member
        let outcome = after.apply(packet)
        guard outcome == .advanced else {
            try expect(
                after.epoch == member.epoch && after.epochSecret == member.epochSecret
                    && after.path.secrets == member.path.secrets && after.path.height == member.path.height,
                "a packet that is not followed changes nothing: \(outcome)")
            return
        }
        // Nobody makes `confirm` without the epoch's secret, so only the manager's own epoch is ever reached.
        try expect(after.epoch == member.epoch + 1, "one epoch follows the other")
        try expect(after.epochSecret == Fixture.shared.epochSecret, "a member comes to another secret")
        try expect(after.path.leaf == member.path.leaf, "a member stays on its leaf")
        try expect(after.path.secrets.count == 32 * (after.path.height + 1), "a path is as long as the tree is high")
    }

    private static func checkClassic(_ body: [UInt8]) throws(BrokenProperty) {
        guard let rekey = ClassicRekey(body) else { return }
        let fixture = Fixture.shared
        for member in fixture.classicMembers {
            var after = member
            if after.apply(rekey) == .advanced {
                try expect(after.path.trafficKey == fixture.classicTrafficKey, "a member comes to another traffic key")
            } else {
                try expect(
                    after.path.keys == member.path.keys && after.path.trafficKey == member.path.trafficKey
                        && after.path.trafficKeyID == member.path.trafficKeyID,
                    "a message that is not followed changes nothing")
            }
        }
    }

    /// A packet's one encoding, as docs/specs/supnp/key-tree.md says it.
    private static func encoded(_ packet: RekeyPacket, signature: ArraySlice<UInt8>) -> [UInt8] {
        var body: [UInt8] = [0, 0x10, 1, packet.flags.rawValue, UInt8(packet.height), UInt8(packet.subtree.height)]
        func append(_ number: some FixedWidthInteger) { withUnsafeBytes(of: number.bigEndian) { body += $0 } }
        append(packet.groupHint)
        append(packet.epoch)
        append(packet.subtree.index)
        append(packet.index)
        append(packet.count)
        body += packet.salt
        append(packet.removalMask)
        append(packet.joinMask)
        append(packet.members)
        append(UInt16(packet.removed.count))
        append(UInt16(packet.joined.count))
        append(UInt16(packet.records.count))
        append(packet.signer)
        for leaf in packet.removed + packet.joined { append(leaf) }
        for record in packet.records {
            append(record.child)
            body += record.wrapped
        }
        body += packet.confirmation
        return Fixture.header(epoch: packet.epoch, index: packet.index, count: body.count + 64) + body + signature
    }
}

/// A small group that was made once: a tree of fifteen leaves that grows, its packets and its members before.
private struct Fixture: Sendable {
    static let shared = Fixture()

    let group: GroupID
    let key: Curve25519.Signing.PrivateKey
    let packets: [[UInt8]]
    let members: [MemberTree]
    let epochSecret: SecretBytes
    let classicMembers: [ClassicMemberKeys]
    let classicTrafficKey: SecretBytes

    private init() {
        do {
            guard let group = GroupID(Array<UInt8>(0xA0..<0xB0)) else { preconditionFailure("a group's name") }
            self.group = group
            key = try Curve25519.Signing.PrivateKey(rawRepresentation: Array<UInt8>(0..<32))
            var random = SeededGenerator(seed: 11)
            var tree = try KeyTree(group: group, limits: KeyTreeLimits(height: 5, datagram: 328, locksMemory: false))
            func joiners(_ count: UInt32) -> [KeyTreeBatch.Joiner] {
                (0..<count).map { .init(member: 0x1_0000 + $0, secret: SecretBytes(count: 32, using: &random)) }
            }
            let first = try tree.stage(try tree.plan(KeyTreeBatch(joiners: joiners(15)), using: &random))
            try tree.merge(first)
            members = [UInt32(0), 3, 8, 14].compactMap { tree.path(ofLeaf: $0) }.map {
                MemberTree(group: group, path: $0)
            }
            let batch = KeyTreeBatch(removals: [1, 4, 6, 9], joiners: joiners(7))
            let second = try tree.stage(try tree.plan(batch, using: &random))
            packets = try second.packets(signer: RekeySigner(controller: 7, key: key))
            epochSecret = second.epochSecret
            var classic = try ClassicKeyTree(height: 3, locksMemory: false)
            for leaf in UInt32(0)..<6 { try classic.merge(try classic.stage(.join, leaf: leaf, using: &random)) }
            classicMembers = [UInt32(0), 2, 5].compactMap { classic.path(ofLeaf: $0) }.map { .init(path: $0) }
            classicTrafficKey = try classic.stage(.leave, leaf: 3, using: &random).trafficKey
        } catch {
            preconditionFailure("the fixed group cannot be made: \(error)")
        }
    }

    /// The datagram with the header that it needs and the key manager's signature in place of its last 64 bytes.
    func signed(_ datagram: [UInt8]) -> [UInt8] {
        guard datagram.count >= 12 + 56 + 80, datagram.count <= 65_507 else { return datagram }
        let epoch = datagram[20..<24].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let index = UInt16(datagram[28]) << 8 | UInt16(datagram[29])
        let body = datagram[12..<datagram.count - 64]
        let text = Self.header(epoch: epoch, index: index, count: body.count + 64) + body
        let prefix = Array("supnp1 rekey".utf8) + group.bytes
        guard let signature = try? key.signature(for: prefix + text) else { return datagram }
        return text + signature
    }

    static func header(epoch: UInt32, index: UInt16, count: Int) -> [UInt8] {
        let words = [0x5EC1, 0xB011, UInt16(truncatingIfNeeded: epoch), index, UInt16(12 + count)]
        var sum = words.reduce(UInt32(0)) { $0 + UInt32($1) }
        while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
        return (words + [~UInt16(sum)]).flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
    }
}
