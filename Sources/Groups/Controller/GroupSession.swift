import Crypto
import Logging
import NIOCore
import NIOSUPnP
import NetworkTypes
import SUPnP
import Synchronization

typealias KeyManagerMachine = KeyManager<SystemRandomNumberGenerator>
typealias ForwarderMachine = Forwarder<SystemRandomNumberGenerator>

/// One run of a controller: a key manager and a forwarder on sockets, each on an event loop of its own, and what they
/// need of each other and of the store.
final class GroupSession: Sendable {
    /// What a session is made of.
    struct Parts: Sendable {
        let configuration: GroupControllerConfiguration
        let store: any GroupStore
        let ledger: GroupLedger
        let links: [InterfaceAddress]
        let eventLoopGroup: any EventLoopGroup
        let logger: Logger
        let report: @Sendable (GroupControllerEvent) -> Void
    }

    private let parts: Parts
    private let clock: GroupClock
    private let wires: Wires
    private let credentials: ControllerCredentials
    private let desk: GroupStoreDesk
    private let pool: RegistrarPool
    private let keyManager: MachineHost<KeyManagerMachine>
    private let forwarder: MachineHost<ForwarderMachine>?
    private let events: AsyncStream<KeyManagerEvent>
    private let links: Mutex<[InterfaceAddress]>

    /// Starts from the durable state. Throws when it cannot be built again.
    init(_ parts: Parts, clock: GroupClock, state: GroupState, revision: UInt64) throws {
        self.parts = parts
        let configuration = parts.configuration
        let credentials = try ControllerCredentials(
            group: configuration.identity, lifetime: configuration.certificateLifetime, time: clock.start)
        let desk = GroupStoreDesk(
            store: parts.store, ledger: parts.ledger, attempts: configuration.storeAttempts, logger: parts.logger)
        let pool = RegistrarPool(width: max(1, System.coreCount - 1))
        let (events, event) = AsyncStream.makeStream(
            of: KeyManagerEvent.self, bufferingPolicy: .bufferingOldest(65_536))
        let wires = Wires()
        let forwarder =
            configuration.runsForwarder
            ? Self.forwarder(parts, identity: credentials.forwarder, wires: wires) : nil
        let keyManager = MachineHost<KeyManagerMachine>(
            configuration.sockets(port: configuration.keyManagerPort, links: parts.links),
            eventLoop: parts.eventLoopGroup.next(), logger: parts.logger
        ) { now in
            try KeyManager(
                Self.keyManagerConfiguration(
                    configuration, credentials.keyManager, links: parts.links, time: clock.time(at: now)),
                state: state, revision: revision, random: SystemRandomNumberGenerator(), now: now)
        } effect: { effect in
            switch effect {
            case .commit(let changes, let expected): desk.commit(changes, expectedRevision: expected)
            case .reread: desk.reread()
            case .work(let work): pool.add(work)
            case .forwarder(let numbered):
                if case .snapshotBegan = numbered.event { wires.snapshotBegan() }
                forwarder?.tell(.event(numbered))
            case .event(let happened): event.yield(happened)
            }
        }
        wires.connect(keyManager)
        (self.clock, self.wires) = (clock, wires)
        (self.credentials, self.desk, self.pool) = (credentials, desk, pool)
        (self.keyManager, self.forwarder, self.events) = (keyManager, forwarder, events)
        links = Mutex(parts.links)
    }

    private static func forwarder(
        _ parts: Parts, identity: ControllerIdentity, wires: Wires
    ) -> MachineHost<ForwarderMachine> {
        let configuration = parts.configuration
        return MachineHost(
            configuration.sockets(port: configuration.forwarderPort, links: parts.links),
            eventLoop: parts.eventLoopGroup.next(), logger: parts.logger
        ) { _ in
            var setUp = ForwarderConfiguration(
                identity: identity, group: configuration.identity.groupID, suite: configuration.identity.suite)
            setUp.limits = configuration.forwarder
            setUp.lease = configuration.lease
            setUp.acceptsUnencrypted = configuration.acceptsUnencrypted
            return Forwarder(setUp, random: SystemRandomNumberGenerator())
        } effect: { effect in
            switch effect {
            case .relay(let bytes, let source): wires.relay(bytes, from: source)
            case .needsSnapshot: wires.snapshotWanted()
            }
        }
    }

    private static func keyManagerConfiguration(
        _ configuration: GroupControllerConfiguration, _ identity: ControllerIdentity, links: [InterfaceAddress],
        time: UInt64
    ) throws(GroupControllerError) -> KeyManagerConfiguration {
        let group = configuration.identity
        let setUp = KeyManagerConfiguration(
            identity: identity, addresses: links.told.map { $0.endpoint(port: configuration.keyManagerPort) },
            group: group.groupID, root: group.root.publicKey, suite: group.suite, multicast: configuration.multicast,
            fakeKey: group.fakeKey)
        guard var setUp else { throw .noSocket("there is no address to serve it on") }
        setUp.registrar.limits = configuration.registrar
        setUp.limits = configuration.keyManager
        setUp.time = time
        // What is condensed away cannot be stolen: a quiet home must not keep the keys of years in its journal.
        setUp.journalLimit = 64
        return setUp
    }

    /// The boot under which this session's key manager leads.
    var boot: BootID { credentials.keyManager.boot }

    /// Where devices are registered.
    var addresses: [SocketEndpoint] {
        links.withLock { $0 }.told.map { $0.endpoint(port: parts.configuration.keyManagerPort) }
    }

    /// The devices that are being struck off. The lock is held over what is decided from it and told of it.
    let departing = Mutex<Set<DeviceID>>([])

    /// Gives the key manager an input.
    func tell(_ input: KeyManagerMachine.Input) { keyManager.tell(input) }

    /// Returns when the key manager and the forwarder have done what they were told so far: what is durable by now has
    /// been sent by then.
    func settle() async throws {
        try await keyManager.perform { _, _ in }
        try await forwarder?.perform { _, _ in }
    }

    /// Works until cancelled. `onServing` is told when devices are served.
    func run(onServing: @escaping @Sendable () -> Void) async throws {
        defer { wires.disconnect() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            if let forwarder { try await open(forwarder, port: parts.configuration.forwarderPort, in: &group) }
            group.addTask { [desk, keyManager] in try await desk.run { keyManager.tell($0) } }
            group.addTask { [pool, keyManager] in await pool.run { keyManager.tell(.worked($0, $1)) } }
            try await open(keyManager, port: parts.configuration.keyManagerPort, in: &group)
            // It does nothing before it is told something.
            keyManager.tell(.wake)
            tellForwarders(credentials.forwarder.certificate)
            let lease = ForwarderLeaseKeeper(
                store: parts.store, ledger: parts.ledger, desk: desk, logger: parts.logger)
            group.addTask { [forwarder, keyManager] in
                try await lease.run {
                    forwarder?.tell(.leaseRenewed(sentAt: $0))
                } outdated: {
                    keyManager.tell(.outdated)
                }
            }
            group.addTask { try await self.renewCertificates() }
            group.addTask { try await self.follow() }
            onServing()
            try await group.next()
        }
    }

    /// Begins to run a machine, and returns once it is bound. Tells where it is not.
    private func open<Machine>(
        _ host: MachineHost<Machine>, port: UInt16, in group: inout ThrowingTaskGroup<Void, any Error>
    ) async throws where Machine: DatagramMachine & ~Copyable {
        let (opened, open) = AsyncStream.makeStream(of: [SocketEndpoint].self)
        group.addTask {
            defer { open.finish() }
            do {
                try await host.run { open.yield($0) }
            } catch let error as IOError {
                throw GroupControllerError.noSocket("\(error)")
            }
        }
        for await bound in opened {
            let missing = links.withLock { $0 }.filter { link in !bound.contains { $0.address == link.address } }
            if !missing.isEmpty { parts.report(.notBound(missing.map { $0.endpoint(port: port) })) }
            return
        }
        // It ended before it was open: its error comes out of the group.
        try await group.next()
        throw CancellationError()
    }

    /// The chosen interfaces have these addresses now.
    func setLinks(_ fresh: [InterfaceAddress]) {
        let isNew = links.withLock { links in
            defer { links = fresh }
            return links != fresh
        }
        guard isNew else { return }
        keyManager.setLinks(fresh)
        forwarder?.setLinks(fresh)
        keyManager.tell(.addresses(addresses))
        tellForwarders(certificate.withLock { $0 } ?? credentials.forwarder.certificate)
        parts.report(.moved(addresses))
    }

    private let certificate = Mutex<ControllerCertificate?>(nil)

    /// The forwarder as members are to know it.
    private func tellForwarders(_ certificate: ControllerCertificate) {
        self.certificate.withLock { $0 = certificate }
        let port = parts.configuration.forwarderPort
        guard forwarder != nil,
            let entry = ControllerEntry(
                id: credentials.forwarder.id, boot: credentials.forwarder.boot,
                addresses: links.withLock { $0 }.told.map { $0.endpoint(port: port) })
        else { return }
        keyManager.tell(.forwarders([entry], certificates: [certificate]))
    }

    private func renewCertificates() async throws {
        while true {
            try await Task.sleep(for: parts.configuration.certificateLifetime / 2)
            let fresh = try credentials.renewed(time: clock.time(at: .now))
            keyManager.tell(.certified(fresh.keyManager))
            tellForwarders(fresh.forwarder)
        }
    }

    /// Tells what happens, off the event loop.
    private func follow() async throws {
        for await event in events {
            switch event {
            case .joined(let device, let member): parts.report(.joined(device, member: member))
            case .departed(let device, let member): parts.report(.departed(device, member: member))
            case .rekeyed(let epoch, let servers):
                parts.report(
                    .epoch(epoch, members: parts.ledger.read { $0.members.count }, servers: servers))
            case .deposed: throw GroupControllerError.changedElsewhere
            case .refused: parts.logger.warning("a command came while the key manager could not lead")
            case .registrar(.unproven(let device, let source)): parts.report(.unproven(device, from: source))
            case .registrar(let other): parts.logger.debug("registrar", metadata: ["event": "\(other)"])
            }
        }
    }
}

extension [InterfaceAddress] {
    /// In the order in which members are told of them, since they are told of a few: first of one of each family on each
    /// interface, IPv4 before IPv6, and of IPv6 not the link-local one if there is another.
    var told: [InterfaceAddress] {
        var rounds: [[InterfaceAddress]] = [[], [], []]
        var seen: Set<String> = []
        for link in filter({ !$0.address.isLinkLocal }) + filter(\.address.isLinkLocal) {
            let isIPv4 = if case .v4 = link.address { true } else { false }
            let isFirst = seen.insert("\(link.interface) \(isIPv4)").inserted
            rounds[isFirst ? (isIPv4 ? 0 : 1) : 2].append(link)
        }
        return rounds.flatMap(\.self)
    }
}

extension GroupControllerConfiguration {
    fileprivate func sockets(port: UInt16, links: [InterfaceAddress]) -> MachineSockets {
        MachineSockets(links: links, port: port, multicast: multicast)
    }
}
