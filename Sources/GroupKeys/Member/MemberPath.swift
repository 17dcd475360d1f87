/// What one member holds in one epoch: the secrets from its leaf to the root, and the epoch's. It comes with REG_DONE
/// or REKEY_USR, sealed (group keys §3.7.2, §3.9.6).
package struct MemberPath: Sendable {
    package let epoch: UInt32
    /// The height of the tree.
    package let height: Int
    /// The member's leaf.
    package let leaf: UInt32
    /// (height + 1) × 32 bytes, leaf first, root last.
    package let secrets: SecretBytes
    /// EPOCH_e: 32 bytes.
    package let epochSecret: SecretBytes

    init(epoch: UInt32, height: Int, leaf: UInt32, secrets: SecretBytes, epochSecret: SecretBytes) {
        self.epoch = epoch
        self.height = height
        self.leaf = leaf
        self.secrets = secrets
        self.epochSecret = epochSecret
    }

    /// A path as it was received; nil if the fields do not fit each other.
    package init?(checking epoch: UInt32, height: Int, leaf: UInt32, secrets: SecretBytes, epochSecret: SecretBytes) {
        guard epoch > 0, (0...RekeyLimits.wireHeight).contains(height), UInt64(leaf) < 1 << UInt64(height),
            secrets.count == (height + 1) * RekeyLimits.secretLength, epochSecret.count == RekeyLimits.secretLength
        else { return nil }
        self.init(epoch: epoch, height: height, leaf: leaf, secrets: secrets, epochSecret: epochSecret)
    }
}
