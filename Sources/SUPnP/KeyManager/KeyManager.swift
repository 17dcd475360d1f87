package import GroupKeys
package import NetworkTypes

/// The group's key manager: registers devices, owns the key trees, and tells members and forwarders of every change
/// (group keys specification 3.5, 3.7, 3.9).
///
///     starting ──led is committed──▶ leading ──conflict──▶ rereading ──another leads──▶ deposed
///                                                          rereading ──it still leads──▶ leading
///
/// Every change of durable state is ``Output/commit(_:expectedRevision:)``; what depends on it leaves only after
/// ``Input/committed(revision:)``, and after ``Input/conflict`` it never leaves. So a key manager that is no leader any
/// more sends nothing, and one that is killed at any point loses nobody that it has confirmed. After each ``handle``,
/// ``nextOutput()`` is drained to nil.
package struct KeyManager<Random: RandomNumberGenerator>: ~Copyable {
    /// What comes in.
    package enum Input: Sendable {
        /// A datagram, with where it came from: a device's own address even if a forwarder has passed it on.
        case datagram([UInt8], from: SocketEndpoint)
        /// Work of ``Output/work(_:)`` is done.
        case worked(RegistrationID, RegistrarWork.Result)
        /// The last commit has been made; the state has this revision.
        case committed(revision: UInt64)
        /// The last commit has not been made: the state is another one than expected.
        case conflict
        /// Another one has changed the state: it has a revision that no commit of this key manager has given it.
        case outdated
        /// The state as it is, after ``Output/reread``.
        case reread(GroupState, revision: UInt64)
        /// The leader's lease was renewed by a request sent at this time.
        case leaseRenewed(sentAt: ContinuousClock.Instant)
        /// A device is to be a member no longer.
        case evict(DeviceID, isUrgent: Bool)
        /// A device may register, or may do something else than before.
        case enroll(CredentialRecord)
        /// A device may not register any more, and is evicted at once.
        case strikeOff(DeviceID)
        /// The services of a classic device to which hardened clients' requests may go.
        case bridge(DeviceID, [ServicePattern])
        /// The forwarders that there are, with their certificates.
        case forwarders([ControllerEntry], certificates: [ControllerCertificate])
        /// Where members reach the key manager from here on; nothing changes when there are none.
        case addresses([SocketEndpoint])
        /// The key manager's own certificate from here on: for the same key, and a longer time.
        case certified(ControllerCertificate)
        /// A forwarder has begun, or has missed an event.
        case snapshotWanted
        /// The time that ``Output/wake(at:)`` named has come.
        case wake
    }

    /// What goes out.
    package enum Output: Sendable {
        /// A datagram to a device or member.
        case transmit([UInt8], to: SocketEndpoint)
        /// A datagram to the group's multicast address.
        case multicast([UInt8])
        /// Changes to make durable, all or none, if the state still has this revision.
        case commit([StateChange], expectedRevision: UInt64)
        /// The state is to be read again.
        case reread
        /// Arithmetic to do, here or elsewhere.
        case work(RegistrarWork)
        /// What the forwarders are told.
        case forwarder(NumberedForwarderEvent)
        /// ``Input/wake`` is wanted then.
        case wake(at: ContinuousClock.Instant)
        /// Something for the log.
        case event(KeyManagerEvent)
    }

    var configuration: KeyManagerConfiguration
    var state: GroupState
    var trees: GroupTrees
    var registrar: RegistrarEngine
    var ledger: CommitLedger<KeyManagerStep>
    var waiting: WaitingMembership
    var links: LinkBook
    var delivery: RekeyDelivery
    var leases: LeaseTable
    var pulse: BeaconPulse
    var feed: ForwarderFeed
    var leader: LeaderState<Input>
    /// A step that is durable, and that nobody has been told of.
    var withheld: KeyManagerStep?
    var outputs = OutputQueue<Output>()
    var random: Random

    /// Starts from the durable state. Throws if its tree cannot be built again.
    package init(
        _ configuration: KeyManagerConfiguration, state: GroupState, revision: UInt64, random: Random,
        now: ContinuousClock.Instant
    ) throws(KeyTreeError) {
        self.configuration = configuration
        self.state = state
        self.random = random
        let limits = configuration.limits
        trees = try GroupTrees(configuration, state: state)
        registrar = RegistrarEngine(configuration.registrar, now: now, using: &self.random)
        ledger = CommitLedger(revision: revision)
        waiting = WaitingMembership(limits: limits)
        links = LinkBook(group: configuration.group, identity: configuration.identity)
        delivery = RekeyDelivery(limits: limits, now: now)
        leases = LeaseTable(lease: limits.lease)
        pulse = BeaconPulse(limits: limits)
        feed = ForwarderFeed(own: configuration.entry)
        leader = LeaderState(fence: limits.leaderFence, began: now, time: configuration.time)
        for record in state.credentials.values { registrar.handle(.loaded(record), now: now, using: &self.random) }
        for member in state.members.keys { leases.began(member, now: now) }
    }

    /// The epoch of the hardened tree.
    package var epoch: UInt32 { trees.hardened.epoch }
    /// The members, as far as they are durable.
    package var members: [UInt32: MemberRecord] { state.members }
    /// Whether it leads.
    package var isLeading: Bool { leader.phase == .leading }

    /// Takes an input.
    package mutating func handle(_ input: Input, now: ContinuousClock.Instant) {
        switch input {
        case .committed(let revision): committed(revision: revision, now: now)
        case .conflict: conflicted(now: now)
        case .outdated: outdated()
        case .reread(let state, let revision): reread(state, revision: revision, now: now)
        case .leaseRenewed(let instant):
            leader.renewed(sentAt: instant)
            releaseWithheld(now: now)
        case .forwarders(let entries, let certificates): setForwarders(entries, certificates)
        case .addresses(let addresses): setAddresses(addresses)
        case .certified(let certificate): setCertificate(certificate)
        case .evict, .enroll, .strikeOff, .bridge:
            if mayAct(now: now) {
                act(on: input, now: now)
            } else if !leader.postpone(input) {
                outputs.append(.event(.refused))
            }
        default: if mayAct(now: now) { act(on: input, now: now) }
        }
        advance(now: now)
    }

    /// The next thing to do; nil when all is done.
    package mutating func nextOutput() -> Output? { outputs.next() }

    /// Whether it leads, and its lease is held.
    func mayAct(now: ContinuousClock.Instant) -> Bool { leader.phase == .leading && leader.isHeld(now: now) }

    mutating func act(on input: Input, now: ContinuousClock.Instant) {
        switch input {
        case .datagram(let bytes, let source): receive(bytes, from: source, now: now)
        case .worked(let id, let result):
            registrar.handle(.worked(id, result), now: now, using: &random)
            serveRegistrar(now: now)
        case .evict(let device, let isUrgent):
            if let record = state.member(of: device) { remove(record, .evicted, isUrgent: isUrgent, now: now) }
        case .enroll(let record): wait(for: .administrative(.enrolled(record)))
        case .strikeOff(let device):
            wait(for: .administrative(.struckOff(device)))
            if let record = state.member(of: device) { remove(record, .evicted, isUrgent: true, now: now) }
        case .bridge(let device, let patterns): wait(for: .administrative(.bridged(device, patterns)))
        case .snapshotWanted: tellForwardersEverything()
        case .committed, .conflict, .outdated, .reread, .leaseRenewed, .forwarders, .addresses, .certified, .wake: break
        }
    }

    private mutating func receive(_ bytes: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant) {
        switch DatagramClass(bytes) {
        case .plain, .refused: return
        case .clear(_, let type):
            guard type.isRegistration else { return }
            registrar.handle(.datagram(bytes, from: source), now: now, using: &random)
            serveRegistrar(now: now)
        case .sealed(let header): receiveSealed(bytes, header, from: source, now: now)
        }
    }
}

/// Something that happened at the key manager.
package enum KeyManagerEvent: Hashable, Sendable {
    /// A device is a member; it is told so.
    case joined(DeviceID, member: UInt32)
    /// A member is none any more.
    case departed(DeviceID, member: UInt32)
    /// The hardened tree is in this epoch.
    case rekeyed(epoch: UInt32, members: Int)
    /// Another key manager leads.
    case deposed
    /// An administrator's command was not taken, because another key manager leads or the lease is over.
    case refused
    /// The registrar's own events.
    case registrar(RegistrarEvent)
}
