package import GroupKeys

/// What the two ends of a pairwise channel agree on, whichever suite the member's registration has chosen.
package struct LinkParameters: Sendable {
    /// The member's suite.
    package let suite: Suite
    /// The group.
    package let group: GroupID
    /// The member.
    package let member: MemberID
    /// Its KEYID.
    package let keyID: UInt16
    /// The controller.
    package let controller: ControllerID
    /// The controller's process.
    package let boot: BootID
    /// The generation of RELAY; 0 for a classic member.
    package let generation: UInt32
    /// RELAY, or a classic member's S-KEY.
    package let relay: SecretBytes

    /// Names both ends and their secret.
    package init(
        suite: Suite, group: GroupID, member: MemberID, keyID: UInt16, controller: ControllerID, boot: BootID,
        generation: UInt32, relay: SecretBytes
    ) {
        self.suite = suite
        self.group = group
        self.member = member
        self.keyID = keyID
        self.controller = controller
        self.boot = boot
        self.generation = generation
        self.relay = relay
    }
}

/// A message that has been opened on a link, or a part of one.
package enum LinkMessage {
    /// All of it.
    case whole(MessageKind, [UInt8])
    /// A segment; the assembler has the rest to wait for.
    case segment(OpenedMessage)
}

/// One end of the channel between a member and one controller process, in either suite.
///
/// It is made once for each generation, and never again under the same boot, because its counters begin anew. A class
/// of one owner, not `Sendable`.
package final class MemberLink {
    private enum Channel {
        case hardened(PairwiseChannel)
        case classic(sealing: ClassicSealingKey, opening: ClassicOpeningKey)
    }

    private let channel: Channel
    /// The generation it was made for, or has been refreshed to.
    package private(set) var generation: UInt32

    /// Makes an end. With `reservation` it is one whose counters are reserved in a durable store: what may be used of
    /// them is told by `reserved`.
    package init(
        _ parameters: LinkParameters, end: PairwiseChannel.End, resuming reservation: CounterReservation? = nil,
        using random: inout some RandomNumberGenerator
    ) throws(ChannelFault) {
        generation = parameters.generation
        guard parameters.suite.isHardened else {
            channel = try Self.classic(parameters, end: end, using: &random)
            return
        }
        guard
            let parties = PairwiseParties(
                suite: parameters.suite, group: parameters.group, member: parameters.member,
                keyID: parameters.keyID, controller: parameters.controller, boot: parameters.boot)
        else { throw .noKey }
        guard let reservation else {
            channel = .hardened(
                try PairwiseChannel(parties, end: end, generation: parameters.generation, relay: parameters.relay))
            return
        }
        channel = .hardened(
            try PairwiseChannel(parties, end: end, relay: parameters.relay, resuming: reservation))
    }

    /// The generation that it seals under.
    package var sendingGeneration: UInt32 {
        switch channel {
        case .hardened(let channel): channel.generation
        case .classic: generation
        }
    }

    /// Seals a message into datagrams.
    package func seal(_ body: [UInt8], _ kind: MessageKind) throws(ChannelFault) -> [[UInt8]] {
        switch channel {
        case .hardened(let channel): try channel.seal(body, kind)
        case .classic(let sealing, _): [try sealing.seal(body, kind)]
        }
    }

    /// Opens a datagram of the peer.
    package func open(_ datagram: [UInt8], now: ContinuousClock.Instant) throws(ChannelRefusal) -> LinkMessage {
        switch channel {
        case .hardened: return try open(try UnverifiedMessage(datagram), now: now)
        case .classic(_, let opening):
            let opened = try opening.open(try UnverifiedClassicMessage(datagram))
            return .whole(opened.kind, opened.body)
        }
    }

    /// Opens a hardened datagram of the peer whose headers have been read. It is no classic channel's.
    func open(_ message: consuming UnverifiedMessage, now: ContinuousClock.Instant) throws(ChannelRefusal)
        -> LinkMessage
    {
        guard case .hardened(let channel) = channel else { throw .suite }
        let opened = try channel.open(message, now: now)
        guard case .whole(let body) = opened.frame else { return .segment(opened) }
        return .whole(opened.kind, Array(body))
    }

    /// Lets in what the peer seals under the next generation, and switches to it when the peer does.
    package func stage(generation: UInt32, relay: SecretBytes) throws(ChannelFault) {
        guard case .hardened(let channel) = channel else { throw .noKey }
        try channel.stage(generation: generation, relay: relay)
        self.generation = generation
    }

    /// The counters below this are refused: what a member that has restarted tells the controller.
    package var receiveFloor: UInt64 {
        if case .hardened(let channel) = channel { channel.receiveFloor } else { 0 }
    }

    /// What has to be stored before more counters are used, or what is stored; nil for an end that stores nothing.
    package var reservation: CounterReservation? {
        guard case .hardened(let channel) = channel else { return nil }
        return channel.pendingReservation ?? channel.reservation
    }

    /// A reservation is stored.
    package func reserved(_ reservation: CounterReservation) {
        if case .hardened(let channel) = channel { channel.reserved(reservation) }
    }

    /// Leaves out the counters below `counter`, as a member that has restarted asks for. A leap of more than 2^32 is
    /// not made.
    package func skipSending(to counter: UInt64) {
        if case .hardened(let channel) = channel { _ = channel.skipSending(to: counter) }
    }

    /// Seals under the staged generation from here on.
    package func merge(now: ContinuousClock.Instant) {
        if case .hardened(let channel) = channel { channel.merge(now: now) }
    }

    private static func classic(
        _ parameters: LinkParameters, end: PairwiseChannel.End, using random: inout some RandomNumberGenerator
    ) throws(ChannelFault) -> Channel {
        func scope(_ direction: ClassicDirection) -> ClassicScope {
            ClassicScope(keyID: parameters.keyID, isGroupKey: false, direction: direction)
        }
        let isMember = end == .member
        let controller = UInt16(truncatingIfNeeded: parameters.controller.rawValue)
        return .classic(
            sealing: try ClassicSealingKey(
                scope(isMember ? .toController : .fromController), key: parameters.relay,
                sender: isMember ? parameters.keyID : controller, using: &random),
            opening: try ClassicOpeningKey(
                scope(isMember ? .fromController : .toController), key: parameters.relay,
                senders: [isMember ? controller : parameters.keyID]))
    }
}
