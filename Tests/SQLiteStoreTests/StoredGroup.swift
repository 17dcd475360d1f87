import Crypto
import GroupKeys
import NetworkTypes
import SQLiteStore
import TestKit

@testable import SUPnP

/// A key manager on the store in SQLite, and members that hear it without a network between them, in virtual time.
final class StoredGroup {
    final class Manager {
        var engine: KeyManager<SeededGenerator>
        var wakeAt: ContinuousClock.Instant?
        /// It is killed at its next output once it has done so many.
        var outputsLeft = Int.max

        init(_ engine: consuming KeyManager<SeededGenerator>) { self.engine = engine }
    }

    final class Node {
        var engine: Member<SeededGenerator>
        let address: SocketEndpoint
        var wakeAt: ContinuousClock.Instant?

        init(_ engine: consuming Member<SeededGenerator>, address: SocketEndpoint) {
            self.engine = engine
            self.address = address
        }
    }

    let folder: TemporaryFolder
    private(set) var gateway: SQLiteGatewayStore
    private(set) var manager: Manager?
    private(set) var nodes: [String: Node] = [:]
    /// What all commits that were acknowledged have made, by the rules of the state alone.
    private(set) var truth = GroupState()
    /// The confirmations with which each epoch was multicast.
    private(set) var epochs: [UInt32: Set<[UInt8]>] = [:]
    var random: SeededGenerator
    private var clock = VirtualClock()
    private var datagrams: [(bytes: [UInt8], from: SocketEndpoint, to: SocketEndpoint?)] = []
    private var codes: [String: SetupCode] = [:]
    private let group: GroupID
    private let root = Curve25519.Signing.PrivateKey()
    private let fakeKey: SecretBytes
    private let address = SocketEndpoint(.v4(IPv4Address(10, 0, 0, 1)), port: 58_081)

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        group = GroupID(using: &random)
        fakeKey = SecretBytes(count: 32, using: &random)
        folder = try TemporaryFolder()
        gateway = try SQLiteGatewayStore(folder: folder.path)
    }

    /// The secret of the key manager's epoch.
    var epochSecret: SecretBytes? { manager?.engine.trees.hardened.epochSecret }

    func close() throws { try gateway.close() }

    /// A process starts on what is in the file; gives the state that it has found, and whether that is what was committed.
    func start() async throws -> (state: GroupState, isTrue: Bool) {
        try gateway.close()
        gateway = try SQLiteGatewayStore(folder: folder.path)
        let loaded = try await gateway.groups.load()
        let isTrue = loaded.state == truth
        guard let id = ControllerID(1) else { return (loaded.state, isTrue) }
        let key = Curve25519.Signing.PrivateKey()
        let certificate = try ControllerCertificate.issue(
            id, roles: .keyManager, notAfter: 7 * 86_400, serial: UInt32.random(in: 1...999_999, using: &random),
            key: key.publicKey, group: group, root: root)
        var configuration = KeyManagerConfiguration(
            identity: ControllerIdentity(
                id: id, boot: BootID(using: &random), signingKey: key, certificate: certificate),
            address: address, group: group, root: root.publicKey, suite: .hardenedAESGCM,
            multicast: SocketEndpoint(.v4(IPv4Address(239, 255, 83, 80)), port: 58_080), fakeKey: fakeKey)
        configuration.treeLimits = KeyTreeLimits(height: 8, locksMemory: false)
        configuration.registrar.derivation = .testOnly
        configuration.registrar.limits.deviceRunsPerMinute = 1_000
        configuration.registrar.limits.sourceBurst = 1_000
        configuration.journalLimit = 3
        manager = Manager(
            try KeyManager(
                configuration, state: loaded.state, revision: loaded.revision,
                random: SeededGenerator(seed: random.next()), now: clock.now))
        try await tell(.wake)
        return (loaded.state, isTrue)
    }

    func kill() {
        manager = nil
        datagrams = datagrams.filter { $0.to != address }
    }

    func enroll(_ name: String) async throws {
        let code = SetupCode(using: &random)
        codes[name] = code
        guard let id = DeviceID(name),
            let record = CredentialRecord.provision(
                id: id, code: code, groupID: group.bytes, roles: .server, derivation: .testOnly, using: &random)
        else { return }
        try await tell(.enroll(record))
    }

    /// The device registers, whatever it was before.
    func join(_ name: String) {
        guard let id = DeviceID(name) else { return }
        var device = DeviceEngine.Configuration(id: id, code: codes[name]?.bytes)
        device.roles = .server
        device.takesTestDerivation = true
        let number = UInt8(codes.keys.sorted().firstIndex(of: name) ?? 0)
        let node = Node(
            Member(MemberConfiguration(device: device), random: SeededGenerator(seed: random.next())),
            address: SocketEndpoint(.v4(IPv4Address(10, 1, 0, number)), port: 40_000))
        nodes[name] = node
        tell(node, .start(controller: address))
    }

    func tell(_ node: Node, _ input: Member<SeededGenerator>.Input) {
        node.wakeAt = nil
        node.engine.handle(input, now: clock.now)
        while let output = node.engine.nextOutput() {
            switch output {
            case .transmit(let bytes, let target): datagrams.append((bytes, node.address, target))
            case .derive(let work): tell(node, .derived(work.run()))
            case .wake(let instant): node.wakeAt = min(node.wakeAt ?? instant, instant)
            case .keep, .joinMulticast, .leaveMulticast, .event: break
            }
        }
    }

    func tell(_ input: KeyManager<SeededGenerator>.Input) async throws {
        guard let manager else { return }
        manager.wakeAt = nil
        manager.engine.handle(input, now: clock.now)
        while let output = manager.engine.nextOutput() {
            guard manager.outputsLeft > 0 else { return kill() }
            manager.outputsLeft -= 1
            switch output {
            case .transmit(let bytes, let target): datagrams.append((bytes, address, target))
            case .multicast(let bytes):
                if let packet = try? UnverifiedRekeyPacket(bytes) {
                    epochs[packet.fields.epoch, default: []].insert(packet.fields.confirmation)
                }
                datagrams.append((bytes, address, nil))
            case .commit(let changes, let expected):
                let revision = try await gateway.groups.commit(changes, expectedRevision: expected)
                if revision != nil { truth.apply(changes) }
                // Between the commit and its answer is a moment to die in, too.
                guard manager.outputsLeft > 0 else { return kill() }
                try await tell(revision.map { .committed(revision: $0) } ?? .conflict)
            case .reread:
                let loaded = try await gateway.groups.load()
                try await tell(.reread(loaded.state, revision: loaded.revision))
            case .work(let work): try await tell(.worked(work.id, work.run()))
            case .wake(let instant): manager.wakeAt = min(manager.wakeAt ?? instant, instant)
            case .forwarder, .event: break
            }
            guard self.manager != nil else { return }
        }
    }

    /// Runs for a while.
    func run(for duration: Duration) async throws {
        let end = clock.now + duration
        while true {
            if !datagrams.isEmpty {
                let next = datagrams.removeFirst()
                if next.to == address {
                    try await tell(.datagram(next.bytes, from: next.from))
                } else {
                    for name in nodes.keys.sorted() {
                        guard let node = nodes[name], next.to == nil || next.to == node.address else { continue }
                        tell(node, .datagram(next.bytes, from: next.from))
                    }
                }
                continue
            }
            let due = (nodes.values.map(\.wakeAt) + [manager?.wakeAt]).compactMap { $0 }.min()
            guard let due, due <= end else { break }
            clock.advance(to: max(due, clock.now))
            if let at = manager?.wakeAt, at <= clock.now { try await tell(.wake) }
            for name in nodes.keys.sorted() {
                if let node = nodes[name], let at = node.wakeAt, at <= clock.now { tell(node, .wake) }
            }
        }
        clock.advance(to: max(end, clock.now))
    }
}
