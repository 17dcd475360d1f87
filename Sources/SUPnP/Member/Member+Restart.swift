import Crypto
import GroupKeys
import NetworkTypes

/// A member that keeps its keys over a restart (specification 3.6.1, 3.6.3).
///
/// A channel seals and accepts only what its stored reservation covers, an epoch's broadcasts are accepted only when the
/// epoch is stored, and new secrets are used only when they are. After a restart the member leaves out what may have been
/// used, and tells each controller to leave out what may have been accepted.
extension Member {
    /// The state is written: what waited for it goes on.
    mutating func kept(_ number: UInt64, now: ContinuousClock.Instant) {
        guard let state = session?.store?.written(number) else { return }
        if state.generation > session?.controllers.generation ?? .max { adopt(state, now: now) }
        session?.controllers.reserved(state)
        // What could not be sealed before is due now.
        for id in session?.tasks.resuming.keys.sorted() ?? [] { session?.tasks.resuming[id] = .control(at: now) }
        if let tree = session?.tree, session?.receiver?.epoch.map({ $0 < tree.epoch }) ?? true {
            epochChanged(now: now)
        }
    }

    /// Writes what has changed.
    mutating func keepChanges() {
        guard let state = session?.keeping, let number = session?.store?.write(state) else { return }
        outputs.append(.keep(state, number: number))
    }

    private mutating func adopt(_ state: KeptMember, now: ContinuousClock.Instant) {
        session?.refreshSecret = state.refresh
        session?.nextSecrets = nil
        session?.controllers.refreshed(
            generation: state.generation, relay: state.relay, now: now,
            reserved: Set(state.channels.map(\.controller.boot)), using: &random)
        refreshEnded(now: now)
    }

    /// Tells the controllers, until each has answered, which counters to leave out.
    mutating func advanceResuming(now: ContinuousClock.Instant) {
        for id in session?.tasks.resuming.keys.sorted() ?? [] {
            guard session?.tasks.resuming[id]?.due(now: now) == .send, let link = session?.controllers.link(id) else {
                continue
            }
            let ping = ControlMessage(.ping, [.resumeFrom: link.receiveFloor.octets])
            send(ping.encoded, MessageKind(isControl: true, actsAsServer: session?.isServer ?? false), to: id)
        }
    }

    /// A PONG of a controller: it leaves out what it was told to, and a forwarder says where its broadcasts have come to.
    mutating func takeResumed(_ message: ControlMessage, from sender: ControllerID) {
        guard session?.tasks.resuming[sender] != nil else { return }
        guard !keyManagerIs(sender), let receiver = session?.receiver, receiver.awaitsFloors else {
            // A server that has no epoch yet asks again when it has one.
            if keyManagerIs(sender) || session?.isServer == false || session?.receiver?.epoch != nil {
                session?.tasks.resuming[sender] = nil
            }
            return
        }
        guard let epoch: UInt32 = message.integer(.epoch), let counter: UInt64 = message.integer(.groupCounter),
            epoch == receiver.epoch, session?.certificates[sender] != nil
        else { return }
        receiver.raiseFloor(sender, epoch: epoch, to: counter)
        session?.tasks.resuming[sender] = nil
    }
}

extension MemberSession {
    /// The session of a member that has restarted. Nil if what is kept is no state of a member.
    /// `controller` is where it would register: it knows the zone of a link-local address, which is not kept.
    init?(
        resuming kept: KeptMember, at controller: SocketEndpoint, now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) {
        guard kept.suite.isHardened, let root = try? Curve25519.Signing.PublicKey(rawRepresentation: kept.root) else {
            return nil
        }
        identity = MemberIdentity(
            id: kept.id, suite: kept.suite, group: kept.group, isServer: kept.isServer, multicast: kept.multicast,
            root: root)
        tasks = MemberTasks(now: now)
        clear = ClearServing(now: now)
        keyManagerHeardAt = now
        refreshSecret = kept.refresh
        store = MemberStore(kept: kept)
        controllers = ControllerBook(
            resuming: kept, near: kept.registeredAt?.address == controller.address ? controller : kept.registeredAt)
        controllers.resume(kept, using: &random)
        if let half = kept.refreshing?.withUnsafeBytes({
            try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: $0)
        }) {
            tasks.refresh = (half, .control(at: now))
        }
        for id in controllers.order { tasks.resuming[id] = .control(at: now) }
        if kept.isServer {
            receiver = GroupReceiver(suite: kept.suite, group: kept.group, resumedThrough: kept.epoch)
            tasks.asker.lacking(waits: false, now: now, using: &random)
        }
        addCertificates(kept.certificates.flatMap { $0 })
    }

    /// What is to be stored; nil for a member that keeps nothing.
    var keeping: KeptMember? {
        guard let store, let refreshSecret, let root = identity.root else { return nil }
        let generation = nextSecrets?.generation ?? controllers.generation
        return KeptMember(
            id: id, suite: suite, group: group, isServer: isServer, multicast: identity.multicast,
            registeredAt: controllers.near.map { SocketEndpoint($0.address, port: $0.port) },
            root: Array(root.rawRepresentation), keyID: controllers.keyID, generation: generation,
            relay: nextSecrets?.relay ?? controllers.relay, refresh: nextSecrets?.refresh ?? refreshSecret,
            refreshing: nextSecrets == nil ? tasks.refreshing : nil,
            certificates: certificates.keys.sorted().compactMap { certificates[$0]?.bytes },
            channels: controllers.kept(generation: generation),
            epoch: max(tree?.epoch ?? 0, store.kept?.epoch ?? 0))
    }
}
