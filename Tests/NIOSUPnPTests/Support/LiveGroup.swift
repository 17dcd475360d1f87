import Crypto
import GroupKeys
import Logging
import NIOCore
import NIOPosix
import NetworkTypes
import SUPnP
import Synchronization

@testable import NIOSUPnP

typealias Random = SystemRandomNumberGenerator

/// A group on real sockets: a key manager, a forwarder and members, each a host of its own on one event loop.
final class LiveGroup: Sendable {
    let group: GroupID
    let root = Curve25519.Signing.PrivateKey()
    let fakeKey: SecretBytes
    let links: [InterfaceAddress]
    let multicast: SocketEndpoint
    let eventLoop: any EventLoop
    private let store = Mutex((state: GroupState(), revision: UInt64(1)))
    private let codes = Mutex<[String: SetupCode]>([:])
    private let addresses = Mutex<[UInt32: SocketEndpoint]>([:])
    private let hosts = Mutex<(MachineHost<KeyManager<Random>>?, MachineHost<Forwarder<Random>>?)>((nil, nil))

    init(links: [InterfaceAddress], multicast: SocketEndpoint, eventLoop: any EventLoop) {
        var random = Random()
        group = GroupID(using: &random)
        fakeKey = SecretBytes(count: 32, using: &random)
        self.links = links
        self.multicast = multicast
        self.eventLoop = eventLoop
    }

    /// Runs a group while `body` runs.
    static func run(
        links: [InterfaceAddress], multicast: SocketEndpoint,
        _ body: @escaping @Sendable (LiveGroup) async throws -> Void
    ) async throws {
        let live = LiveGroup(
            links: links, multicast: multicast, eventLoop: MultiThreadedEventLoopGroup.singleton.next())
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            try await live.start(in: &tasks)
            try await body(live)
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    var keyManager: MachineHost<KeyManager<Random>>? { hosts.withLock { $0.0 } }
    var forwarder: MachineHost<Forwarder<Random>>? { hosts.withLock { $0.1 } }
    var keyManagerAddress: SocketEndpoint? { addresses.withLock { $0[1] } }

    /// Where all its sockets are that are spoken to.
    func places(_ members: [LiveMember]) -> [SocketEndpoint] {
        addresses.withLock { Array($0.values) } + members.compactMap(\.address)
    }

    private func start(in tasks: inout ThrowingTaskGroup<Void, any Error>) async throws {
        let keyManager = try makeKeyManager()
        let forwarder = try makeForwarder()
        hosts.withLock { $0 = (keyManager.host, forwarder.host) }
        try await Self.run(keyManager.host, in: &tasks) { endpoints in
            self.addresses.withLock { $0[1] = endpoints.first }
        }
        try await Self.run(forwarder.host, in: &tasks) { endpoints in
            self.addresses.withLock { $0[2] = endpoints.first }
        }
        guard let address = addresses.withLock({ $0[2] }) else { throw CancellationError() }
        let identity = forwarder.identity
        let entry = ControllerEntry(id: identity.id, boot: identity.boot, address: address)
        keyManager.host.tell(.forwarders([entry], certificates: [identity.certificate]))
        keyManager.host.tell(.snapshotWanted)
        tasks.addTask {
            // The composition's part: in one process the forwarder's lease holds as long as the key manager's state.
            while !Task.isCancelled {
                forwarder.host.tell(.leaseRenewed(sentAt: .now))
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    /// Runs a host beside a test; returns when its sockets are open.
    static func run<Machine: ~Copyable>(
        _ host: MachineHost<Machine>, in tasks: inout ThrowingTaskGroup<Void, any Error>,
        onOpen: @escaping @Sendable ([SocketEndpoint]) -> Void = { _ in }
    ) async throws {
        let (opened, told) = AsyncThrowingStream.makeStream(of: Void.self)
        tasks.addTask {
            do {
                try await host.run { endpoints in
                    onOpen(endpoints)
                    told.yield()
                }
                told.finish()
            } catch {
                told.finish(throwing: error)
                throw error
            }
        }
        for try await _ in opened { return }
    }

    // MARK: Controllers

    private func identity(_ number: UInt32, roles: ControllerRoles) throws -> ControllerIdentity {
        guard let id = ControllerID(number) else { throw CancellationError() }
        var random = Random()
        let key = Curve25519.Signing.PrivateKey()
        let certificate = try ControllerCertificate.issue(
            id, roles: roles, notAfter: 7 * 86_400, serial: number, key: key.publicKey, group: group, root: root)
        return ControllerIdentity(id: id, boot: BootID(using: &random), signingKey: key, certificate: certificate)
    }

    private func makeKeyManager() throws -> (host: MachineHost<KeyManager<Random>>, identity: ControllerIdentity) {
        let identity = try identity(1, roles: .keyManager)
        let sockets = MachineSockets(links: links, multicast: [multicast])
        let host = MachineHost<KeyManager<Random>>(sockets, eventLoop: eventLoop, logger: Logger(label: "test")) {
            now in
            guard let address = self.keyManagerAddress else { throw CancellationError() }
            var configuration = KeyManagerConfiguration(
                identity: identity, address: address, group: self.group, root: self.root.publicKey,
                suite: .hardenedAESGCM, multicast: self.multicast, fakeKey: self.fakeKey)
            configuration.treeLimits = KeyTreeLimits(height: 12, locksMemory: false)
            configuration.classicHeight = 4
            configuration.registrar.derivation = .testOnly
            return try KeyManager(
                configuration, state: self.store.withLock(\.state), revision: self.store.withLock(\.revision),
                random: Random(), now: now)
        } effect: {
            self.perform($0)
        }
        return (host, identity)
    }

    private func perform(_ effect: KeyManager<Random>.Effect) {
        switch effect {
        case .commit(let changes, let expected):
            let revision = store.withLock { store in
                guard store.revision == expected else { return UInt64?.none }
                store.state.apply(changes)
                store.revision += 1
                return store.revision
            }
            keyManager?.tell(revision.map { .committed(revision: $0) } ?? .conflict)
        case .reread:
            let (state, revision) = store.withLock { $0 }
            keyManager?.tell(.reread(state, revision: revision))
        case .work(let work): keyManager?.tell(.worked(work.id, work.run()))
        case .forwarder(let event): forwarder?.tell(.event(event))
        case .event: break
        }
    }

    private func makeForwarder() throws -> (host: MachineHost<Forwarder<Random>>, identity: ControllerIdentity) {
        let identity = try identity(2, roles: .forwarder)
        let sockets = MachineSockets(links: links, multicast: [multicast])
        let host = MachineHost<Forwarder<Random>>(sockets, eventLoop: eventLoop, logger: Logger(label: "test")) { _ in
            Forwarder(
                ForwarderConfiguration(identity: identity, group: self.group, suite: .hardenedAESGCM),
                random: Random())
        } effect: { effect in
            switch effect {
            case .relay(let bytes, let source): self.keyManager?.tell(.datagram(bytes, from: source))
            case .needsSnapshot: self.keyManager?.tell(.snapshotWanted)
            }
        }
        return (host, identity)
    }

    // MARK: Devices

    func enroll(_ name: String, roles: DeviceRoles, services: [String] = []) throws {
        var random = Random()
        let code = SetupCode(using: &random)
        codes.withLock { $0[name] = code }
        guard let id = DeviceID(name),
            var record = CredentialRecord.provision(
                id: id, code: code, groupID: group.bytes, roles: roles, derivation: .testOnly, using: &random)
        else { throw CancellationError() }
        record.servicePatterns = services
        keyManager?.tell(.enroll(record))
    }

    func member(
        _ name: String, roles: DeviceRoles, offers: [ServiceOffer] = [], links: [InterfaceAddress]? = nil
    ) throws -> LiveMember {
        guard let id = DeviceID(name), let code = codes.withLock({ $0[name] }) else { throw CancellationError() }
        var device = DeviceEngine.Configuration(id: id, code: code.bytes)
        device.roles = roles
        device.takesTestDerivation = true
        var configuration = MemberConfiguration(device: device)
        configuration.offers = offers
        return LiveMember(configuration, links: links ?? self.links, eventLoop: eventLoop)
    }
}
