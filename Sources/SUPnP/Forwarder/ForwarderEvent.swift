package import GroupKeys

/// What a forwarder is told of a member. Nothing in it opens the key tree or proves the device's password: finding F19.
package struct ForwarderMember: Sendable {
    /// Its number.
    package let id: MemberID
    /// Whether it may ask.
    package let isClient: Bool
    /// Whether it may answer.
    package let isServer: Bool
    /// The suite of its registration.
    package let suite: Suite
    /// Its KEYID.
    package let keyID: UInt16
    /// The generation of ``relay``.
    package let generation: UInt32
    /// RELAY, or a classic member's S-KEY.
    package let relay: SecretBytes
    /// What it may ask for.
    package let access: AccessList

    /// What a member's record and its access list tell a forwarder; nil for a number that is no member's.
    package init?(_ record: MemberRecord, access: AccessList) {
        guard let id = MemberID(record.id) else { return nil }
        self.id = id
        isClient = record.isClient
        isServer = record.isServer
        suite = record.suite
        keyID = record.keyID
        generation = record.generation
        relay = record.relay
        self.access = access
    }
}

/// What the key manager tells its forwarders, and all that it tells them (group keys specification 3.12.4; P23).
package enum ForwarderEvent: Sendable {
    /// A complete picture begins: whatever it does not mention is gone.
    case snapshotBegan
    /// The picture is complete.
    case snapshotEnded
    /// The hardened channel's epoch and its secret.
    case epoch(UInt32, secret: SecretBytes)
    /// The classic channel's key and its number.
    case classicKey(UInt16, key: SecretBytes)
    /// A member is there, or has changed.
    case member(ForwarderMember)
    /// A member is gone.
    case memberGone(MemberID)
    /// Changes of the service directory, and the version they lead to.
    case directory([ServiceDirectory.Entry], version: UInt32)
    /// Nothing has changed; the stream is alive.
    case progress
}

/// An event with its place in the stream. A forwarder that misses one asks for a snapshot, and follows no leader whose
/// successor it has heard.
package struct NumberedForwarderEvent: Sendable {
    /// The term of the leader that tells it.
    package let term: UInt32
    /// Its number, one more than that of the event before.
    package let number: UInt64
    /// What is told.
    package let event: ForwarderEvent

    /// Numbers an event.
    package init(term: UInt32, number: UInt64, event: ForwarderEvent) {
        self.term = term
        self.number = number
        self.event = event
    }
}
