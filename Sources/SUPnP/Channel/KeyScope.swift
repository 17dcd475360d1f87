package import GroupKeys

/// What a message is, beside its text: the flags of the base header that a sender chooses (specification 3.2). They
/// are authenticated with the message.
package struct MessageKind: Hashable, Sendable {
    /// C: a control message rather than data.
    package var isControl: Bool
    /// R: a response.
    package var isResponse: Bool
    /// S: the sender acts as a server rather than as a client.
    package var actsAsServer: Bool

    /// A kind of message.
    package init(isControl: Bool = false, isResponse: Bool = false, actsAsServer: Bool = false) {
        self.isControl = isControl
        self.isResponse = isResponse
        self.actsAsServer = actsAsServer
    }

    /// Data from who acts as a client.
    package static let data = MessageKind()
    /// A control message from who acts as a client.
    package static let control = MessageKind(isControl: true)

    /// The kind that a header tells.
    init(_ flags: HeaderFlags) {
        isControl = flags.contains(.control)
        isResponse = flags.contains(.response)
        actsAsServer = flags.contains(.server)
    }

    /// The flags that say so.
    var flags: HeaderFlags {
        var flags: HeaderFlags = []
        if isControl { flags.insert(.control) }
        if isResponse { flags.insert(.response) }
        if actsAsServer { flags.insert(.server) }
        return flags
    }
}

/// Everything that both headers say of a key: each message under a key says exactly this, and differs in its kind, its
/// counter and its length alone. A receiver compares it before it opens anything.
package struct KeyScope: Hashable, Sendable {
    /// The suite, and with it the algorithm: a key is never used with two.
    package let suite: Suite
    /// The header's `keyid`: the member's pairwise key, or the epoch's low 16 bits.
    package let keyID: UInt16
    /// The epoch, or the generation of the pairwise key.
    package let epoch: UInt32
    /// Who seals under the key.
    package let sender: SenderID
    /// What kind of key it is.
    package let keyKind: ExtensionHeader.KeyKind
    /// The first 16 bits of GROUP_ID.
    package let groupHint: UInt16

    /// Of a pairwise key. `keyID` is 1...0xFFFE (P3).
    package static func pairwise(_ parties: PairwiseParties, generation: UInt32, direction: Direction) -> KeyScope {
        KeyScope(
            suite: parties.suite, keyID: parties.keyID, epoch: generation,
            sender: direction == .toController ? .member(parties.member) : .controller(parties.controller),
            keyKind: .pairwise, groupHint: parties.group.hint)
    }

    /// Of a forwarder's key in an epoch.
    package static func group(suite: Suite, group: GroupID, controller: ControllerID, epoch: UInt32) -> KeyScope {
        KeyScope(
            suite: suite, keyID: UInt16(truncatingIfNeeded: epoch), epoch: epoch, sender: .controller(controller),
            keyKind: .groupSender, groupHint: group.hint)
    }

    /// The flags that follow from the key alone: sealed, with an extension header, and F from a controller (3.2).
    static func flags(_ kind: ExtensionHeader.KeyKind, from sender: SenderID) -> HeaderFlags {
        var flags: HeaderFlags = [.encrypted, .extended]
        if case .controller = sender { flags.insert(.forwarder) }
        if kind == .groupSender { flags.formUnion([.broadcast, .group]) }
        return flags
    }

    /// Whether a message's headers say what this key's do.
    func covers(_ message: UnverifiedMessage) -> Bool {
        let envelope = message.envelope
        return envelope.keyKind == keyKind && envelope.epoch == epoch && envelope.sender == sender
            && envelope.groupHint == groupHint && message.header.keyID == keyID
    }
}

/// Whom a pairwise channel joins: a member and one process of a controller.
package struct PairwiseParties: Hashable, Sendable {
    /// The suite that the member's registration has chosen; hardened.
    package let suite: Suite
    /// The group.
    package let group: GroupID
    /// The member.
    package let member: MemberID
    /// KEYID of the member, 1...0xFFFE.
    package let keyID: UInt16
    /// The controller.
    package let controller: ControllerID
    /// Its process.
    package let boot: BootID

    /// Nil if `keyID` is 0 or 0xFFFF, or the suite is classic.
    package init?(
        suite: Suite, group: GroupID, member: MemberID, keyID: UInt16, controller: ControllerID, boot: BootID
    ) {
        guard suite.isHardened, 1...0xFFFE ~= keyID else { return nil }
        self.suite = suite
        self.group = group
        self.member = member
        self.keyID = keyID
        self.controller = controller
        self.boot = boot
    }
}
