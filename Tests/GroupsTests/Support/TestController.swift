import Crypto
import GroupKeys
import Logging
import NIOCore
import NIOPosix
import NIOSUPnP
import NIOUPnP
import NetworkTypes
import SUPnP
import Synchronization
import UPnP

@testable import Groups

/// A group's key manager and forwarder on real sockets of the test interface, announced by UPnP, with its state in memory.
final class TestController: Sendable {
    typealias KeyManagerHost = MachineHost<KeyManager<SystemRandomNumberGenerator>>
    typealias ForwarderHost = MachineHost<Forwarder<SystemRandomNumberGenerator>>

    struct Store {
        var state = GroupState()
        var revision: UInt64 = 1
    }

    let group: GroupID
    let root = Curve25519.Signing.PrivateKey()
    let fakeKey: SecretBytes
    let ssdp: SSDPConfiguration
    let links: [InterfaceAddress]
    let multicast: SocketEndpoint
    let store = Mutex(Store())
    let events = AsyncStream.makeStream(of: KeyManagerEvent.self)
    private let keyManagerHost = Mutex<KeyManagerHost?>(nil)
    private let forwarderHost = Mutex<ForwarderHost?>(nil)

    private let place = Mutex<SocketEndpoint?>(nil)

    init() throws {
        var random = SystemRandomNumberGenerator()
        group = GroupID(using: &random)
        fakeKey = SecretBytes(count: 32, using: &random)
        ssdp = TestNetwork.ssdp()
        links = InterfaceSelection.named([TestNetwork.name]).links(of: try NetworkInterface.all(), families: .ipv4)
        multicast = SocketEndpoint(
            .v4(GroupAddresses.multicastIPv4), port: UInt16.random(in: 30_001...40_000))
    }

    var keyManager: KeyManagerHost? { keyManagerHost.withLock { $0 } }

    /// A member's configuration for this network.
    func member(_ id: String, code: SetupCode) -> GroupMemberConfiguration {
        var configuration = GroupMemberConfiguration(id: id, setupCode: code.exposedText)
        configuration.interfaces = .named([TestNetwork.name])
        configuration.families = .ipv4
        configuration.ssdp = ssdp
        // Another program's view: it does not know what this process sends.
        configuration.ssdp.ownTraffic = OwnTraffic()
        configuration.patience = .seconds(20)
        configuration.takesTestDerivation = true
        return configuration
    }

    /// Lets a device register.
    func enrol(_ id: String, roles: DeviceRoles, allows: [String] = []) throws -> SetupCode {
        var random = SystemRandomNumberGenerator()
        let code = SetupCode(using: &random)
        guard let device = DeviceID(id),
            var record = CredentialRecord.provision(
                id: device, code: code, groupID: group.bytes, roles: roles, derivation: .testOnly, using: &random)
        else { throw TestFailure("\(id) cannot be enrolled") }
        record.servicePatterns = allows
        keyManager?.tell(.enroll(record))
        return code
    }

    func strikeOff(_ id: String) throws {
        guard let device = DeviceID(id) else { throw TestFailure("no id") }
        keyManager?.tell(.strikeOff(device))
    }

    /// Works until cancelled. `onServing` is told when a device can register.
    func run(onServing: @escaping @Sendable () -> Void) async throws {
        let (places, placed) = AsyncStream.makeStream(of: SocketEndpoint.self)
        let keyManagerIdentity = try identity(1, .keyManager)
        let forwarderIdentity = try identity(2, .forwarder)
        let keyManager = makeKeyManager(keyManagerIdentity)
        keyManagerHost.withLock { $0 = keyManager }
        let forwarder = makeForwarder(forwarderIdentity)
        forwarderHost.withLock { $0 = forwarder }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            defer { tasks.cancelAll() }
            var next = places.makeAsyncIterator()
            tasks.addTask {
                try await keyManager.run { bound in
                    self.place.withLock { $0 = bound.first }
                    if let first = bound.first { placed.yield(first) }
                }
            }
            guard let keyManagerPlace = await next.next() else { throw TestFailure("no key manager") }
            tasks.addTask { try await forwarder.run { if let first = $0.first { placed.yield(first) } } }
            guard let forwarderPlace = await next.next() else { throw TestFailure("no forwarder") }
            let entry = ControllerEntry(
                id: forwarderIdentity.id, boot: forwarderIdentity.boot, address: forwarderPlace)
            keyManager.tell(.forwarders([entry], certificates: [forwarderIdentity.certificate]))
            tasks.addTask {
                while true {
                    let now = ContinuousClock.now
                    keyManager.tell(.leaseRenewed(sentAt: now))
                    forwarder.tell(.leaseRenewed(sentAt: now))
                    try await Task.sleep(for: .milliseconds(500))
                }
            }
            tasks.addTask { try await self.announce(keyManagerPlace.port, forwarderPlace.port, onServing) }
            try await tasks.next()
        }
    }

    private func identity(_ number: UInt32, _ roles: ControllerRoles) throws -> ControllerIdentity {
        let key = Curve25519.Signing.PrivateKey()
        guard let id = ControllerID(number) else { throw TestFailure("no controller's number") }
        let certificate = try ControllerCertificate.issue(
            id, roles: roles, notAfter: 86_400, serial: number, key: key.publicKey, group: group, root: root)
        var random = SystemRandomNumberGenerator()
        return ControllerIdentity(id: id, boot: BootID(using: &random), signingKey: key, certificate: certificate)
    }

    private func makeKeyManager(_ identity: ControllerIdentity) -> KeyManagerHost {
        KeyManagerHost(
            MachineSockets(links: links, port: 0, multicast: [multicast]),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: TestNetwork.logger
        ) { now in
            guard let place = self.place.withLock({ $0 }) else { throw TestFailure("not open") }
            var configuration = KeyManagerConfiguration(
                identity: identity, address: place, group: self.group, root: self.root.publicKey,
                suite: .hardenedAESGCM, multicast: self.multicast, fakeKey: self.fakeKey)
            configuration.treeLimits = KeyTreeLimits(height: 8, locksMemory: false)
            configuration.classicHeight = 4
            configuration.registrar.derivation = .testOnly
            let store = self.store.withLock { $0 }
            return try KeyManager(
                configuration, state: store.state, revision: store.revision, random: SystemRandomNumberGenerator(),
                now: now)
        } effect: { [weak self] effect in
            self?.perform(effect)
        }
    }

    private func perform(_ effect: KeyManager<SystemRandomNumberGenerator>.Effect) {
        guard let keyManager else { return }
        switch effect {
        case .commit(let changes, let expected):
            let revision: UInt64? = store.withLock { store in
                guard store.revision == expected else { return nil }
                store.state.apply(changes)
                store.revision += 1
                return store.revision
            }
            keyManager.tell(revision.map { .committed(revision: $0) } ?? .conflict)
        case .reread:
            let store = store.withLock { $0 }
            keyManager.tell(.reread(store.state, revision: store.revision))
        case .work(let work): keyManager.tell(.worked(work.id, work.run()))
        case .forwarder(let event): forwarderHost.withLock { $0 }?.tell(.event(event))
        case .event(let event): events.continuation.yield(event)
        }
    }

    private func makeForwarder(_ identity: ControllerIdentity) -> ForwarderHost {
        ForwarderHost(
            MachineSockets(links: links, port: 0, multicast: [multicast]),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: TestNetwork.logger
        ) { _ in
            Forwarder(
                ForwarderConfiguration(identity: identity, group: self.group, suite: .hardenedAESGCM),
                random: SystemRandomNumberGenerator())
        } effect: { [weak self] effect in
            switch effect {
            case .relay(let bytes, let source): self?.keyManager?.tell(.datagram(bytes, from: source))
            case .needsSnapshot: self?.keyManager?.tell(.snapshotWanted)
            }
        }
    }

    private func announce(
        _ keyManager: UInt16, _ forwarder: UInt16, _ onServing: @escaping @Sendable () -> Void
    ) async throws {
        let device = TestNetwork.device(
            group: group.bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(),
            keyManager: keyManager, forwarder: forwarder)
        var configuration = DeviceHostConfiguration(
            interface: TestNetwork.name, families: .ipv4, ssdp: ssdp)
        configuration.bootID = 1
        try await DeviceHost(
            configuration: configuration, devices: [device], eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: TestNetwork.logger
        ).run { _ in onServing() }
    }
}
