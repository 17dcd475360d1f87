package import GroupKeys

/// One end of the channel between a member and one controller process (specification 3.6).
///
/// It has a key for each direction. A refresh of RELAY (3.7.6) goes in two steps, because the two ends cannot switch
/// at once: `stage` lets the next generation's messages in, and `merge` switches what is sent; the end that has staged
/// merges by itself as soon as the peer shows that it has the key. What is still under way under the generation before
/// is accepted for 2 s, and nothing is sent under it.
///
/// A class of one owner: a copy of the counters would repeat nonces. Not `Sendable`.
package final class PairwiseChannel {
    /// Which end of the channel this is.
    package enum End: Hashable, Sendable {
        /// The member's.
        case member
        /// The controller's.
        case controller

        var sends: Direction { self == .member ? .toController : .fromController }
    }

    /// How long messages of the generation before are accepted.
    package static let grace: Duration = .seconds(2)

    private struct Keys {
        let generation: UInt32
        let sealing: SealingKey
        let opening: OpeningKey
    }

    /// Whom it joins.
    package let parties: PairwiseParties
    /// Which end this is.
    package let end: End
    private var current: Keys
    private var staged: Keys?
    private var previous: (key: OpeningKey, until: ContinuousClock.Instant)?
    /// Which counters the durable store has reserved; nil for an end that does not resume.
    package private(set) var reservation: CounterReservation?
    private var nextMessage: UInt16 = 0

    /// Makes the end of a channel whose keys nobody has used: a controller's, whose boot is fresh, or that of a member
    /// that has just registered. A member that means to resume the channel after a restart says so with `isDurable`,
    /// once `CounterReservation.first` is committed together with RELAY.
    package init(
        _ parties: PairwiseParties, end: End, generation: UInt32, relay: SecretBytes, isDurable: Bool = false
    ) throws(ChannelFault) {
        self.parties = parties
        self.end = end
        reservation = isDurable ? .first(generation) : nil
        current = try Self.keys(parties, end: end, generation: generation, relay: relay, reservation: reservation)
    }

    /// Makes the end of a channel whose keys may have been used before the restart. `reservation` is what the durable
    /// store says. Nothing can be sealed or opened before `reserved` tells that the next block is committed.
    package init(
        _ parties: PairwiseParties, end: End, relay: SecretBytes, resuming reservation: CounterReservation
    ) throws(ChannelFault) {
        self.parties = parties
        self.end = end
        self.reservation = reservation
        current = try Self.keys(
            parties, end: end, generation: reservation.generation, relay: relay, reservation: reservation,
            next: reservation.sendCeiling, floor: reservation.receiveCeiling)
    }

    /// The generation that is sent under.
    package var generation: UInt32 { current.generation }
    /// The counter of the next message under it.
    package var nextCounter: UInt64 { current.sealing.next }
    /// The counters below this are refused: what a member that has resumed tells the controller.
    package var receiveFloor: UInt64 { current.opening.window.floor }

    // MARK: Messages

    /// Seals a message of 1...65,536 bytes into datagrams of at most `limit` bytes each; several if it does not fit one.
    package func seal(
        _ body: [UInt8], _ kind: MessageKind, limit: Int = WireSizes.defaultDatagram
    ) throws(ChannelFault) -> [[UInt8]] {
        let room = min(limit, WireSizes.maximumDatagram) - WireSizes.sealedOverhead
        if !body.isEmpty, body.count + Frame.wholeOverhead <= room {
            return [try current.sealing.seal(whole: body, kind)]
        }
        let frames = try Frame.frames(of: body, room: room, message: nextMessage)
        nextMessage &+= 1
        var datagrams: [[UInt8]] = []
        datagrams.reserveCapacity(frames.count)
        for frame in frames { datagrams.append(try current.sealing.seal(frame: frame, kind)) }
        return datagrams
    }

    /// Opens a message of the peer. Only a message that is refused leaves everything as it was.
    package func open(
        _ message: consuming UnverifiedMessage, now: ContinuousClock.Instant
    ) throws(ChannelRefusal) -> OpenedMessage {
        expire(now: now)
        if let staged, staged.generation == message.envelope.epoch {
            let opened = try staged.opening.open(message)
            merge(now: now)
            return opened
        }
        if let previous, previous.key.scope.epoch == message.envelope.epoch { return try previous.key.open(message) }
        return try current.opening.open(message)
    }

    /// Leaves out the counters below `counter`, as a member that has resumed asks for in a sealed message. Says whether
    /// that was possible; a leap of more than 2^32 is not.
    package func skipSending(to counter: UInt64) -> Bool { current.sealing.skip(to: counter) }

    // MARK: Refresh

    /// Lets in what the peer seals under the next generation, which has to be above the current one. A durable end has
    /// committed `CounterReservation.first` of it together with the RELAY.
    package func stage(generation: UInt32, relay: SecretBytes) throws(ChannelFault) {
        guard generation > max(current.generation, staged?.generation ?? 0) else { throw .notAscending }
        let first = reservation == nil ? nil : CounterReservation.first(generation)
        staged = try Self.keys(parties, end: end, generation: generation, relay: relay, reservation: first)
    }

    /// Sends under the staged generation from here on. Does nothing if none is staged.
    package func merge(now: ContinuousClock.Instant) {
        guard let staged else { return }
        previous = (current.opening, now + Self.grace)
        current = staged
        self.staged = nil
        if reservation != nil { reservation = .first(current.generation) }
    }

    /// Forgets the generation before when its time is over.
    package func expire(now: ContinuousClock.Instant) {
        if let previous, now >= previous.until { self.previous = nil }
    }

    /// When `expire` is due; nil if there is nothing to forget.
    package var nextWake: ContinuousClock.Instant? { previous?.until }

    // MARK: The durable store

    /// What has to be committed next, for an end that reserves its counters; nil if enough is reserved.
    package var pendingReservation: CounterReservation? {
        reservation?.extended(
            next: current.sealing.next, highest: max(current.opening.window.highest ?? 0, receiveFloor))
    }

    /// A reservation is committed: the counters below it may be used.
    package func reserved(_ reservation: CounterReservation) {
        guard self.reservation != nil, reservation.generation == current.generation else { return }
        self.reservation = reservation
        current.sealing.raiseCeiling(to: reservation.sendCeiling)
        current.opening.raiseCeiling(to: reservation.receiveCeiling)
    }

    private static func keys(
        _ parties: PairwiseParties, end: End, generation: UInt32, relay: SecretBytes,
        reservation: CounterReservation?, next: UInt64 = 0, floor: UInt64 = 0
    ) throws(ChannelFault) -> Keys {
        func key(_ direction: Direction) -> SecretBytes {
            ChannelKeys.pairwise(
                relay: relay, controller: parties.controller, boot: parties.boot, direction: direction)
        }
        let sends = end.sends
        let limit = ExtensionHeader.counterLimit
        return Keys(
            generation: generation,
            sealing: try SealingKey(
                .pairwise(parties, generation: generation, direction: sends), key: key(sends),
                next: next, ceiling: reservation?.sendCeiling ?? limit),
            opening: try OpeningKey(
                .pairwise(parties, generation: generation, direction: sends.reversed), key: key(sends.reversed),
                floor: floor, ceiling: reservation?.receiveCeiling ?? limit))
    }
}
