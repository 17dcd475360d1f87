/// A decided batch: every input of one rekey. From it and the tree of before, the tree of after follows, so it is all
/// that a log of rekeys has to hold (group keys §3.12.1).
///
/// It is secret: with a tree of before and the diffs since, everything after is known.
package struct KeyTreeDiff: Equatable, Sendable {
    /// A leaf that gets a member.
    package struct Joined: Equatable, Sendable {
        package let leaf: UInt32
        package let member: UInt32
        /// LEAF_0: 32 bytes.
        package let secret: SecretBytes

        package init(leaf: UInt32, member: UInt32, secret: SecretBytes) {
            self.leaf = leaf
            self.member = member
            self.secret = secret
        }
    }

    /// The epoch that begins.
    package let epoch: UInt32
    /// The tree's height from then on.
    package let height: Int
    /// 16 public bytes that keep every pad fresh.
    package let salt: [UInt8]
    /// 32 random bytes, for the nodes that have joiners only (rho).
    package let randomness: SecretBytes
    /// The leaves that lose their member, refreshed ones too, ascending (R).
    package let removed: [UInt32]
    /// The leaves that get a member, refreshed ones too, ascending by leaf (A).
    package let joined: [Joined]
}

/// The form in a log: `1 ‖ u32 epoch ‖ u8 height ‖ salt(16) ‖ rho(32) ‖ u32 nR ‖ u32 nA ‖ nR × u32 ‖ nA × (u32 leaf ‖
/// u32 member ‖ 32)`, big-endian.
extension KeyTreeDiff {
    private static let form: UInt8 = 1
    private static let fixedLength = 1 + 4 + 1 + 16 + 32 + 4 + 4

    /// The bytes of a log's entry.
    package func encoded() -> SecretBytes {
        SecretBytes(count: Self.fixedLength + 4 * removed.count + 40 * joined.count) { target in
            var writer = SecretWriter(target)
            writer.write(Self.form)
            writer.write(epoch)
            writer.write(UInt8(height))
            writer.write(salt)
            writer.write(randomness)
            writer.write(UInt32(removed.count))
            writer.write(UInt32(joined.count))
            for leaf in removed { writer.write(leaf) }
            for entry in joined {
                writer.write(entry.leaf)
                writer.write(entry.member)
                writer.write(entry.secret)
            }
        }
    }

    /// Reads a log's entry. Throws `malformed` for anything but what `encoded()` writes.
    package init(decoding bytes: SecretBytes) throws(KeyTreeError) {
        let decoded: KeyTreeDiff? = bytes.withUnsafeBytes { Self.decode($0) }
        guard let decoded else { throw .malformed }
        self = decoded
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer) -> KeyTreeDiff? {
        var reader = SecretReader(bytes)
        guard bytes.count >= fixedLength, reader.byte() == form else { return nil }
        let epoch = reader.word()
        let height = Int(reader.byte())
        let salt = reader.secret(RekeyLimits.saltLength).exposed
        let randomness = reader.secret(RekeyLimits.secretLength)
        let removedCount = Int(reader.word())
        let joinedCount = Int(reader.word())
        guard height <= KeyTreeLimits.greatestHeight, removedCount <= 65_536, joinedCount <= 65_536,
            bytes.count == fixedLength + 4 * removedCount + 40 * joinedCount
        else { return nil }
        let removed = (0..<removedCount).map { _ in reader.word() }
        let joined = (0..<joinedCount).map { _ in
            Joined(leaf: reader.word(), member: reader.word(), secret: reader.secret(RekeyLimits.secretLength))
        }
        let leaves = joined.map(\.leaf)
        guard removed.isStrictlyAscending, leaves.isStrictlyAscending else { return nil }
        return KeyTreeDiff(
            epoch: epoch, height: height, salt: salt, randomness: randomness, removed: removed, joined: joined)
    }
}

extension Collection where Element: Comparable {
    /// Whether each element is greater than the one before it.
    var isStrictlyAscending: Bool { zip(self, dropFirst()).allSatisfy { $0 < $1 } }
}
