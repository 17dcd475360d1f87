/// What a classic member gets when it registers: its keys from the leaf to the root, and the traffic key.
package struct ClassicPath: Sendable {
    /// The member's leaf.
    package let leaf: UInt32
    /// height + 1 keys of 32 bytes, leaf first.
    package let keys: [SecretBytes]
    package let trafficKeyID: UInt16
    package let trafficKey: SecretBytes

    init(leaf: UInt32, keys: [SecretBytes], trafficKeyID: UInt16, trafficKey: SecretBytes) {
        self.leaf = leaf
        self.keys = keys
        self.trafficKeyID = trafficKeyID
        self.trafficKey = trafficKey
    }

    /// A path as it was received; nil if the fields do not fit each other.
    package init?(checking leaf: UInt32, keys: [SecretBytes], trafficKeyID: UInt16, trafficKey: SecretBytes) {
        guard (2...25).contains(keys.count), UInt64(leaf) < 1 << UInt64(keys.count - 1), trafficKeyID > 0,
            keys.allSatisfy({ $0.count == RekeyLimits.secretLength }), trafficKey.count == RekeyLimits.secretLength
        else { return nil }
        self.init(leaf: leaf, keys: keys, trafficKeyID: trafficKeyID, trafficKey: trafficKey)
    }

    /// The height of the tree.
    package var height: Int { keys.count - 1 }

    /// Each key with the number of its node, as NODE_KEYS has them.
    package var numberedKeys: [(node: UInt32, key: SecretBytes)] {
        keys.enumerated().map { (TreeNode(height: $0, index: leaf >> UInt32($0)).number, $1) }
    }
}

/// A classic member's side of the paper's tree.
package struct ClassicMemberKeys: Sendable {
    /// What came of a rekey message.
    package enum Outcome: Hashable, Sendable {
        /// The member has the keys of after.
        case advanced
        /// The traffic key is already this one.
        case past
        /// Changes are missing between: ask for the keys.
        case behind
        /// The change is the member's own.
        case served
        /// Nothing in it opens, or it is for another tree. It is not signed, so it may be anybody's.
        case unusable
    }

    /// What it holds.
    package private(set) var path: ClassicPath

    /// A member with the keys that its key manager sent.
    package init(path: ClassicPath) { self.path = path }

    /// Takes over the keys of a later answer of the key manager.
    package mutating func install(_ path: ClassicPath) { self.path = path }

    /// Follows a change; all of it or nothing.
    package mutating func apply(_ rekey: ClassicRekey) -> Outcome {
        guard rekey.height == path.height else { return .unusable }
        guard rekey.trafficKeyID != path.trafficKeyID else { return .past }
        guard rekey.trafficKeyID == (path.trafficKeyID == .max ? 1 : path.trafficKeyID + 1) else { return .behind }
        guard rekey.leaf != path.leaf else { return .served }
        // Where the two ways to the root meet: below it the member's side is the sibling that an item is for.
        let meeting = 32 - (rekey.leaf ^ path.leaf).leadingZeroBitCount
        let sibling = TreeNode(height: meeting - 1, index: path.leaf >> UInt32(meeting - 1)).number
        guard let item = rekey.items.first(where: { $0.key == sibling && $0.nodes != [ClassicRekey.trafficNode] }),
            let keys = rekey.open(item, with: path.keys[meeting - 1]), keys.count == path.height - meeting + 1,
            let root = keys.last, let last = rekey.items.last, let traffic = rekey.open(last, with: root)?.first
        else { return .unusable }
        path = ClassicPath(
            leaf: path.leaf, keys: path.keys[..<meeting] + keys, trafficKeyID: rekey.trafficKeyID, trafficKey: traffic)
        return .advanced
    }
}
