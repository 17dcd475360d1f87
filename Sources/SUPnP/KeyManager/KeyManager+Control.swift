import Crypto
import GroupKeys
import NetworkTypes

/// The sealed messages of members.
extension KeyManager {
    mutating func receiveSealed(
        _ bytes: [UInt8], _ header: Header, from source: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        guard header.flags.contains(.control) else { return }
        guard let id = links.claimed(header, bytes) ?? unlinked(header, bytes) else { return }
        guard let record = state.members[id.rawValue] else { return remind(id, bytes, from: source, now: now) }
        guard let link = links.link(of: record, using: &random),
            case .whole(let kind, let body)? = try? link.open(bytes, now: now), kind.isControl,
            let message = try? ControlMessage.decode(body)
        else { return }
        links.heard(id, from: source)
        leases.heard(record.id, now: now)
        if record.pendingRefresh != nil, link.sendingGeneration == record.generation {
            wait(for: .refreshConfirmed(record.id))
        }
        serve(message, of: record, now: now)
    }

    /// The classic member that a KEYID is of, when no channel of it has been made since the start.
    private mutating func unlinked(_ header: Header, _ bytes: [UInt8]) -> MemberID? {
        guard !header.suite.isHardened else { return nil }
        return state.classicMember(keyID: header.keyID).flatMap { MemberID($0.id) }
    }

    private mutating func serve(_ message: ControlMessage, of record: MemberRecord, now: ContinuousClock.Instant) {
        switch message.type {
        case .ping:
            if let floor: UInt64 = message.integer(.resumeFrom) {
                links.link(of: record, using: &random)?.skipSending(to: floor)
            }
            send(pong(for: record), to: record.id, isResponse: true)
        case .leave: remove(record, .left, isUrgent: false, now: now)
        case .rekeyNegative: resync(message, of: record, now: now)
        case .refresh: refresh(message, of: record, now: now)
        case .registerServices: takeOffers(message, of: record)
        case .directoryQuery: answerDirectory(message, of: record)
        default: return
        }
    }

    /// Somebody who is no member any more is told again what became of it.
    private mutating func remind(
        _ id: MemberID, _ bytes: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        guard let (link, departure) = links.departure(of: id, now: now),
            case .whole(_, let body)? = try? link.open(bytes, now: now)
        else { return }
        if let floor: UInt64 = (try? ControlMessage.decode(body))?.integer(.resumeFrom) { link.skipSending(to: floor) }
        let message = ControlMessage(departure == .left ? .leaveAcknowledged : .evictionNotice)
        let kind = MessageKind(isControl: true, isResponse: true)
        for datagram in (try? link.seal(message.encoded, kind)) ?? [] {
            outputs.append(.transmit(datagram, to: source))
        }
    }

    /// A member is to go: at the next rekey if it is a server, with the next commit otherwise.
    mutating func remove(
        _ record: MemberRecord, _ departure: LinkBook.Departure, isUrgent: Bool, now: ContinuousClock.Instant
    ) {
        if !record.isServer {
            wait(for: .removal(record.id, departure))
        } else if record.suite.isHardened {
            waiting.remove(record.id, departure, isUrgent: isUrgent, now: now)
        } else {
            _ = waiting.classic(.leave(record.id, departure))
        }
    }

    /// Seals a message for a member, where it was heard last.
    mutating func send(_ message: ControlMessage, to member: UInt32, isResponse: Bool) {
        guard let id = MemberID(member), let record = state.members[member],
            let link = links.link(of: record, using: &random), let address = links.address(of: id),
            let datagrams = try? link.seal(
                message.encoded, MessageKind(isControl: true, isResponse: isResponse))
        else { return }
        for datagram in datagrams { outputs.append(.transmit(datagram, to: address)) }
    }

    private func pong(for record: MemberRecord) -> ControlMessage {
        var message = ControlMessage(.pong, controllerElements)
        message[.lease] = UInt16(clamping: configuration.limits.lease.components.seconds).octets
        message[.directoryVersion] = state.directory.toldVersion.octets
        if record.isServer, record.suite.isHardened { message[.epoch] = epoch.octets }
        return message
    }

    // MARK: Missing epochs

    private mutating func resync(_ message: ControlMessage, of record: MemberRecord, now: ContinuousClock.Instant) {
        guard let leaf = record.leaf else { return }
        guard record.suite.isHardened else {
            return delivery.servesAlone(record.id, now: now) ? sendClassicKeys(record, leaf: leaf) : ()
        }
        guard let have = message.integer(.haveEpoch, as: UInt32.self), let share = message[.x25519], have <= epoch
        else {
            return
        }
        switch delivery.missed(by: record.id, leaf: leaf, isOneBehind: have &+ 1 == epoch, now: now) {
        case .refuse: return
        case .resend(let index):
            if let packet = delivery.packet(index) { outputs.append(.multicast(packet)) }
        case .unicast:
            guard let answer = path(of: record, leaf: leaf, for: share) else { return }
            // A group that loses many packets loses many answers too.
            for _ in 0..<delivery.copies { send(answer, to: record.id, isResponse: true) }
        }
    }

    private mutating func path(of record: MemberRecord, leaf: UInt32, for share: [UInt8]) -> ControlMessage? {
        guard let id = MemberID(record.id), let path = trees.hardened.path(ofLeaf: leaf),
            let own = KeyAgreement.privateHalf(using: &random)
        else { return nil }
        let ownShare = Array(own.publicKey.rawRepresentation)
        let pairKey = ChannelKeys.pairwise(
            relay: record.relay, controller: configuration.identity.id, boot: configuration.identity.boot,
            direction: .fromController)
        guard
            let seal = ResyncSeal(
                own: own, peer: share, memberShare: share, managerShare: ownShare, pairKey: pairKey, member: id),
            let sealed = seal.seal(PathElements.encoded(path), using: &random)
        else { return nil }
        return ControlMessage(.rekeyUser, [.x25519: ownShare, .sealed: sealed])
    }

    private mutating func sendClassicKeys(_ record: MemberRecord, leaf: UInt32) {
        guard let path = trees.classic.path(ofLeaf: leaf) else { return }
        send(ControlMessage(.rekeyUser, ClassicPathElements.elements(path)), to: record.id, isResponse: true)
    }

    // MARK: Refresh

    private mutating func refresh(_ message: ControlMessage, of record: MemberRecord, now: ContinuousClock.Instant) {
        guard let share = message[.x25519], let old = record.refresh else { return }
        if let pending = record.pendingRefresh {
            // Asked again: it has not heard the answer. Anything else is of before.
            guard pending.memberShare == share else { return }
            return send(RefreshMessages.acknowledgement(pending.managerShare), to: record.id, isResponse: true)
        }
        guard !waiting.refreshWaits(for: record.id), record.generation < .max,
            let own = KeyAgreement.privateHalf(using: &random), let agreed = KeyAgreement.secret(own, with: share)
        else { return }
        let master = MasterSecret(refresh: old, agreement: agreed)
        let secrets = master.memberSecrets(member: record.id, generation: record.generation + 1)
        let isLeaf = record.isServer && record.leaf != nil
        let step = RefreshStep(
            member: record.id, generation: secrets.generation, relay: secrets.relay, refresh: secrets.refresh,
            leafSecret: isLeaf ? secrets.leaf : nil,
            pending: PendingRefresh(
                generation: record.generation, relay: record.relay, memberShare: share,
                managerShare: Array(own.publicKey.rawRepresentation)))
        if isLeaf { _ = waiting.refresh(step, now: now) } else { wait(for: .refresh(step)) }
    }

    // MARK: The directory

    private mutating func takeOffers(_ message: ControlMessage, of record: MemberRecord) {
        guard record.isServer, let bytes = message[.services], let offers = try? ServiceOfferCodec.decode(bytes),
            let correlation = message.integer(.correlation, as: UInt32.self)
        else { return }
        wait(for: .offers(record.id, offers, correlation: correlation))
    }

    /// A client hears of what it may ask for, a server of everything: it reads the requests anyway.
    private mutating func answerDirectory(_ message: ControlMessage, of record: MemberRecord) {
        guard let have = message.integer(.directoryVersion, as: UInt32.self),
            let correlation = message.integer(.correlation, as: UInt32.self)
        else { return }
        var answer = ControlMessage(.directoryAnswer, [.correlation: correlation.octets])
        if let changes = state.directory.told(after: have, limit: 1_024) {
            let access = state.access(of: record)
            let visible = changes.filter { record.isServer || access.allows($0.offer.name) }
            let (bytes, count) = DirectoryEntryCodec.encode(visible)
            let isWhole = count == visible.count
            let reached =
                isWhole
                ? (changes.count < 1_024 ? state.directory.version : changes[1_023].version)
                : visible[count - 1].version
            answer[.directoryVersion] = reached.octets
            if count > 0 { answer[.directoryEntries] = bytes }
        } else {
            answer[.directoryReset] = [1]
            answer[.directoryVersion] = UInt32(0).octets
        }
        send(answer, to: record.id, isResponse: true)
    }
}
