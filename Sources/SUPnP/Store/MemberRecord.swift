package import GroupKeys

/// A refresh that is durable, and of which the member may not have heard: until it uses its new keys both generations
/// are kept, so that a key manager that starts again loses nobody (group keys specification 3.7.6).
package struct PendingRefresh: Equatable, Sendable {
    /// The generation before.
    package let generation: UInt32
    /// RELAY of that generation.
    package let relay: SecretBytes
    /// The X25519 share of the member that began it.
    package let memberShare: [UInt8]
    /// The key manager's, with which a repeated REFRESH is answered.
    package let managerShare: [UInt8]

    /// Keeps what is needed to answer again.
    package init(generation: UInt32, relay: SecretBytes, memberShare: [UInt8], managerShare: [UInt8]) {
        self.generation = generation
        self.relay = relay
        self.memberShare = memberShare
        self.managerShare = managerShare
    }
}

/// A member as the key manager's durable state has it (group keys specification 3.12.1, `m/<member>`).
package struct MemberRecord: Equatable, Sendable {
    /// Its number, 0x10000 and more; never given twice.
    package let id: UInt32
    /// Which device it is.
    package let device: DeviceID
    /// Whether it asks or answers; a server has a leaf of its suite's key tree.
    package let roles: DeviceRoles
    /// The suite that its registration has chosen.
    package let suite: Suite
    /// Its KEYID, 1...0xFFFE.
    package let keyID: UInt16
    /// Its leaf; nil for a member that is no server.
    package internal(set) var leaf: UInt32?
    /// The generation of its pairwise secrets.
    package internal(set) var generation: UInt32
    /// RELAY, or a classic member's S-KEY: what its pairwise keys come from.
    package internal(set) var relay: SecretBytes
    /// RFR, the input of its next refresh; nil for a classic member.
    package internal(set) var refresh: SecretBytes?
    /// The refresh before, until the member has shown that it has the new keys.
    package internal(set) var pendingRefresh: PendingRefresh?

    /// A member that has just been registered, or, with what has come to it since, one that a store has kept.
    package init(
        id: UInt32, device: DeviceID, roles: DeviceRoles, suite: Suite, keyID: UInt16, generation: UInt32 = 0,
        relay: SecretBytes, refresh: SecretBytes?, leaf: UInt32? = nil, pendingRefresh: PendingRefresh? = nil
    ) {
        self.id = id
        self.device = device
        self.roles = roles
        self.suite = suite
        self.keyID = keyID
        self.generation = generation
        self.relay = relay
        self.refresh = refresh
        self.leaf = leaf
        self.pendingRefresh = pendingRefresh
    }

    /// Whether it answers requests.
    package var isServer: Bool { roles.contains(.server) }
    /// Whether it sends requests.
    package var isClient: Bool { roles.contains(.client) }
}
