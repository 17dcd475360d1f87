package import Crypto
package import GroupKeys
package import NetworkTypes

/// What a key manager is set up with.
package struct KeyManagerConfiguration: Sendable {
    /// Which controller it is.
    package internal(set) var identity: ControllerIdentity
    /// Where members reach it when it starts: at most one for each link and family, and at most
    /// ``ControllerEntry/maximumAddresses``, without zones.
    package var addresses: [SocketEndpoint] { entry.addresses }
    /// The key manager as members are told of it.
    let entry: ControllerEntry
    /// The group.
    package let group: GroupID
    /// The group's root key, which members pin.
    package let root: Curve25519.Signing.PublicKey
    /// The suite of the hardened channel, 1 or 2.
    package let suite: Suite
    /// The group's multicast addresses, at most one of each family. A member is told the one of the family by which it
    /// registers, or the first if there is none of that.
    package let multicast: [SocketEndpoint]
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

    /// A key manager of a group. `fakeKey` makes the salts of unknown devices, and is as durable as the group. Of the
    /// addresses, those count that ``ControllerEntry/init(id:boot:addresses:weight:)`` takes; nil without any.
    package init?(
        identity: ControllerIdentity, addresses: [SocketEndpoint], group: GroupID, root: Curve25519.Signing.PublicKey,
        suite: Suite, multicast: [SocketEndpoint], fakeKey: SecretBytes
    ) {
        guard let entry = ControllerEntry(id: identity.id, boot: identity.boot, addresses: addresses) else {
            return nil
        }
        self.init(
            entry, identity: identity, group: group, root: root, suite: suite, multicast: multicast, fakeKey: fakeKey)
    }

    /// A key manager with one address, of a group with one multicast address.
    package init(
        identity: ControllerIdentity, address: SocketEndpoint, group: GroupID, root: Curve25519.Signing.PublicKey,
        suite: Suite, multicast: SocketEndpoint, fakeKey: SecretBytes
    ) {
        self.init(
            ControllerEntry(id: identity.id, boot: identity.boot, address: address), identity: identity, group: group,
            root: root, suite: suite, multicast: [multicast], fakeKey: fakeKey)
    }

    private init(
        _ entry: ControllerEntry, identity: ControllerIdentity, group: GroupID, root: Curve25519.Signing.PublicKey,
        suite: Suite, multicast: [SocketEndpoint], fakeKey: SecretBytes
    ) {
        registrar = RegistrarEngine.Configuration(groupID: group.bytes, fakeKey: fakeKey)
        self.identity = identity
        self.entry = entry
        self.group = group
        self.root = root
        self.suite = suite
        self.multicast = multicast
    }
}
