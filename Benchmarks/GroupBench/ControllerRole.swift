import Crypto
import Foundation
import GroupKeys
import Logging
import NIOCore
import NIOPosix
import NIOSUPnP
import NetworkTypes
import SUPnP
import Synchronization

typealias Random = SystemRandomNumberGenerator
let quiet = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }

/// A key manager and a forwarder in one process, each on a thread of its own, so that the forwarder's time is known.
final class ControllerRole: Sendable {
    static let service = "urn:latchkey:service:Bench:1"

    private let arguments: BenchArguments
    private let links: [InterfaceAddress]
    private let multicast: SocketEndpoint
    private let group: GroupID
    private let root = Curve25519.Signing.PrivateKey()
    private let fakeKey: SecretBytes
    private let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    private let keyManagerLoop: any EventLoop
    private let forwarderLoop: any EventLoop
    private let store = Mutex((state: GroupState(), revision: UInt64(1)))
    private let addresses = Mutex<[UInt32: SocketEndpoint]>([:])
    private let hosts = Mutex<(MachineHost<KeyManager<Random>>?, MachineHost<Forwarder<Random>>?)>((nil, nil))

    init(_ arguments: BenchArguments) throws {
        self.arguments = arguments
        links = try BenchLinks.links(arguments)
        multicast = BenchLinks.multicast(arguments)
        var random = Random()
        group = GroupID(using: &random)
        fakeKey = SecretBytes(count: 32, using: &random)
        keyManagerLoop = loops.next()
        forwarderLoop = loops.next()
    }

    static func run(_ arguments: BenchArguments) async throws {
        let role = try ControllerRole(arguments)
        let changes = try role.enroll()
        role.store.withLock { $0.state.apply(changes) }
        let keyManager = try role.keyManager()
        let (forwarder, identity) = try role.forwarder()
        role.hosts.withLock { $0 = (keyManager, forwarder) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            await role.open(keyManager, number: 1, in: &tasks)
            await role.open(forwarder, number: 2, in: &tasks)
            guard let own = role.addresses.withLock({ $0[1] }), let other = role.addresses.withLock({ $0[2] }) else {
                throw BenchFailure("the controllers' sockets did not open")
            }
            let entry = ControllerEntry(id: identity.id, boot: identity.boot, address: other)
            keyManager.tell(.forwarders([entry], certificates: [identity.certificate]))
            keyManager.tell(.snapshotWanted)
            tasks.addTask {
                while !Task.isCancelled {
                    forwarder.tell(.leaseRenewed(sentAt: .now))
                    try? await Task.sleep(for: .milliseconds(500))
                }
            }
            printLine(["role": "controller", "ready": true, "keyManager": own.description])
            for await line in inputLines() { try await role.answer(line) }
            tasks.cancelAll()
        }
    }

    private func open<Machine: ~Copyable>(
        _ host: MachineHost<Machine>, number: UInt32, in tasks: inout ThrowingTaskGroup<Void, any Error>
    ) async {
        let (opened, told) = AsyncStream.makeStream(of: Void.self)
        tasks.addTask {
            defer { told.finish() }
            try await host.run { endpoints in
                self.addresses.withLock { $0[number] = endpoints.first }
                told.finish()
            }
        }
        for await _ in opened {}
    }

    private func answer(_ line: String) async throws {
        let words = line.split(separator: " ").map(String.init)
        switch words.first {
        case "report":
            let forwarder = try await forwarderLoop.submit { Resources.thread }.get()
            let keyManager = try await keyManagerLoop.submit { Resources.thread }.get()
            printLine([
                "forwarder_seconds": forwarder, "key_manager_seconds": keyManager,
                "process_seconds": Resources.process, "mib": Resources.mebibytes,
            ])
        case "evict":
            guard let id = words.dropFirst().first.flatMap({ DeviceID($0) }) else { break }
            let at = Resources.nanoseconds
            hosts.withLock { $0.0 }?.tell(.evict(id, isUrgent: true))
            printLine(["at": at])
        default: printLine([:])
        }
    }

    // MARK: The group

    /// Makes the devices, and the roster that says their codes.
    private func enroll() throws -> [StateChange] {
        var random = Random()
        var changes: [StateChange] = []
        var roster = ""
        let servers = (0..<arguments.number("servers", 50)).map { "server-\($0)" }
        let clients = (0..<arguments.number("clients", 32)).map { "client-\($0)" }
        for name in servers + clients {
            let code = SetupCode(using: &random)
            guard let id = DeviceID(name),
                var record = CredentialRecord.provision(
                    id: id, code: code, groupID: group.bytes, roles: name.hasPrefix("server") ? .server : .client,
                    derivation: .testOnly, using: &random)
            else { throw BenchFailure("a device could not be made") }
            record.servicePatterns = [Self.service]
            changes.append(.enrolled(record))
            roster += "\(name) \(code.exposedText)\n"
        }
        try roster.write(toFile: arguments.text("roster", "roster"), atomically: true, encoding: .utf8)
        return changes
    }

    private func identity(_ number: UInt32, roles: ControllerRoles) throws -> ControllerIdentity {
        guard let id = ControllerID(number) else { throw BenchFailure("no such controller") }
        var random = Random()
        let key = Curve25519.Signing.PrivateKey()
        let certificate = try ControllerCertificate.issue(
            id, roles: roles, notAfter: 7 * 86_400, serial: number, key: key.publicKey, group: group, root: root)
        return ControllerIdentity(id: id, boot: BootID(using: &random), signingKey: key, certificate: certificate)
    }

    private func keyManager() throws -> MachineHost<KeyManager<Random>> {
        let identity = try identity(1, roles: .keyManager)
        let sockets = MachineSockets(links: links, multicast: [multicast])
        return MachineHost(sockets, eventLoop: keyManagerLoop, logger: quiet) { now in
            guard let address = self.addresses.withLock({ $0[1] }) else { throw BenchFailure("no address") }
            var configuration = KeyManagerConfiguration(
                identity: identity, address: address, group: self.group, root: self.root.publicKey,
                suite: .hardenedAESGCM, multicast: self.multicast, fakeKey: self.fakeKey)
            configuration.registrar.derivation = .testOnly
            configuration.registrar.limits = .unhurried
            let (state, revision) = self.store.withLock { $0 }
            return try KeyManager(configuration, state: state, revision: revision, random: Random(), now: now)
        } effect: {
            self.perform($0)
        }
    }

    private func perform(_ effect: KeyManager<Random>.Effect) {
        let (keyManager, forwarder) = hosts.withLock { $0 }
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

    private func forwarder() throws -> (MachineHost<Forwarder<Random>>, ControllerIdentity) {
        let identity = try identity(2, roles: .forwarder)
        let sockets = MachineSockets(links: links, multicast: [multicast])
        let host = MachineHost<Forwarder<Random>>(sockets, eventLoop: forwarderLoop, logger: quiet) { _ in
            var configuration = ForwarderConfiguration(
                identity: identity, group: self.group, suite: .hardenedAESGCM)
            // A home's limits would be what is measured.
            configuration.limits.requestsPerSecond = 1_000_000
            configuration.limits.burst = 1_000_000
            configuration.limits.openPerClient = 65_536
            configuration.limits.rememberFor = .seconds(1)
            if self.arguments.text("signatures", "burst") == "each" { configuration.broadcastsPerSignature = 1 }
            return Forwarder(configuration, random: Random())
        } effect: { effect in
            let keyManager = self.hosts.withLock { $0.0 }
            switch effect {
            case .relay(let bytes, let source): keyManager?.tell(.datagram(bytes, from: source))
            case .needsSnapshot: keyManager?.tell(.snapshotWanted)
            }
        }
        return (host, identity)
    }
}

extension RegistrarLimits {
    /// A home's limits against guessing and flooding would be what is measured.
    static var unhurried: RegistrarLimits {
        var limits = RegistrarLimits()
        limits.runsPerSecond = 100_000
        limits.workingRuns = 1_024
        limits.sourceBurst = 100_000
        limits.sourceRate = 100_000
        limits.deviceRunsPerMinute = 1_000
        return limits
    }
}
