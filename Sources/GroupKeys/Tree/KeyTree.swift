import CLibCrypto

/// The key manager's side of the derived key tree (group keys §3.9): every secret of every node of one group.
///
///     batch ──plan──▶ KeyTreeDiff ──stage──▶ StagedRekey ──merge──▶ the tree of the next epoch
///
/// `plan` and `stage` change nothing, so a rekey that could not be made durable is dropped and leaves no trace. What
/// `plan` draws is all in the diff: the same diff staged on the same tree gives the same bytes, which is how another
/// key manager takes over from a log.
///
/// Invariants: a node has a secret exactly if a leaf below it has a member; nothing above the height or beyond the
/// capacity has one; a secret that was used as a pad or as a source is replaced by its image when the rekey is merged.
package struct KeyTree: ~Copyable, Sendable {
    /// The group that it belongs to.
    package let group: GroupID
    /// How large it may become.
    package let limits: KeyTreeLimits
    /// The present epoch; 0 before the first batch.
    package internal(set) var epoch: UInt32 = 0
    /// The height of the root.
    package internal(set) var height = 0
    /// The present epoch's secret; nil before the first batch.
    package internal(set) var epochSecret: SecretBytes?

    /// Sees every derivation of `stage`: for tests only, nil everywhere else.
    package var witness: DerivationWitness?

    let identity = TreeIdentity()
    let faults: KeyTreeFaults
    let secrets: SecretArena
    let counts: MemberCounts
    // Told apart from every other state of this tree, so that a rekey is merged only where it was staged.
    var revision: UInt64 = 0

    /// An empty group. Throws `outOfMemory` if the address space for the largest tree cannot be reserved.
    package init(
        group: GroupID, limits: KeyTreeLimits = KeyTreeLimits(), faults: KeyTreeFaults = []
    ) throws(KeyTreeError) {
        let nodes = Self.nodeCount(height: limits.height)
        let secrets = try SecretArena(byteCount: nodes * RekeyLimits.secretLength, locks: limits.locksMemory)
        self.init(
            group: group, limits: limits, faults: faults, secrets: secrets, counts: try MemberCounts(nodes: nodes))
    }

    private init(
        group: GroupID, limits: KeyTreeLimits, faults: KeyTreeFaults, secrets: SecretArena, counts: MemberCounts
    ) {
        self.group = group
        self.limits = limits
        self.faults = faults
        self.secrets = secrets
        self.counts = counts
        secrets.use(RekeyLimits.secretLength)
    }

    /// How many members there are.
    package var memberCount: Int { Int(counts[TreeNode.root(height: height).number]) }

    /// How many bytes of secrets are in use, and how many of them are locked in memory.
    package var memory: (secrets: Int, locked: Int, counts: Int) {
        let nodes = Self.nodeCount(height: height)
        return (nodes * RekeyLimits.secretLength, secrets.lockedBytes, nodes * MemberCounts.stride)
    }

    /// Whether `leaf` has a member.
    package func isOccupied(leaf: UInt32) -> Bool {
        Int(leaf) < 1 << height && counts[TreeNode.leaf(leaf).number] > 0
    }

    /// What a member on `leaf` holds in this epoch: for its registration or its resynchronisation, sealed. Nil if the
    /// leaf has no member.
    package func path(ofLeaf leaf: UInt32) -> MemberPath? {
        guard isOccupied(leaf: leaf), let epochSecret else { return nil }
        let path = SecretBytes(count: (height + 1) * RekeyLimits.secretLength) { target in
            var writer = SecretWriter(target)
            for level in 0...height {
                let number = TreeNode.number(height: level, index: leaf >> level)
                writer.write(UnsafeRawBufferPointer(start: pointer(number), count: RekeyLimits.secretLength))
            }
        }
        return MemberPath(epoch: epoch, height: height, leaf: leaf, secrets: path, epochSecret: epochSecret)
    }

    /// The secret of the node with `number`, or nil: for tests, which compare it with what members hold.
    package func secret(ofNode number: UInt32) -> SecretBytes? {
        guard Int(number) < Self.nodeCount(height: limits.height), holdsSecret(number) else { return nil }
        return SecretBytes(UnsafeRawBufferPointer(start: pointer(number), count: RekeyLimits.secretLength))
    }

    static func nodeCount(height: Int) -> Int { 1 << (height + 1) - 1 }

    func pointer(_ number: UInt32) -> UnsafeMutableRawPointer {
        secrets.base + Int(number) * RekeyLimits.secretLength
    }

    func holdsSecret(_ number: UInt32) -> Bool { pointer(number).isSecret }
}

extension UnsafeMutableRawPointer {
    /// Whether the 32 bytes here are a secret: not all zeros.
    var isSecret: Bool { UnsafeRawPointer(self).isSecret }
}

extension UnsafeRawPointer {
    /// Whether the 32 bytes here are a secret: not all zeros.
    var isSecret: Bool {
        var all: UInt64 = 0
        for offset in stride(from: 0, to: 32, by: 8) { all |= loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        return all != 0
    }
}
