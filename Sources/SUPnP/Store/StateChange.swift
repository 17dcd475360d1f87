package import GroupKeys

/// Who leads a group: the fencing of key managers (group keys specification 3.12.2).
package struct Leadership: Hashable, Sendable {
    /// How many leaders there have been: a leader's own number, higher than that of all before it.
    package let term: UInt32
    /// The leader's process.
    package let boot: BootID

    /// A leader's claim.
    package init(term: UInt32, boot: BootID) {
        self.term = term
        self.boot = boot
    }
}

/// A change of the classic tree: its inputs, from which it can be computed again.
package struct ClassicTreeChange: Equatable, Sendable {
    /// A join or a leave.
    package let change: ClassicChange
    /// Whose leaf.
    package let leaf: UInt32
    /// The member that joins; nil for a leave.
    package let member: UInt32?
    /// 32 bytes from which all random keys of the change are drawn.
    package let seed: SecretBytes

    /// Names a change.
    package init(change: ClassicChange, leaf: UInt32, member: UInt32?, seed: SecretBytes) {
        self.change = change
        self.leaf = leaf
        self.member = member
        self.seed = seed
    }
}

/// A tree at rest: where its journal begins.
package struct TreeSnapshot: Equatable, Sendable {
    /// The snapshot's head.
    package let head: SecretBytes
    /// Its parts, in order.
    package let parts: [SecretBytes]

    /// Keeps a snapshot.
    package init(head: SecretBytes, parts: [SecretBytes]) {
        self.head = head
        self.parts = parts
    }
}

/// One change of a group's durable state.
package enum StateChange: Sendable {
    /// A key manager leads from here on.
    case led(Leadership)
    /// A device may register, or may something else than before.
    case enrolled(CredentialRecord)
    /// A device may not register any more.
    case struckOff(DeviceID)
    /// The services of a classic device to which hardened clients' requests may go.
    case bridged(DeviceID, [ServicePattern])
    /// Members are there.
    case admitted([MemberRecord])
    /// Members are gone; what they offered is withdrawn.
    case removed([UInt32])
    /// A rekey of the hardened tree.
    case rekeyed(KeyTreeDiff)
    /// The hardened tree before the rekeys that follow: the journal before it is dropped.
    case condensed(TreeSnapshot)
    /// The classic tree before the rekeys that follow, as ``condensed(_:)`` is for the hardened one.
    case classicCondensed(TreeSnapshot)
    /// A rekey of the classic tree.
    case classicRekeyed(ClassicTreeChange)
    /// A member's new pairwise secrets.
    case refreshed(UInt32, generation: UInt32, relay: SecretBytes, refresh: SecretBytes, PendingRefresh)
    /// A member has used its new pairwise secrets: the old ones are dropped.
    case refreshConfirmed(UInt32)
    /// What a server offers.
    case offered(UInt32, [ServiceOffer])
}
