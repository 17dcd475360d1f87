import Crypto
import GroupKeys

/// The key manager's two trees, built from the durable state.
struct GroupTrees: ~Copyable {
    /// The hardened suites'.
    var hardened: KeyTree
    /// The paper's.
    var classic: ClassicKeyTree
    /// The packets of the last committed rekey, to be sent again by a key manager that takes over.
    let lastPackets: [[UInt8]]
    let lastCoverage: [(node: TreeNode, members: Int)]
    /// The last committed rekey of the classic tree.
    let lastClassic: StagedClassicRekey?

    /// Replays the journals. Throws if they do not fit.
    init(_ configuration: KeyManagerConfiguration, state: GroupState) throws(KeyTreeError) {
        var hardened = try Self.begin(configuration, state.snapshot)
        var classic = try Self.beginClassic(configuration, state.classicSnapshot)
        var packets: [[UInt8]] = []
        var coverage: [(node: TreeNode, members: Int)] = []
        for (index, diff) in state.journal.enumerated() {
            let staged = try hardened.stage(diff)
            if index == state.journal.count - 1 {
                // Whoever it has removed was to be out at once, or is overdue by now.
                packets = try staged.packets(
                    signer: configuration.signer, isUrgent: !diff.removed.isEmpty, isRepeated: true)
                coverage = staged.coverage
            }
            try hardened.merge(staged)
        }
        var last: StagedClassicRekey?
        for change in state.classicJournal {
            let staged = try Self.stage(change, on: classic)
            try classic.merge(staged)
            last = staged
        }
        self.hardened = hardened
        self.classic = classic
        lastPackets = packets
        lastCoverage = coverage
        lastClassic = last
    }

    /// Stages a change of the classic tree from its inputs alone.
    static func stage(
        _ change: ClassicTreeChange, on tree: borrowing ClassicKeyTree
    ) throws(KeyTreeError) -> StagedClassicRekey {
        var random = SeedExpansion(change.seed)
        return try tree.stage(change.change, leaf: change.leaf, using: &random)
    }

    /// The hardened tree as it is, for a journal that begins here.
    func snapshot() -> TreeSnapshot {
        TreeSnapshot(
            head: hardened.snapshotHead(), parts: (0..<hardened.snapshotParts).map { hardened.snapshotPart($0) })
    }

    /// The classic tree as it is, likewise.
    func classicSnapshot() -> TreeSnapshot {
        TreeSnapshot(head: classic.snapshotHead(), parts: classic.snapshotParts())
    }

    private static func beginClassic(
        _ configuration: KeyManagerConfiguration, _ snapshot: TreeSnapshot?
    ) throws(KeyTreeError) -> ClassicKeyTree {
        let height = configuration.classicHeight
        guard let snapshot else { return try ClassicKeyTree(height: height, locksMemory: false) }
        return try ClassicKeyTree.restored(
            height: height, locksMemory: false, head: snapshot.head, parts: snapshot.parts)
    }

    private static func begin(
        _ configuration: KeyManagerConfiguration, _ snapshot: TreeSnapshot?
    ) throws(KeyTreeError) -> KeyTree {
        guard let snapshot else {
            return try KeyTree(group: configuration.group, limits: configuration.treeLimits)
        }
        var restoration = try KeyTreeRestoration(
            head: snapshot.head, group: configuration.group, limits: configuration.treeLimits)
        for part in snapshot.parts { try restoration.add(part) }
        return try restoration.finish()
    }
}

extension KeyManagerConfiguration {
    /// Who signs the rekeys.
    var signer: RekeySigner {
        RekeySigner(controller: UInt16(truncatingIfNeeded: identity.id.rawValue), key: identity.signingKey)
    }
}

/// Random bytes that all follow from a secret seed: HMAC-SHA256(seed, "supnp1 classic" ‖ u64 n), eight bytes of each.
///
/// The classic tree keeps random keys. With this its changes can be kept as inputs, and computed again.
struct SeedExpansion: RandomNumberGenerator {
    private let seed: SecretBytes
    private var count: UInt64 = 0

    init(_ seed: SecretBytes) { self.seed = seed }

    mutating func next() -> UInt64 {
        var text = Array("supnp1 classic".utf8)
        text.append(bigEndian: count)
        count += 1
        return seed.withUnsafeBytes { key in
            HMAC<SHA256>.authenticationCode(for: text, using: SymmetricKey(data: key))
                .prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}
