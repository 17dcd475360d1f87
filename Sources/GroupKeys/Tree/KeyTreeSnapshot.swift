/// A tree at rest: a head, and the nodes in parts that a store takes one by one (group keys §3.12.1). All of it is
/// secret; whoever keeps it seals it.
///
///     head = 1 ‖ group(16) ‖ u32 epoch ‖ u8 height ‖ u32 members ‖ u32 parts ‖ EPOCH secret(32, zeros before epoch 1)
///     part = u32 number ‖ bitmap, one bit a node, the lowest first ‖ 32 bytes for each set bit
///
/// Part n is of the nodes with the numbers from 16,384 · n.
package enum KeyTreeSnapshot {
    /// Nodes of a part; a part has at most 526,340 bytes.
    package static let nodesInPart = 16_384
    static let form: UInt8 = 1
    static let headLength = 1 + 16 + 4 + 1 + 4 + 4 + 32

    /// The numbers of a part's nodes in a tree of this height.
    static func nodes(ofPart part: Int, height: Int) -> Range<Int> {
        let all = KeyTree.nodeCount(height: height)
        return part * nodesInPart..<min(all, (part + 1) * nodesInPart)
    }

    static func bitmapLength(_ nodes: Range<Int>) -> Int { (nodes.count + 7) / 8 }
}

extension KeyTree {
    /// How many parts its snapshot has.
    package var snapshotParts: Int {
        let nodes = Self.nodeCount(height: height)
        return (nodes + KeyTreeSnapshot.nodesInPart - 1) / KeyTreeSnapshot.nodesInPart
    }

    /// A snapshot's head.
    package func snapshotHead() -> SecretBytes {
        SecretBytes(count: KeyTreeSnapshot.headLength) { target in
            target.initializeMemory(as: UInt8.self, repeating: 0)
            var writer = SecretWriter(target)
            writer.write(KeyTreeSnapshot.form)
            writer.write(group.bytes)
            writer.write(epoch)
            writer.write(UInt8(height))
            writer.write(UInt32(memberCount))
            writer.write(UInt32(snapshotParts))
            if let epochSecret { writer.write(epochSecret) }
        }
    }

    /// The snapshot's part `part`, which is below `snapshotParts`.
    package func snapshotPart(_ part: Int) -> SecretBytes {
        precondition((0..<snapshotParts).contains(part), "no such part")
        let nodes = KeyTreeSnapshot.nodes(ofPart: part, height: height)
        let held = nodes.filter { holdsSecret(UInt32($0)) }
        let bitmapLength = KeyTreeSnapshot.bitmapLength(nodes)
        return SecretBytes(count: 4 + bitmapLength + held.count * RekeyLimits.secretLength) { target in
            var bitmap = [UInt8](repeating: 0, count: bitmapLength)
            for node in held { bitmap[(node - nodes.lowerBound) / 8] |= 1 << UInt8((node - nodes.lowerBound) % 8) }
            var writer = SecretWriter(target)
            writer.write(UInt32(part))
            writer.write(bitmap)
            for node in held {
                let length = RekeyLimits.secretLength
                writer.write(UnsafeRawBufferPointer(start: pointer(UInt32(node)), count: length))
            }
        }
    }
}

/// A tree that is being read back, part by part and in order.
package struct KeyTreeRestoration: ~Copyable {
    private var tree: KeyTree
    private let members: UInt32
    private let parts: Int
    private var next = 0

    /// Begins with a snapshot's head, for the group that it must be of. Throws `malformed`, or `full` for a tree higher
    /// than `limits` allow.
    package init(
        head: SecretBytes, group: GroupID, limits: KeyTreeLimits, faults: KeyTreeFaults = []
    ) throws(KeyTreeError) {
        guard head.count == KeyTreeSnapshot.headLength else { throw .malformed }
        let fields = head.withUnsafeBytes { Fields($0) }
        guard let fields, fields.group == group else { throw .malformed }
        guard fields.height <= limits.height else { throw .full(limit: 1 << limits.height) }
        var tree = try KeyTree(group: group, limits: limits, faults: faults)
        tree.height = fields.height
        tree.epoch = fields.epoch
        if fields.epoch > 0 { tree.epochSecret = fields.epochSecret }
        tree.secrets.use(KeyTree.nodeCount(height: fields.height) * RekeyLimits.secretLength)
        guard fields.parts == tree.snapshotParts else { throw .malformed }
        self.init(tree: tree, members: fields.members)
    }

    private init(tree: consuming KeyTree, members: UInt32) {
        parts = tree.snapshotParts
        self.tree = tree
        self.members = members
    }

    /// Takes the next part.
    package mutating func add(_ part: SecretBytes) throws(KeyTreeError) {
        let isTaken = part.withUnsafeBytes { take($0) }
        guard isTaken else { throw .malformed }
        next += 1
    }

    /// The tree, once all parts are there and fit each other: a node has a secret exactly if a leaf below it has.
    package consuming func finish() throws(KeyTreeError) -> KeyTree {
        guard next == parts else { throw .malformed }
        for level in 0...tree.height {
            for index in 0..<UInt32(1 << (tree.height - level)) {
                let number = TreeNode.number(height: level, index: index)
                let holds = tree.holdsSecret(number)
                var count: UInt32 = holds ? 1 : 0
                if level > 0 {
                    let left = TreeNode.number(height: level - 1, index: index << 1)
                    let right = TreeNode.number(height: level - 1, index: index << 1 | 1)
                    count = tree.counts[left] + tree.counts[right]
                }
                guard holds == (count > 0) || !tree.faults.isEmpty else { throw .malformed }
                tree.counts[number] = count
            }
        }
        guard tree.memberCount == Int(members) else { throw .malformed }
        return tree
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard next < parts, bytes.count >= 4 else { return false }
        let nodes = KeyTreeSnapshot.nodes(ofPart: next, height: tree.height)
        let bitmapLength = KeyTreeSnapshot.bitmapLength(nodes)
        var reader = SecretReader(bytes)
        guard reader.word() == UInt32(next), reader.count >= bitmapLength else { return false }
        let bitmap = reader.raw(bitmapLength)
        let held = bitmap.reduce(0) { $0 + $1.nonzeroBitCount }
        guard reader.count == held * RekeyLimits.secretLength else { return false }
        for bit in 0..<bitmapLength * 8 where bitmap[bit / 8] >> UInt8(bit % 8) & 1 == 1 {
            guard bit < nodes.count, let source = reader.raw(RekeyLimits.secretLength).baseAddress, source.isSecret
            else { return false }
            tree.pointer(UInt32(nodes.lowerBound + bit))
                .copyMemory(from: source, byteCount: RekeyLimits.secretLength)
        }
        return true
    }

    private struct Fields {
        let group: GroupID
        let epoch: UInt32
        let height: Int
        let members: UInt32
        let parts: Int
        let epochSecret: SecretBytes

        init?(_ bytes: UnsafeRawBufferPointer) {
            var reader = SecretReader(bytes)
            guard reader.byte() == KeyTreeSnapshot.form, let group = GroupID(reader.raw(GroupID.byteCount)) else {
                return nil
            }
            self.group = group
            epoch = reader.word()
            height = Int(reader.byte())
            members = reader.word()
            parts = Int(reader.word())
            epochSecret = reader.secret(RekeyLimits.secretLength)
        }
    }
}
