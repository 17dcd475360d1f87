import Crypto
import GroupKeys
import NetworkTypes

/// A member's channels to the controllers.
extension Member {
    mutating func receivePairwise(_ bytes: [UInt8], _ header: Header, now: ContinuousClock.Instant) {
        guard let sender = sender(of: bytes, header), let link = session?.controllers.link(sender),
            let opened = try? link.open(bytes, now: now)
        else { return }
        switch opened {
        case .whole(let kind, let body): take(kind, body, from: sender, now: now)
        case .segment(let segment):
            guard case .whole(let whole)? = session?.assembler.receive(segment, now: now) else { return }
            take(whole.kind, whole.body, from: sender, now: now)
        }
    }

    private func sender(of bytes: [UInt8], _ header: Header) -> ControllerID? {
        guard header.suite.isHardened else {
            return (try? UnverifiedClassicMessage(bytes)).flatMap { ControllerID(UInt32($0.sender)) }
        }
        guard case .controller(let id)? = (try? UnverifiedMessage(bytes))?.envelope.sender else { return nil }
        return id
    }

    private mutating func take(
        _ kind: MessageKind, _ body: [UInt8], from sender: ControllerID, now: ContinuousClock.Instant
    ) {
        guard kind.isControl else { return takeData(body, now: now) }
        guard let message = try? ControlMessage.decode(body) else { return }
        if message.type == .pong { takeResumed(message, from: sender) }
        guard keyManagerIs(sender) else { return }
        keyManagerHeard(now: now)
        switch message.type {
        case .pong: takePong(message, now: now)
        case .rekeyUser: takePath(message, now: now)
        case .leaveAcknowledged: if session?.tasks.leave != nil { end(.left, now: now) }
        case .evictionNotice: end(.evicted, now: now)
        case .refreshAcknowledged: finishRefresh(message, now: now)
        case .servicesRegistered:
            guard let offer = session?.tasks.offer, message.integer(.correlation) == offer.correlation else { return }
            session?.tasks.offer = nil
            outputs.append(.event(.servicesRegistered))
        case .directoryAnswer: takeDirectory(message, now: now)
        default: return
        }
    }

    private mutating func takePong(_ message: ControlMessage, now: ContinuousClock.Instant) {
        session?.addCertificates(message[.certificates] ?? [])
        // A classic member cannot verify a beacon, so it learns of the controllers here.
        if session?.root == nil,
            let list = ControllerEntry.decode(message[.controllers] ?? [], boots: message[.boots] ?? []), !list.isEmpty
        {
            if session?.controllers.set(list, using: &random) == .tooMany { return end(.lost, now: now) }
        }
        if let version: UInt32 = message.integer(.directoryVersion) { heardOfDirectory(version, members: 0, now: now) }
        if let epoch: UInt32 = message.integer(.epoch), let have = session?.tree?.epoch, epoch > have {
            lacking(now: now)
        }
    }

    private mutating func takeDirectory(_ message: ControlMessage, now: ContinuousClock.Instant) {
        guard let query = session?.tasks.query, message.integer(.correlation) == query.correlation,
            let version: UInt32 = message.integer(.directoryVersion)
        else { return }
        session?.tasks.query = nil
        var changes: [DirectoryView.Change] = []
        if message[.directoryReset] != nil {
            changes = session?.directory.reset() ?? []
            queryDirectory(now: now)
        } else {
            guard let entries = try? DirectoryEntryCodec.decode(message[.directoryEntries] ?? []) else { return }
            changes = session?.directory.apply(entries, upTo: version) ?? []
            let isFull = (message[.directoryEntries]?.count ?? 0) > DirectoryEntryCodec.fullBytes
            if isFull || version < session?.newestDirectory ?? 0 { queryDirectory(now: now) }
        }
        for change in changes { outputs.append(.event(.directory(change))) }
    }

    // MARK: Tasks

    mutating func queryDirectory(now: ContinuousClock.Instant) {
        let correlation = UInt32(truncatingIfNeeded: random.next() as UInt64)
        session?.tasks.query = (correlation, .control(at: now, using: &random))
    }

    /// The directory has this version. Who lacks it asks; where so many `members` hear it at one time, each after a random
    /// wait of up to a millisecond for each of them, so that the key manager is asked a thousand times a second at most.
    mutating func heardOfDirectory(_ version: UInt32, members: UInt32, now: ContinuousClock.Instant) {
        guard let session else { return }
        self.session?.newestDirectory = max(session.newestDirectory, version)
        guard version > session.directory.version, session.tasks.query == nil else { return }
        let wait = Int.random(in: 0...Int(min(members, 60_000)), using: &random)
        queryDirectory(now: now + .milliseconds(wait))
    }

    mutating func registerServices(now: ContinuousClock.Instant) {
        guard session?.isServer == true, let bytes = ServiceOfferCodec.encode(offers) else { return }
        let correlation = UInt32(truncatingIfNeeded: random.next() as UInt64)
        session?.tasks.offer = (correlation, bytes, .control(at: now, using: &random))
    }

    mutating func beginRefresh(now: ContinuousClock.Instant) {
        guard session?.refreshSecret != nil, session?.nextSecrets == nil, session?.tasks.refresh == nil else { return }
        if let own = KeyAgreement.privateHalf(using: &random) { session?.tasks.refresh = (own, .control(at: now)) }
    }

    private mutating func finishRefresh(_ message: ControlMessage, now: ContinuousClock.Instant) {
        guard let session, let own = session.tasks.refresh?.own, let old = session.refreshSecret,
            let share = message[.x25519], let agreed = KeyAgreement.secret(own, with: share)
        else { return }
        let master = MasterSecret(refresh: old, agreement: agreed)
        let generation = session.controllers.generation + 1
        let secrets = master.memberSecrets(member: session.id.rawValue, generation: generation)
        self.session?.tasks.refresh = nil
        if session.store != nil {
            self.session?.nextSecrets = secrets
            return
        }
        self.session?.refreshSecret = secrets.refresh
        self.session?.controllers.refreshed(generation: generation, relay: secrets.relay, now: now)
        refreshEnded(now: now)
    }

    mutating func refreshEnded(now: ContinuousClock.Instant) {
        // Shows the controllers that the new keys are there: a forwarder that has not heard of them would seal the answers
        // of a request that is open under keys that are soon taken no more.
        self.session?.tasks.pingAt = now
        for id in session?.controllers.forwarders ?? [] {
            send(
                ControlMessage(.ping).encoded, MessageKind(isControl: true, actsAsServer: session?.isServer ?? false),
                to: id)
        }
        outputs.append(.event(.refreshed))
    }

    mutating func advanceTasks(now: ContinuousClock.Instant) {
        guard let session else { return }
        if session.keyManagerHeardAt + configuration.lease <= now { return end(.lost, now: now) }
        if session.receiver?.advance(now: now) == true { lacking(now: now) }
        if session.tasks.pingAt <= now {
            let fifth = configuration.pingInterval / 5
            let spread = fifth * 2 / 1_000 * Int.random(in: 0...1_000, using: &random)
            self.session?.tasks.pingAt = now + configuration.pingInterval - fifth + spread
            tell(ControlMessage(.ping))
        }
        if let share = self.session?.tasks.asker.due(now: now) {
            let have = session.tree?.epoch ?? UInt32(session.classic?.trafficKeyID ?? 0)
            tell(ControlMessage(.rekeyNegative, [.x25519: share, .haveEpoch: have.octets]))
        }
        advanceQuestions(now: now)
        advanceResuming(now: now)
        let leaseEnds = session.keyManagerHeardAt + configuration.lease
        if let next = self.session?.tasks.nextAt { outputs.append(.wake(at: max(min(next, leaseEnds), now))) }
        if let next = self.session?.receiver?.nextWake { outputs.append(.wake(at: max(next, now))) }
    }

    private mutating func advanceQuestions(now: ContinuousClock.Instant) {
        if session?.tasks.query?.schedule.due(now: now) == .send, let query = session?.tasks.query {
            let have = session?.directory.version ?? 0
            tell(
                ControlMessage(
                    .directoryQuery, [.directoryVersion: have.octets, .correlation: query.correlation.octets]))
        }
        if session?.tasks.offer?.schedule.due(now: now) == .send, let offer = session?.tasks.offer {
            tell(
                ControlMessage(
                    .registerServices, [.services: offer.body, .correlation: offer.correlation.octets]))
        }
        let mayRefresh = session?.store.map { $0.kept?.refreshing != nil } ?? true
        if mayRefresh, session?.tasks.refresh?.schedule.due(now: now) == .send, let refresh = session?.tasks.refresh {
            tell(ControlMessage(.refresh, [.x25519: Array(refresh.own.publicKey.rawRepresentation)]))
        }
        switch session?.tasks.leave?.due(now: now) {
        case .send: tell(ControlMessage(.leave))
        case .giveUp: end(.left, now: now)
        case .nothing, nil: return
        }
    }

    private mutating func tell(_ message: ControlMessage) {
        guard let id = session?.controllers.keyManager else { return }
        send(message.encoded, MessageKind(isControl: true, actsAsServer: session?.isServer ?? false), to: id)
    }

    mutating func send(_ body: [UInt8], _ kind: MessageKind, to id: ControllerID) {
        guard let link = session?.controllers.link(id), let address = session?.controllers.address(id),
            let datagrams = try? link.seal(body, kind)
        else { return }
        for datagram in datagrams { outputs.append(.transmit(datagram, to: address)) }
    }
}
