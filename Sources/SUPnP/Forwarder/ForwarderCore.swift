import GroupKeys
import NetworkTypes

/// What a ``Forwarder`` is, for whatever generator.
struct ForwarderCore: ~Copyable {
    let configuration: ForwarderConfiguration
    var members: ForwarderMembers
    var book: RequestBook
    var clear: ClearRelay
    var burst: PendingBurst
    var directory = DirectoryView()
    /// Where requests for a service go, as far as it was asked since the directory has changed.
    var routes: [Route: GroupChannels] = [:]
    /// How often they were forgotten.
    var routesForgotten: UInt64 = 0
    /// The wake that was asked for last.
    var wakeAt: ContinuousClock.Instant?
    var lease: ForwarderLease
    var random: ErasedGenerator
    let sender: GroupSender
    var classicSender: ClassicSealingKey?
    var outputs = OutputQueue<ForwarderOutput>()
    private var assembler = MessageAssembler()
    private var nextEvent: UInt64?
    private var term: UInt32 = 0

    /// A forwarder that knows nobody and has no lease.
    init(_ configuration: ForwarderConfiguration, random: ErasedGenerator) {
        self.configuration = configuration
        self.random = random
        burst = PendingBurst(limit: configuration.broadcastsPerSignature)
        members = ForwarderMembers(configuration)
        let identity = configuration.identity
        book = RequestBook(
            controller: UInt16(truncatingIfNeeded: identity.id.rawValue), limits: configuration.limits,
            using: &self.random)
        clear = ClearRelay(controller: identity.id, configuration.unencrypted, using: &self.random)
        lease = ForwarderLease(limits: configuration.lease)
        sender = GroupSender(
            controller: identity.id, boot: identity.boot, suite: configuration.suite, group: configuration.group,
            signer: identity.signingKey)
    }

    /// Takes an input.
    mutating func handle(_ input: ForwarderInput, now: ContinuousClock.Instant) {
        switch input {
        case .datagram(let bytes, let source): receive(bytes, from: source, now: now)
        case .event(let event): follow(event, now: now)
        case .leaseRenewed(let instant): lease.renewed(sentAt: instant)
        case .wake: break
        }
        serveDeadlines(now: now)
    }

    private mutating func receive(_ bytes: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant) {
        switch DatagramClass(bytes) {
        case .refused(.clearData): takeClear(bytes, from: source, now: now)
        case .plain, .refused: return
        case .clear(_, let type):
            guard type.isRegistration else { return }
            outputs.append(.relay(bytes, from: source))
        case .sealed(let header):
            guard let (entry, message) = opened(bytes, header, now: now) else { return }
            entry.address = source
            guard let (kind, body) = assembled(message, now: now), lease.isHeld(now: now) else { return }
            kind.isControl ? control(body, of: entry) : data(body, of: entry, now: now)
        }
    }

    /// Opens what claims to be of a member, with that member. Both headers are read once.
    private func opened(
        _ bytes: [UInt8], _ header: Header, now: ContinuousClock.Instant
    ) -> (ForwarderMembers.Entry, LinkMessage)? {
        guard header.suite.isHardened else {
            guard let entry = members.classicMember(header.keyID) else { return nil }
            return (try? entry.link.open(bytes, now: now)).map { (entry, $0) }
        }
        guard let message = try? UnverifiedMessage(bytes, header), case .member(let id) = message.envelope.sender,
            let entry = members[id]
        else { return nil }
        return (try? entry.link.open(message, now: now)).map { (entry, $0) }
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

    private mutating func control(_ body: [UInt8], of entry: ForwarderMembers.Entry) {
        guard let message = try? ControlMessage.decode(body), message.type == .ping else { return }
        var pong = ControlMessage(.pong)
        if let floor: UInt64 = message.integer(.resumeFrom) {
            entry.link.skipSending(to: floor)
            pong[.epoch] = sender.epoch?.octets
            pong[.groupCounter] = sender.nextCounter?.octets
        }
        send(pong.encoded, MessageKind(isControl: true, isResponse: true), to: entry)
    }

    private mutating func follow(_ numbered: NumberedForwarderEvent, now: ContinuousClock.Instant) {
        guard numbered.term >= term else { return }
        if case .snapshotBegan = numbered.event {
            term = numbered.term
            members.snapshotBegan()
            _ = directory.reset()
            forgetRoutes()
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
        case .directory(let entries, let version):
            _ = directory.apply(entries, upTo: version)
            forgetRoutes()
        }
    }

    private mutating func forgetRoutes() {
        routes = [:]
        routesForgotten += 1
    }

    private mutating func installClassic(_ number: UInt16, key: SecretBytes) {
        guard classicSender?.scope.keyID != number else { return }
        let scope = ClassicScope(keyID: number, isGroupKey: true, direction: .group)
        let sender = UInt16(truncatingIfNeeded: configuration.identity.id.rawValue)
        classicSender = try? ClassicSealingKey(scope, key: key, sender: sender, using: &random)
    }

    private mutating func forget(_ id: MemberID) {
        _ = book.endAll(of: id.rawValue, reason: .windowOver)
    }

    mutating func send(_ body: [UInt8], _ kind: MessageKind, to entry: ForwarderMembers.Entry) {
        guard let address = entry.address, let datagrams = try? entry.link.seal(body, kind) else { return }
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
