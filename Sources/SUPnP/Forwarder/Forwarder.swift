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
    package enum Input: Sendable {
        /// A datagram of the network.
        case datagram([UInt8], from: SocketEndpoint)
        /// What the key manager tells.
        case event(NumberedForwarderEvent)
        /// The lease was renewed by a request sent at this time.
        case leaseRenewed(sentAt: ContinuousClock.Instant)
        /// The time that ``Output/wake(at:)`` named has come.
        case wake
    }

    /// What goes out.
    package enum Output: Sendable {
        /// A datagram to a member.
        case transmit([UInt8], to: SocketEndpoint)
        /// A datagram to the group's multicast address.
        case multicast([UInt8])
        /// A registration's datagram, unchanged, with where it came from: for the key manager.
        case relay([UInt8], from: SocketEndpoint)
        /// Events were missed: the key manager is to send a snapshot.
        case needsSnapshot
        /// ``Input/wake`` is wanted then.
        case wake(at: ContinuousClock.Instant)
    }

    let configuration: ForwarderConfiguration
    var members: ForwarderMembers
    var book: RequestBook
    var flights = RequestFlights()
    var burst = PendingBurst()
    var directory = DirectoryView()
    var lease: ForwarderLease
    var random: Random
    let sender: GroupSender
    var classicSender: ClassicSealingKey?
    var outputs = OutputQueue<Output>()
    private var assembler = MessageAssembler()
    private var nextEvent: UInt64?
    private var term: UInt32 = 0

    /// A forwarder that knows nobody and has no lease.
    package init(_ configuration: ForwarderConfiguration, random: Random) {
        self.configuration = configuration
        self.random = random
        members = ForwarderMembers(configuration)
        let identity = configuration.identity
        book = RequestBook(
            controller: UInt16(truncatingIfNeeded: identity.id.rawValue), limits: configuration.limits,
            using: &self.random)
        lease = ForwarderLease(limits: configuration.lease)
        sender = GroupSender(
            controller: identity.id, boot: identity.boot, suite: configuration.suite, group: configuration.group,
            signer: identity.signingKey)
    }

    /// How many requests are open.
    package var openRequests: Int { book.openCount }
    /// How many members it knows.
    package var memberCount: Int { members.count }
    /// The epoch that it sends under.
    package var epoch: UInt32? { sender.epoch }

    /// Takes an input.
    package mutating func handle(_ input: Input, now: ContinuousClock.Instant) {
        switch input {
        case .datagram(let bytes, let source): receive(bytes, from: source, now: now)
        case .event(let event): follow(event, now: now)
        case .leaseRenewed(let instant): lease.renewed(sentAt: instant)
        case .wake: break
        }
        serveDeadlines(now: now)
    }

    /// What came in together is handed in: the broadcasts that were collected leave, a single one signed alone.
    ///
    /// They are sealed under the epoch of now, so nobody who has been evicted since can read them, and not at all if the
    /// lease has been lost since, or their request is over.
    package mutating func batchEnded(now: ContinuousClock.Instant) { sealBurst(now: now) }

    /// The next thing to do; nil when all is done.
    package mutating func nextOutput() -> Output? {
        outputs.next()
    }

    private mutating func receive(_ bytes: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant) {
        switch DatagramClass(bytes) {
        case .plain, .refused: return
        case .clear(_, let type):
            guard type.isRegistration else { return }
            outputs.append(.relay(bytes, from: source))
        case .sealed(let header):
            guard let id = members.claimed(header, bytes), let link = members[id]?.link,
                let message = try? link.open(bytes, now: now)
            else { return }
            members.heard(id, from: source)
            guard let (kind, body) = assembled(message, now: now), lease.isHeld(now: now) else { return }
            kind.isControl ? control(body, of: id) : data(body, of: id, now: now)
        }
    }

    private mutating func assembled(
        _ message: LinkMessage, now: ContinuousClock.Instant
    ) -> (MessageKind, [UInt8])? {
        switch message {
        case .whole(let kind, let body): return (kind, body)
        case .segment(let opened):
            guard case .whole(let whole) = assembler.receive(opened, now: now) else { return nil }
            return (whole.kind, whole.body)
        }
    }

    private mutating func control(_ body: [UInt8], of id: MemberID) {
        guard let message = try? ControlMessage.decode(body), message.type == .ping else { return }
        var pong = ControlMessage(.pong)
        if let floor: UInt64 = message.integer(.resumeFrom) {
            members[id]?.link.skipSending(to: floor)
            pong[.epoch] = sender.epoch?.octets
            pong[.groupCounter] = sender.nextCounter?.octets
        }
        send(pong.encoded, MessageKind(isControl: true, isResponse: true), to: id)
    }

    private mutating func follow(_ numbered: NumberedForwarderEvent, now: ContinuousClock.Instant) {
        guard numbered.term >= term else { return }
        if case .snapshotBegan = numbered.event {
            term = numbered.term
            members.snapshotBegan()
            _ = directory.reset()
            nextEvent = numbered.number + 1
            return
        }
        guard nextEvent == numbered.number, term == numbered.term else {
            // A repeated event is known; a gap, or a stream that begins in its middle, is not to be guessed over.
            if numbered.term > term || numbered.number >= nextEvent ?? 0 {
                nextEvent = nil
                outputs.append(.needsSnapshot)
            }
            return
        }
        nextEvent = numbered.number + 1
        apply(numbered.event, now: now)
        lease.progressed(at: now)
    }

    private mutating func apply(_ event: ForwarderEvent, now: ContinuousClock.Instant) {
        switch event {
        case .snapshotBegan, .progress: break
        case .snapshotEnded:
            for id in members.snapshotEnded() { forget(id) }
        case .epoch(let number, let secret): try? sender.install(epoch: number, secret: secret)
        case .classicKey(let number, let key): installClassic(number, key: key)
        case .member(let member): members.set(member, now: now, using: &random)
        case .memberGone(let id):
            members.remove(id)
            forget(id)
        case .directory(let entries, let version): _ = directory.apply(entries, upTo: version)
        }
    }

    private mutating func installClassic(_ number: UInt16, key: SecretBytes) {
        guard classicSender?.scope.keyID != number else { return }
        let scope = ClassicScope(keyID: number, isGroupKey: true, direction: .group)
        let sender = UInt16(truncatingIfNeeded: configuration.identity.id.rawValue)
        classicSender = try? ClassicSealingKey(scope, key: key, sender: sender, using: &random)
    }

    private mutating func forget(_ id: MemberID) {
        for case .completed(let number, _, _) in book.endAll(of: id.rawValue, reason: .windowOver) {
            flights.end(number)
        }
    }

    mutating func send(_ body: [UInt8], _ kind: MessageKind, to id: MemberID) {
        guard let entry = members[id], let address = entry.address, let datagrams = try? entry.link.seal(body, kind)
        else { return }
        for datagram in datagrams { outputs.append(.transmit(datagram, to: address)) }
    }
}

extension MessageType {
    /// Whether a forwarder passes it on to the key manager, unopened.
    var isRegistration: Bool {
        switch self {
        case .registrationRequest, .registrationResponse, .registrationConfirm: true
        default: false
        }
    }
}
