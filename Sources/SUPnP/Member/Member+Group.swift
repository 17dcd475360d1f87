import Crypto
import GroupKeys
import NetworkTypes

/// A member's part in the group: rekeys, beacons, and the epochs that it lacks.
extension Member {
    mutating func followRekey(_ bytes: [UInt8], _ header: Header, now: ContinuousClock.Instant) {
        guard session != nil else { return }
        guard header.suite.isHardened else {
            guard let rekey = ClassicRekey(Array(bytes.dropFirst(WireSizes.header))),
                let outcome = session?.classic?.apply(rekey, now: now)
            else { return }
            if outcome == .lacking { lacking(now: now) }
            return
        }
        guard let session, session.tree != nil,
            let packet = try? UnverifiedRekeyPacket(bytes).verified(for: session.group, keys: session.rekeyKey)
        else { return }
        switch self.session?.tree?.apply(packet) {
        case .advanced: epochChanged(now: now)
        case .behind, .mismatch: lacking(now: now)
        // The member's own leaf changes: its keys are for it alone, and nobody else asks for them.
        case .served: lacking(waits: false, now: now)
        case .elsewhere, .past, nil: return
        }
    }

    mutating func followBeacon(_ bytes: [UInt8], now: ContinuousClock.Instant) {
        guard let session,
            let beacon = Beacon(
                verifying: bytes, group: session.group, after: session.beacons.counter,
                certificate: session.certificate),
            self.session?.beacons.take(beacon) == true
        else { return }
        self.session?.addCertificates(beacon.certificate)
        let news = self.session?.controllers.set(beacon.controllers, using: &random)
        if news == .tooMany { return end(.lost, now: now) }
        if self.session?.receiver?.awaitsFloors == true, news == .process {
            for id in self.session?.controllers.forwarders ?? [] {
                self.session?.tasks.resuming[id] = .control(at: now)
            }
        }
        self.session?.receiver?.update(time: beacon.time, revoked: Set(beacon.revoked))
        let lacksCertificate = self.session?.connectForwarders() == true
        if lacksCertificate || news == .process { self.session?.tasks.pingAt = now }
        heardOfDirectory(beacon.directoryVersion, members: beacon.memberCount, now: now)
        compareEpoch(with: beacon, now: now)
    }

    private mutating func compareEpoch(with beacon: Beacon, now: ContinuousClock.Instant) {
        guard let tree = session?.tree else { return }
        let isSame =
            beacon.epoch == tree.epoch
            && beacon.confirmation == Beacon.confirmation(epochSecret: tree.epochSecret, counter: beacon.counter)
        if isSame { session?.tasks.asker.satisfied() } else if beacon.epoch >= tree.epoch { lacking(now: now) }
    }

    mutating func lacking(waits: Bool = true, now: ContinuousClock.Instant) {
        session?.tasks.asker.lacking(waits: waits, now: now, using: &random)
    }

    func keyManagerIs(_ id: ControllerID) -> Bool { session?.controllers.keyManager == id }

    /// The key manager has said something to this member: what it says to all proves nothing, since somebody who was
    /// evicted by a key manager that died before it could say so hears that too.
    mutating func keyManagerHeard(now: ContinuousClock.Instant) { session?.keyManagerHeardAt = now }

    /// The tree is in another epoch: the channel follows, and what has waited for it is opened.
    mutating func epochChanged(now: ContinuousClock.Instant) {
        guard let tree = session?.tree, let receiver = session?.receiver else { return }
        session?.tasks.asker.satisfied()
        // One that is to be stored first is entered when it is.
        if let store = session?.store, store.kept.map({ $0.epoch < tree.epoch }) ?? true { return }
        if receiver.epoch.map({ $0 < tree.epoch }) ?? true {
            let waiting = (try? receiver.install(epoch: tree.epoch, secret: tree.epochSecret, now: now)) ?? []
            outputs.append(.event(.epoch(tree.epoch)))
            for message in waiting { takeBroadcast(message, now: now) }
        }
    }

    /// REKEY_USR: the whole path, sealed for this question of this member.
    mutating func takePath(_ message: ControlMessage, now: ContinuousClock.Instant) {
        guard let session else { return }
        if session.suite.isHardened {
            guard let own = session.tasks.asker.own, let share = message[.x25519], let sealed = message[.sealed],
                let id = session.controllers.keyManager, let boot = session.controllers.boot(id),
                let seal = ResyncSeal(
                    own: own, peer: share, memberShare: Array(own.publicKey.rawRepresentation), managerShare: share,
                    pairKey: ChannelKeys.pairwise(
                        relay: session.controllers.relay, controller: id, boot: boot, direction: .fromController),
                    member: session.id),
                let path = seal.open(sealed).flatMap({ PathElements.decode($0) }),
                self.session?.install(path) == true
            else { return }
            epochChanged(now: now)
        } else if let path = ClassicPathElements.path({ message[$0] }) {
            self.session?.classic?.install(path, now: now)
            self.session?.tasks.asker.satisfied()
        }
    }

    // MARK: Broadcasts

    mutating func receiveBroadcast(_ bytes: [UInt8], _ header: Header, now: ContinuousClock.Instant) {
        guard header.suite.isHardened else {
            if let opened = session?.classic?.open(bytes, now: now) {
                if !opened.kind.isControl { serve(opened.body, now: now) }
            } else if session?.classic != nil, session?.classic?.trafficKeyID != header.keyID {
                lacking(now: now)
            }
            return
        }
        guard let receiver = session?.receiver, let message = try? UnverifiedMessage(bytes),
            case .opened(let opened)? = try? receiver.receive(message, now: now)
        else { return }
        takeBroadcast(opened, now: now)
    }

    private mutating func takeBroadcast(_ opened: OpenedMessage, now: ContinuousClock.Instant) {
        guard case .whole(let whole)? = session?.assembler.receive(opened, now: now), !whole.kind.isControl else {
            return
        }
        serve(whole.body, now: now)
    }

    private mutating func serve(_ body: [UInt8], now: ContinuousClock.Instant) {
        guard case .broadcast(let broadcast)? = try? DataPayload(decoding: body), !broadcast.id.isUnencrypted,
            let name = ServiceName(Array(broadcast.service.utf8)),
            let offer = offers.first(where: { $0.name == name }),
            broadcast.isFromHardened || offer.lowestSuite == 0 || session?.suite.isHardened == false
        else { return }
        switch session?.served.arrived(broadcast.id.rawValue, now: now) {
        case .new:
            let request = InboundRequest(
                id: broadcast.id, service: name, alias: broadcast.alias, isFromHardened: broadcast.isFromHardened,
                payload: broadcast.payload)
            outputs.append(.event(.request(request)))
        case .known(let answer?): sendAnswer(answer, of: broadcast.id)
        case .known(nil), .full, nil: return
        }
    }

    mutating func answer(_ id: DataPayload.ForwardID, payload: [UInt8], isLast: Bool) {
        // Its number says how a request came, so what came sealed is never answered in clear.
        if id.isUnencrypted { return answerClear(id, payload: payload, isLast: isLast) }
        guard let sequence = session?.served.sequence(of: id.rawValue, isLast: isLast) else { return }
        let answer = DataPayload.Answer(id: id.rawValue, alias: sequence, isLast: isLast, payload: payload)
        guard let body = try? DataPayload.answer(answer).encoded() else { return }
        session?.served.keep(body, of: id.rawValue)
        sendAnswer(body, of: id)
    }

    private mutating func sendAnswer(_ body: [UInt8], of id: DataPayload.ForwardID) {
        guard let controller = id.controller else { return }
        send(body, MessageKind(isResponse: true, actsAsServer: true), to: controller)
    }
}
