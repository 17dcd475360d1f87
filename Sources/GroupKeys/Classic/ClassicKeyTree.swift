/// The paper's logical key hierarchy, as its key manager keeps it (group keys §3.5): binary, of a fixed capacity, every
/// key random.
///
/// After each single join or leave the keys from the changed leaf's parent to the root are replaced, and one message
/// carries them: to the sibling subtree at depth i, the i keys from its parent up, under that sibling's key. That is
/// h(h + 1) / 2 keys for one change. The traffic key (TEK) stands beside the root and is replaced too.
///
/// Staged, then merged, like the derived tree. A subtree without a member gets no item: its last member may be who was
/// just evicted.
package struct ClassicKeyTree: ~Copyable, Sendable {
    /// The height; there are 2^height leaves.
    package let height: Int
    /// The traffic key's id, 1 to 65,535; 0 before the first change.
    package private(set) var trafficKeyID: UInt16 = 0
    /// The traffic key; nil before the first change.
    package private(set) var trafficKey: SecretBytes?

    private let identity = TreeIdentity()
    let secrets: SecretArena
    let counts: MemberCounts
    private var revision: UInt64 = 0

    /// An empty tree of `height` 1 to 24; the paper's example needs 3, the default group 10.
    package init(height: Int = 10, locksMemory: Bool = true) throws(KeyTreeError) {
        precondition((1...24).contains(height), "a classic tree's height is 1 to 24")
        let nodes = KeyTree.nodeCount(height: height)
        let secrets = try SecretArena(byteCount: nodes * RekeyLimits.secretLength, locks: locksMemory)
        self.init(height: height, secrets: secrets, counts: try MemberCounts(nodes: nodes))
    }

    private init(height: Int, secrets: SecretArena, counts: MemberCounts) {
        self.height = height
        self.secrets = secrets
        self.counts = counts
        secrets.use(secrets.reserved)
    }

    /// A tree with a member on every leaf, as many joins would have left it: to measure one change of a large group.
    package init(
        filled height: Int, locksMemory: Bool = true, using random: inout some RandomNumberGenerator
    ) throws(KeyTreeError) {
        try self.init(height: height, locksMemory: locksMemory)
        for level in 0...height {
            for index in 0..<UInt32(1 << (height - level)) {
                let number = TreeNode.number(height: level, index: index)
                counts[number] = 1 << UInt32(level)
                for offset in stride(from: 0, to: RekeyLimits.secretLength, by: 8) {
                    secrets.base.secret(number).storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
                }
            }
        }
        trafficKeyID = 1
        trafficKey = SecretBytes(count: RekeyLimits.secretLength, using: &random)
    }

    /// How many members there are.
    package var memberCount: Int { Int(counts[TreeNode.root(height: height).number]) }

    /// Whether `leaf` has a member.
    package func isOccupied(leaf: UInt32) -> Bool { Int(leaf) < 1 << height && counts[TreeNode.leaf(leaf).number] > 0 }

    /// The lowest leaf without a member; nil if there is none.
    package var emptyLeaf: UInt32? {
        guard memberCount < 1 << height else { return nil }
        var node = TreeNode.root(height: height)
        while let children = node.children {
            let isFull = Int(counts[children.left.number]) == 1 << children.left.height
            node = isFull ? children.right : children.left
        }
        return node.index
    }

    /// The keys of a member on `leaf`, leaf first: for its REG_DONE. Nil if the leaf has no member.
    package func path(ofLeaf leaf: UInt32) -> ClassicPath? {
        guard isOccupied(leaf: leaf), let trafficKey else { return nil }
        let keys = (0...height).map { key(TreeNode(height: $0, index: leaf >> UInt32($0))) }
        return ClassicPath(leaf: leaf, keys: keys, trafficKeyID: trafficKeyID, trafficKey: trafficKey)
    }

    /// Computes a join on an empty leaf, or a leave, beside the tree. Throws `vacantLeaf` or `repeatedLeaf`.
    package func stage(
        _ change: ClassicChange, leaf: UInt32, using random: inout some RandomNumberGenerator
    ) throws(KeyTreeError) -> StagedClassicRekey {
        switch change {
        case .join: guard Int(leaf) < 1 << height, !isOccupied(leaf: leaf) else { throw .repeatedLeaf(leaf) }
        case .leave: guard isOccupied(leaf: leaf) else { throw .vacantLeaf(leaf) }
        }
        // Leaf first; a leaving member's own key is not replaced but erased.
        var keys: [SecretBytes] = []
        for _ in 0...height { keys.append(SecretBytes(count: RekeyLimits.secretLength, using: &random)) }
        let trafficKey = SecretBytes(count: RekeyLimits.secretLength, using: &random)
        let identifier: UInt16 = trafficKeyID == .max ? 1 : trafficKeyID + 1
        var writer = ClassicRekeyWriter(height: height, change: change, trafficKeyID: identifier, leaf: leaf)
        for level in stride(from: height, to: 0, by: -1) {
            let sibling = TreeNode(height: level - 1, index: leaf >> UInt32(level - 1) ^ 1)
            guard counts[sibling.number] > 0 else { continue }
            let nodes = (level...height).map { TreeNode(height: $0, index: leaf >> UInt32($0)).number }
            try writer.append(keys[level...height], of: nodes, under: key(sibling), node: sibling.number, &random)
        }
        try writer.append(
            [trafficKey], of: [ClassicRekey.trafficNode], under: keys[height],
            node: TreeNode.root(height: height).number, &random)
        return StagedClassicRekey(
            change: change, leaf: leaf, trafficKeyID: identifier, trafficKey: trafficKey, body: writer.finish(),
            wrappedKeys: writer.wrappedKeys, keys: keys, revision: revision, tree: identity)
    }

    /// Takes a staged change over; `stale`, with nothing changed, if it was staged on another state.
    package mutating func merge(_ staged: StagedClassicRekey) throws(KeyTreeError) {
        guard staged.tree === identity, staged.revision == revision else { throw .stale }
        for level in 0...height {
            let number = TreeNode(height: level, index: staged.leaf >> UInt32(level)).number
            counts[number] = staged.change == .join ? counts[number] + 1 : counts[number] - 1
            let place = Int(number) * RekeyLimits.secretLength
            if counts[number] == 0 {
                secrets.erase(place..<place + RekeyLimits.secretLength)
            } else {
                staged.keys[level].withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(start: secrets.base + place, count: $0.count).copyMemory(from: $0)
                }
            }
        }
        trafficKeyID = staged.trafficKeyID
        trafficKey = staged.trafficKey
        revision += 1
    }

    mutating func restore(trafficKey: SecretBytes, id: UInt16) {
        self.trafficKey = trafficKey
        trafficKeyID = id
    }

    private func key(_ node: TreeNode) -> SecretBytes {
        SecretBytes(UnsafeRawBufferPointer(start: secrets.base.secret(node.number), count: RekeyLimits.secretLength))
    }
}

/// What changed in a classic tree (op on the wire).
package enum ClassicChange: UInt8, Hashable, Sendable {
    case join = 1
    case leave = 2
}

/// A classic change that is computed and not yet taken over.
package struct StagedClassicRekey: Sendable {
    package let change: ClassicChange
    package let leaf: UInt32
    package let trafficKeyID: UInt16
    package let trafficKey: SecretBytes
    /// The control body of REKEY0, from its type on.
    package let body: [UInt8]
    /// How many keys of the tree it carries, each as often as it stands in it: h(h + 1) / 2 in a full tree.
    package let wrappedKeys: Int

    let keys: [SecretBytes]
    let revision: UInt64
    let tree: TreeIdentity

    /// What the joiner will hold; nil for a leave.
    package var joinerPath: ClassicPath? {
        guard change == .join else { return nil }
        return ClassicPath(leaf: leaf, keys: keys, trafficKeyID: trafficKeyID, trafficKey: trafficKey)
    }
}
