package import Crypto
package import GroupKeys

/// What makes a group this group: drawn once, when it is made, and never changed.
///
/// Its root key and its fake key are secrets, to be sealed at rest. Whoever has the root key can make controllers of
/// the group.
package struct GroupIdentity: Sendable {
    /// The group's name on the wire.
    package let groupID: GroupID
    /// The key that signs the controllers' certificates; members pin its public half when they register.
    package let root: Curve25519.Signing.PrivateKey
    /// What the answers to unknown devices are made of, 32 bytes (group keys specification 3.7.4).
    package let fakeKey: SecretBytes
    /// When it was made, in whole seconds since 1970-01-01 UTC: the group's time counts from here.
    package let createdAt: Int64
    /// The suite of its hardened channels.
    package let suite: Suite

    /// Describes a group. `fakeKey` has 32 bytes, `createdAt` counts seconds since 1970.
    package init(
        groupID: GroupID, root: Curve25519.Signing.PrivateKey, fakeKey: SecretBytes, createdAt: Int64, suite: Suite
    ) {
        self.groupID = groupID
        self.root = root
        self.fakeKey = fakeKey
        self.createdAt = createdAt
        self.suite = suite
    }

    /// Draws a new group's identity from a source that must be fit for keys.
    package init(createdAt: Int64, suite: Suite = .hardenedAESGCM, using random: inout some RandomNumberGenerator) {
        self.init(
            groupID: GroupID(using: &random), root: Curve25519.Signing.PrivateKey(),
            fakeKey: SecretBytes(count: 32, using: &random), createdAt: createdAt, suite: suite)
    }
}
