import Crypto
import GroupKeys
import NetworkTypes
import Testing

/// A group in memory: the manager's tree and every member's, joined by real packets.
final class TestGroup {
    /// What one rekey put on the wire and handed out, and what followed.
    struct Rekey {
        let diff: KeyTreeDiff
        let height: Int
        let epochSecret: SecretBytes
        let records: [RekeyRecord]
        let packets: [VerifiedRekeyPacket]
        let datagrams: [[UInt8]]
        /// What was handed out by unicast, joiners and refreshed members.
        let unicasts: [MemberPath]
        /// How many packets each member that stayed could use.
        var uses: [UInt32: Int] = [:]
    }

    enum Failure: Error {
        case notInstalled
    }

    let id: GroupID
    var tree: KeyTree
    /// By leaf.
    var members: [UInt32: MemberTree] = [:]
    var random: SeededGenerator
    let key = Curve25519.Signing.PrivateKey()
    private let faults: KeyTreeFaults
    private var nextMember: UInt32 = 0x1_0000

    init(seed: UInt64, height: Int = 8, datagram: Int = 1_200, faults: KeyTreeFaults = []) throws {
        random = SeededGenerator(seed: seed)
        id = GroupID(using: &random)
        self.faults = faults
        let limits = KeyTreeLimits(height: height, datagram: datagram, locksMemory: false)
        tree = try KeyTree(group: id, limits: limits, faults: faults)
    }

    var signer: RekeySigner { RekeySigner(controller: 7, key: key) }

    func batch(removing: [UInt32] = [], refreshing: [UInt32] = [], joining: Int = 0) -> KeyTreeBatch {
        KeyTreeBatch(
            removals: removing, refreshes: refreshing.map { ($0, joiner()) },
            joiners: (0..<joining).map { _ in joiner() })
    }

    func joiner() -> KeyTreeBatch.Joiner {
        nextMember += 1
        return KeyTreeBatch.Joiner(member: nextMember, secret: SecretBytes(count: 32, using: &random))
    }

    /// Runs one batch to its end at the manager and at every member.
    @discardableResult
    func run(removing: [UInt32] = [], refreshing: [UInt32] = [], joining: Int = 0) throws -> Rekey {
        let batch = batch(removing: removing, refreshing: refreshing, joining: joining)
        return try complete(tree.plan(batch, using: &random))
    }

    /// Stages a decided batch, merges it and brings it to the members.
    @discardableResult
    func complete(_ diff: KeyTreeDiff) throws -> Rekey {
        let staged = try tree.stage(diff)
        let datagrams = try staged.packets(signer: signer)
        let unicasts = diff.joined.indices.map { staged.path(ofJoiner: $0) }
        try tree.merge(staged)
        var rekey = Rekey(
            diff: diff, height: staged.height, epochSecret: staged.epochSecret, records: staged.records,
            packets: try datagrams.map { try verify($0) }, datagrams: datagrams, unicasts: unicasts)
        for leaf in diff.removed { members[leaf] = nil }
        for leaf in members.keys {
            for packet in rekey.packets where members[leaf]?.apply(packet) == .advanced {
                rekey.uses[leaf, default: 0] += 1
            }
        }
        for path in unicasts { members[path.leaf] = MemberTree(group: id, path: path, faults: faults) }
        return rekey
    }

    func verify(_ datagram: [UInt8]) throws -> VerifiedRekeyPacket {
        try UnverifiedRekeyPacket(datagram).verified(for: id) { $0 == 7 ? key.publicKey : nil }
    }

    /// The first member whose state is not the manager's.
    var diverged: UInt32? {
        members.keys.sorted().first { leaf in
            guard let expected = tree.path(ofLeaf: leaf), let held = members[leaf]?.path else { return true }
            return held.epoch != expected.epoch || held.height != expected.height || held.secrets != expected.secrets
                || held.epochSecret != expected.epochSecret
        }
    }
}

/// A random history of batches that keeps a group between some and `most` members.
struct History {
    var random: SeededGenerator
    let most: Int

    init(seed: UInt64, most: Int) {
        random = SeededGenerator(seed: seed ^ 0x4849_5354)
        self.most = most
    }

    /// The next batch for a group with members on `leaves`.
    mutating func next(_ leaves: [UInt32]) -> (removing: [UInt32], refreshing: [UInt32], joining: Int) {
        var present = leaves.sorted()
        present.shuffle(using: &random)
        let mood = Int.random(in: 0..<8, using: &random)
        let leaving =
            switch mood {
            case 0: present.count
            case 1, 2: Int.random(in: 0...present.count, using: &random)
            case 3: 0
            default: min(present.count, 1)
            }
        let removing = Array(present.prefix(leaving))
        let rest = present.dropFirst(leaving)
        let refreshing = Int.random(in: 0..<4, using: &random) == 0 ? Array(rest.prefix(1)) : []
        let room = most - rest.count
        let joining =
            switch Int.random(in: 0..<4, using: &random) {
            case 0: 0
            case 1: Int.random(in: 0...max(0, room), using: &random)
            default: min(room, 1)
            }
        return (removing, refreshing, max(0, joining))
    }
}
