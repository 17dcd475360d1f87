/// The paper's tree at rest, so that its journal need not grow for ever: a head, and the nodes in parts. All of it is
/// secret; whoever keeps it seals it.
///
///     head = 1 ‖ u8 height ‖ u16 TEK id (0 before the first change) ‖ TEK(32, zeros before the first change)
///     part = n × (u32 node ‖ key(32)), the nodes that have a member below, by ascending number, 16,384 to a part
package enum ClassicTreeSnapshot {
    static let form: UInt8 = 1
    static let headLength = 1 + 1 + 2 + RekeyLimits.secretLength
    static let nodeLength = 4 + RekeyLimits.secretLength
    static let nodesInPart = 16_384
}

extension ClassicKeyTree {
    /// A snapshot's head.
    package func snapshotHead() -> SecretBytes {
        SecretBytes(count: ClassicTreeSnapshot.headLength) { target in
            target.initializeMemory(as: UInt8.self, repeating: 0)
            var writer = SecretWriter(target)
            writer.write(ClassicTreeSnapshot.form)
            writer.write(UInt8(height))
            writer.write(trafficKeyID)
            if let trafficKey { writer.write(trafficKey) }
        }
    }

    /// A snapshot's parts, in order; none of a tree without members.
    package func snapshotParts() -> [SecretBytes] {
        let held = (0..<UInt32(KeyTree.nodeCount(height: height))).filter { counts[$0] > 0 }
        return stride(from: 0, to: held.count, by: ClassicTreeSnapshot.nodesInPart).map { start in
            let nodes = held[start..<min(held.count, start + ClassicTreeSnapshot.nodesInPart)]
            return SecretBytes(count: nodes.count * ClassicTreeSnapshot.nodeLength) { target in
                var writer = SecretWriter(target)
                for node in nodes {
                    writer.write(node)
                    writer.write(
                        UnsafeRawBufferPointer(start: secrets.base.secret(node), count: RekeyLimits.secretLength))
                }
            }
        }
    }

    /// A tree from its snapshot. Throws `malformed` if that does not fit a tree of this height.
    package static func restored(
        height: Int, locksMemory: Bool = true, head: SecretBytes, parts: [SecretBytes]
    ) throws(KeyTreeError) -> ClassicKeyTree {
        guard head.count == ClassicTreeSnapshot.headLength else { throw .malformed }
        let fields = head.withUnsafeBytes { bytes in
            var reader = SecretReader(bytes)
            return (reader.byte(), Int(reader.byte()), reader.half(), reader.secret(RekeyLimits.secretLength))
        }
        guard fields.0 == ClassicTreeSnapshot.form, fields.1 == height else { throw .malformed }
        var tree = try ClassicKeyTree(height: height, locksMemory: locksMemory)
        var above: UInt32 = 0
        for part in parts {
            let isTaken = part.withUnsafeBytes { tree.take($0, above: &above) }
            guard isTaken else { throw .malformed }
        }
        guard tree.count(), tree.memberCount == 0 || fields.2 > 0 else { throw .malformed }
        if fields.2 > 0 { tree.restore(trafficKey: fields.3, id: fields.2) }
        return tree
    }

    /// Takes a part, whose nodes all have numbers of `above` or more; a node with a key has the count 1 for now.
    private func take(_ bytes: UnsafeRawBufferPointer, above: inout UInt32) -> Bool {
        guard bytes.count > 0, bytes.count.isMultiple(of: ClassicTreeSnapshot.nodeLength) else { return false }
        var reader = SecretReader(bytes)
        while reader.count > 0 {
            let node = reader.word()
            let key = reader.raw(RekeyLimits.secretLength)
            guard node >= above, Int(node) < KeyTree.nodeCount(height: height) else { return false }
            UnsafeMutableRawBufferPointer(start: secrets.base.secret(node), count: key.count).copyMemory(from: key)
            counts[node] = 1
            above = node + 1
        }
        return true
    }

    /// Counts the members below each node; false unless exactly the nodes with a member below have a key.
    private func count() -> Bool {
        for level in 1...height {
            for index in 0..<UInt32(1 << (height - level)) {
                let number = TreeNode.number(height: level, index: index)
                let members =
                    counts[TreeNode.number(height: level - 1, index: index << 1)]
                    + counts[TreeNode.number(height: level - 1, index: index << 1 | 1)]
                guard (counts[number] > 0) == (members > 0) else { return false }
                counts[number] = members
            }
        }
        return true
    }
}
