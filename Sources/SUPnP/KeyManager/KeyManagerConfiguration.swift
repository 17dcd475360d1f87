package import Crypto
package import GroupKeys
package import NetworkTypes

/// What a key manager is set up with.
package struct KeyManagerConfiguration: Sendable {
    /// Which controller it is.
    package let identity: ControllerIdentity
    /// Where members reach it.
    package let address: SocketEndpoint
    /// The group.
    package let group: GroupID
    /// The group's root key, which members pin.
    package let root: Curve25519.Signing.PublicKey
    /// The suite of the hardened channel, 1 or 2.
    package let suite: Suite
    /// The group's multicast address.
    package let multicast: SocketEndpoint
    /// How devices register.
    package var registrar: RegistrarEngine.Configuration
    /// How large the hardened tree may become.
    package var treeLimits = KeyTreeLimits(height: 16, locksMemory: false)
    /// The height of the classic tree.
    package var classicHeight = 10
    /// Its times and bounds.
    package var limits = KeyManagerLimits()
    /// After so many rekeys the journal is replaced by a snapshot.
    package var journalLimit = 1_024
    /// The serials of revoked certificates, at most 16.
    package var revoked: [UInt32] = []

    /// The group's time when it starts, in seconds since the group's creation.
    package var time: UInt64 = 0

    /// A key manager of a group. `fakeKey` makes the salts of unknown devices, and is as durable as the group.
    package init(
        identity: ControllerIdentity, address: SocketEndpoint, group: GroupID, root: Curve25519.Signing.PublicKey,
        suite: Suite, multicast: SocketEndpoint, fakeKey: SecretBytes
    ) {
        registrar = RegistrarEngine.Configuration(groupID: group.bytes, fakeKey: fakeKey)
        self.identity = identity
        self.address = address
        self.group = group
        self.root = root
        self.suite = suite
        self.multicast = multicast
    }
}
