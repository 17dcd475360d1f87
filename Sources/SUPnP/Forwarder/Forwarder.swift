import GroupKeys
package import NetworkTypes

/// Relays the requests of clients to the group's servers, and their answers back (group keys specification 3.10).
///
///     request ──access, rate, lowest suite──▶ ACCEPTED, broadcast ──answers──▶ DELIVER … ──window over──▶ COMPLETE
///
/// It gets epoch secrets, relay keys and access lists from the key manager's stream of events, and knows no key of the
/// tree and no credential. It sends only while its lease is held; without it, it is silent. Its driver hands in what has
/// come in together with one ``handle`` each, and then calls ``batchEnded(now:)``: the broadcasts of a batch share
/// signatures. After each of both, ``nextOutput()`` is drained to nil.
package struct Forwarder<Random: RandomNumberGenerator>: ~Copyable {
    /// What comes in.
    package typealias Input = ForwarderInput
    /// What goes out.
    package typealias Output = ForwarderOutput

    // Not generic itself: the path of a message would not be specialised for callers in other modules.
    private var core: ForwarderCore

    /// A forwarder that knows nobody and has no lease.
    package init(_ configuration: ForwarderConfiguration, random: Random) {
        core = ForwarderCore(configuration, random: ErasedGenerator(random))
    }

    /// How many requests are open.
    package var openRequests: Int { core.book.openCount }
    /// How many members it knows.
    package var memberCount: Int { core.members.count }
    /// The epoch that it sends under.
    package var epoch: UInt32? { core.sender.epoch }

    /// Takes an input.
    package mutating func handle(_ input: Input, now: ContinuousClock.Instant) { core.handle(input, now: now) }

    /// What came in together is handed in: the broadcasts that were collected leave, a single one signed alone.
    ///
    /// They are sealed under the epoch of now, so nobody who has been evicted since can read them, and not at all if the
    /// lease has been lost since, or their request is over.
    package mutating func batchEnded(now: ContinuousClock.Instant) { core.sealBurst(now: now) }

    /// The next thing to do; nil when all is done.
    package mutating func nextOutput() -> Output? { core.outputs.next() }
}

/// What comes in.
package enum ForwarderInput: Sendable {
    /// A datagram of the network.
    case datagram([UInt8], from: SocketEndpoint)
    /// What the key manager tells.
    case event(NumberedForwarderEvent)
    /// The lease was renewed by a request sent at this time.
    case leaseRenewed(sentAt: ContinuousClock.Instant)
    /// The time that ``ForwarderOutput/wake(at:)`` named has come.
    case wake
}

/// What goes out.
package enum ForwarderOutput: Sendable {
    /// A datagram to a member.
    case transmit([UInt8], to: SocketEndpoint)
    /// A datagram to the group's multicast address.
    case multicast([UInt8])
    /// A registration's datagram, unchanged, with where it came from: for the key manager.
    case relay([UInt8], from: SocketEndpoint)
    /// Events were missed: the key manager is to send a snapshot.
    case needsSnapshot
    /// ``ForwarderInput/wake`` is wanted then.
    case wake(at: ContinuousClock.Instant)
}

/// A generator behind an existential: it is asked at starts and for new members, and never for a message.
struct ErasedGenerator: RandomNumberGenerator {
    private var generator: any RandomNumberGenerator

    init(_ generator: some RandomNumberGenerator) { self.generator = generator }

    mutating func next() -> UInt64 { generator.next() }
}
