import Crypto
import GroupKeys
import NetworkTypes
import Testing

/// `tree.json`: a group of up to nine servers that grows, shrinks, empties and fills again, with every secret and every
/// packet, and a larger one whose rekey needs several packets.
struct TreeVectors: Encodable {
    struct Refresh: Encodable {
        let leaf: UInt32
        let secret: Hexadecimal
    }

    struct Batch: Encodable {
        let name: String
        let salt: Hexadecimal
        let rho: Hexadecimal
        let removed: [UInt32]
        let refreshed: [Refresh]
        let joined: [Hexadecimal]
        let urgent: Bool
        let epoch: UInt32
        let height: Int
        let joinedLeaves: [UInt32]
        let epochSecret: Hexadecimal
        let signer: UInt16
        let secrets: [String: Hexadecimal]?
        let packets: [Hexadecimal]
    }

    struct Group: Encodable {
        let name: String
        let batches: [Batch]
    }

    let groupID: Hexadecimal
    let signingSeed: Hexadecimal
    let groups: [Group]
}

/// Makes the batches of one tree, one after the other.
private struct TreeScript: ~Copyable {
    private var tree: KeyTree
    private var random: SeededGenerator
    private let signer: RekeySigner
    private let tellsSecrets: Bool
    private var member: UInt32 = 0x1_0000
    private(set) var batches: [TreeVectors.Batch] = []

    init(group: GroupID, seed: UInt64, key: Curve25519.Signing.PrivateKey, tellsSecrets: Bool) throws {
        tree = try KeyTree(group: group, limits: KeyTreeLimits(height: 10, locksMemory: false))
        random = SeededGenerator(seed: seed)
        signer = RekeySigner(controller: 7, key: key)
        self.tellsSecrets = tellsSecrets
    }

    private mutating func joiner() -> KeyTreeBatch.Joiner {
        defer { member += 1 }
        return KeyTreeBatch.Joiner(member: member, secret: SecretBytes(count: 32, using: &random))
    }

    mutating func run(
        _ name: String, removing removed: [UInt32] = [], refreshing refreshed: [UInt32] = [], joining count: Int = 0,
        urgent: Bool = false
    ) throws {
        let refreshes = refreshed.map { (leaf: $0, joiner: joiner()) }
        let joiners = (0..<count).map { _ in joiner() }
        let batch = KeyTreeBatch(removals: removed, refreshes: refreshes, joiners: joiners)
        let diff = try tree.plan(batch, using: &random)
        let staged = try tree.stage(diff)
        let packets = try staged.packets(signer: signer, isUrgent: urgent)
        try tree.merge(staged)
        let leaves = Dictionary(uniqueKeysWithValues: diff.joined.map { ($0.member, $0.leaf) })
        batches.append(
            TreeVectors.Batch(
                name: name, salt: Hexadecimal(diff.salt), rho: Hexadecimal(diff.randomness.exposed), removed: removed,
                refreshed: refreshes.map { .init(leaf: $0.leaf, secret: Hexadecimal($0.joiner.secret.exposed)) },
                joined: joiners.map { Hexadecimal($0.secret.exposed) }, urgent: urgent, epoch: staged.epoch,
                height: staged.height, joinedLeaves: joiners.compactMap { leaves[$0.member] },
                epochSecret: Hexadecimal(staged.epochSecret.exposed), signer: signer.controller, secrets: secrets(),
                packets: packets.map { Hexadecimal($0) }))
    }

    private func secrets() -> [String: Hexadecimal]? {
        guard tellsSecrets else { return nil }
        var secrets: [String: Hexadecimal] = [:]
        for number in 0..<(UInt32(2) << UInt32(tree.height)) - 1 {
            guard let secret = tree.secret(ofNode: number) else { continue }
            secrets[String(number)] = Hexadecimal(secret.exposed)
        }
        return secrets
    }
}

extension TreeVectors {
    private static let seed = Array<UInt8>(0..<32)

    static func made() throws -> TreeVectors {
        let group = Array<UInt8>(0xA0..<0xB0)
        return TreeVectors(
            groupID: Hexadecimal(group), signingSeed: Hexadecimal(seed),
            groups: [
                Group(name: "eight leaves", batches: try small(group)),
                Group(name: "several packets", batches: try large(group)),
            ])
    }

    private static func script(_ group: [UInt8], seed number: UInt64, tellsSecrets: Bool) throws -> TreeScript {
        let key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        return try TreeScript(
            group: try #require(GroupID(group)), seed: number, key: key, tellsSecrets: tellsSecrets)
    }

    private static func small(_ group: [UInt8]) throws -> [Batch] {
        var script = try script(group, seed: 1, tellsSecrets: true)
        try script.run("four join an empty group", joining: 4)
        try script.run("one joins and the tree grows", joining: 1)
        try script.run("three join", joining: 3)
        try script.run("one leaves", removing: [2])
        try script.run("one is evicted at once", removing: [7], urgent: true)
        try script.run("two leave, one is refreshed, one joins", removing: [1, 6], refreshing: [4], joining: 1)
        try script.run("one is refreshed", refreshing: [0])
        try script.run("four join and the tree grows", joining: 4)
        try script.run("all but three leave and the tree shrinks", removing: [3, 4, 5, 6, 7, 8])
        try script.run("it grows again", joining: 6)
        try script.run("all leave", removing: Array(0..<9))
        try script.run("one joins the group that was emptied", joining: 1)
        return script.batches
    }

    private static func large(_ group: [UInt8]) throws -> [Batch] {
        var script = try script(group, seed: 2, tellsSecrets: false)
        try script.run("200 join", joining: 200)
        try script.run(
            "60 leave, five are refreshed, 40 join", removing: stride(from: 1, to: 180, by: 3).map { $0 },
            refreshing: [0, 66, 99, 198, 197].sorted(), joining: 40)
        return script.batches
    }
}

@Suite("Vectors of the key tree")
struct TreeVectorTests {
    @Test
    func `The key tree's vectors are what this code makes`() throws {
        try VectorFile.check("tree", try TreeVectors.made())
    }

    @Test
    func `They need what they are for: several packets, a grown, a shrunken and an empty tree`() throws {
        let groups = try TreeVectors.made().groups
        #expect(groups[0].batches.map(\.height) == [2, 3, 3, 3, 3, 3, 3, 4, 3, 4, 0, 0])
        #expect(groups[1].batches[1].packets.count > 3)
    }
}
