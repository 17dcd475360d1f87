package import GroupKeys
package import NetworkTypes

/// What a hardened member writes to its own store so that it can go on after a restart: its pairwise secrets, and how far
/// the counters under them may have come (specification 3.6.1, 3.6.3).
///
/// Nothing of the tree is in it: a server asks the key manager for its path again, under a fresh X25519 share, so a
/// stolen store opens no epoch. It is a secret, to be sealed at rest, and each one replaces the one before.
package struct KeptMember: Hashable, Sendable {
    /// The channel to one process of a controller.
    package struct Channel: Hashable, Sendable {
        /// The controller, as the member was told of it.
        package let controller: ControllerEntry
        /// Which counters may be used; 0 in both directions for a channel that is new.
        package let reservation: CounterReservation
        /// The processes of it that the member has had a channel to. None of them comes back.
        package let usedBoots: Set<BootID>

        /// Keeps what is known of a channel.
        package init(controller: ControllerEntry, reservation: CounterReservation, usedBoots: Set<BootID>) {
            self.controller = controller
            self.reservation = reservation
            self.usedBoots = usedBoots
        }
    }

    /// MEMBER_ID, a number of a member.
    package let id: MemberID
    /// The member's suite, a hardened one.
    package let suite: Suite
    /// The group.
    package let group: GroupID
    /// Whether it is a server.
    package let isServer: Bool
    /// Where the group's broadcasts come.
    package let multicast: SocketEndpoint?
    /// Where it reached the key manager when it registered, without zone: the nearest of a controller's addresses is
    /// taken.
    package let registeredAt: SocketEndpoint?
    /// GROUP_PUB, the group's root key, 32 bytes.
    package let root: [UInt8]
    /// KEYID.
    package let keyID: UInt16
    /// The generation of RELAY and RFR.
    package let generation: UInt32
    /// RELAY.
    package let relay: SecretBytes
    /// RFR.
    package let refresh: SecretBytes
    /// The private half of a refresh that is under way, 32 bytes: it is stored before its share is sent, because the key
    /// manager answers no other share then.
    package let refreshing: SecretBytes?
    /// The certificates of controllers, which are verified again.
    package let certificates: [[UInt8]]
    /// The channels, the key manager's first.
    package let channels: [Channel]
    /// The last epoch in which a broadcast may have been accepted; 0 for none.
    package let epoch: UInt32

    /// Puts a member's state together. `root` and each secret have 32 bytes, and the suite is hardened.
    package init(
        id: MemberID, suite: Suite, group: GroupID, isServer: Bool, multicast: SocketEndpoint?,
        registeredAt: SocketEndpoint?, root: [UInt8], keyID: UInt16, generation: UInt32, relay: SecretBytes,
        refresh: SecretBytes, refreshing: SecretBytes?, certificates: [[UInt8]], channels: [Channel], epoch: UInt32
    ) {
        self.id = id
        self.suite = suite
        self.group = group
        self.isServer = isServer
        self.multicast = multicast
        self.registeredAt = registeredAt
        self.root = root
        self.keyID = keyID
        self.generation = generation
        self.relay = relay
        self.refresh = refresh
        self.refreshing = refreshing
        self.certificates = certificates
        self.channels = channels
        self.epoch = epoch
    }

    /// Whether it is the same, secrets compared in constant time.
    package static func == (left: KeptMember, right: KeptMember) -> Bool {
        left.id == right.id && left.suite == right.suite && left.group == right.group
            && left.isServer == right.isServer && left.multicast == right.multicast
            && left.registeredAt == right.registeredAt && left.root == right.root
            && left.keyID == right.keyID && left.generation == right.generation && left.relay == right.relay
            && left.refresh == right.refresh && left.refreshing == right.refreshing
            && left.certificates == right.certificates
            && left.channels == right.channels && left.epoch == right.epoch
    }

    /// By member, generation and epoch alone: secrets are not hashed.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(id)
        hasher.combine(generation)
        hasher.combine(epoch)
    }
}

/// What a member that keeps its keys has in its store, and what is on its way there.
struct MemberStore {
    /// What is stored; nil before the first time.
    private(set) var kept: KeptMember?
    /// What is being written.
    private(set) var writing: (state: KeptMember, number: UInt64)?
    private var number: UInt64 = 0

    init(kept: KeptMember? = nil) { self.kept = kept }

    /// Begins to write a state, unless it is stored already or another is on its way. Gives its number.
    mutating func write(_ state: KeptMember) -> UInt64? {
        guard writing == nil, state != kept else { return nil }
        number += 1
        writing = (state, number)
        return number
    }

    /// A state is written; nil if it is not the awaited one.
    mutating func written(_ number: UInt64) -> KeptMember? {
        guard let writing, writing.number == number else { return nil }
        self.writing = nil
        kept = writing.state
        return writing.state
    }
}
