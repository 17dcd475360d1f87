import Crypto
import GroupKeys
import NetworkTypes
import TestKit

@testable import SUPnP

/// A group on a simulated network, in virtual time: a store, key managers, forwarders and members.
final class GroupWorld {
    static let multicast = SocketEndpoint(.v4(IPv4Address(239, 255, 83, 80)), port: 58_080)
    static let multicast6 = SocketEndpoint(
        .v6(IPv6Address(high: 0xFF05_0000_0000_0000, low: 0x0005_5350)), port: 58_080)

    /// Whether controllers have an IPv6 address too, and say so.
    var hasBothFamilies = false
    let seed: UInt64
    var clock = VirtualClock()
    var network: DatagramNetwork
    var store = MemoryGroupStore()
    var random: SeededGenerator
    let group: GroupID
    let root: Curve25519.Signing.PrivateKey
    let fakeKey: SecretBytes
    var keyManagers: [KeyManagerNode] = []
    var forwarders: [ForwarderNode] = []
    var members: [String: MemberNode] = [:]
    var codes: [String: SetupCode] = [:]
    var passwords: [String: ClassicPassword] = [:]
    /// What the store answers, and when.
    var storeAnswers = Timeline<(KeyManagerNode, KeyManager<SeededGenerator>.Input)>()
    var storeDelay: Duration = .milliseconds(1)
    var suite = Suite.hardenedAESGCM
    var adjustKeyManager: (inout KeyManagerConfiguration) -> Void = { _ in }
    var adjustForwarder: (inout ForwarderConfiguration) -> Void = { _ in }
    var adjustMember: (inout MemberConfiguration) -> Void = { _ in }
    /// What came to addresses that are nobody's in the group.
    var strangersHeard: [SocketEndpoint: [[UInt8]]] = [:]
    /// Whether members keep their keys over a restart, and what they have stored.
    var membersKeepKeys = false
    var keptMembers: [String: KeptMember] = [:]
    /// Every datagram that was sent, for those who listen.
    var recorded: [[UInt8]] = []
    var records = false
    /// Sees what the key managers' hardened tree derives.
    var treeWitness: DerivationWitness?
    /// Sees every member after each thing that it has done.
    var memberObserver: ((MemberNode) -> Void)?
    private var configurations: [String: MemberConfiguration] = [:]
    private var nextRenewal: ContinuousClock.Instant
    private var serial: UInt32 = 0

    init(seed: UInt64, conditions: LinkConditions = LinkConditions()) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        network = DatagramNetwork(seed: seed &+ 1, start: clock.now, conditions: conditions)
        group = GroupID(using: &random)
        root = Self.signingKey(&random)
        fakeKey = SecretBytes(count: 32, using: &random)
        nextRenewal = clock.now
    }

    var now: ContinuousClock.Instant { clock.now }
    var keyManager: KeyManagerNode? { keyManagers.last { $0.isAlive } }

    static func signingKey(_ random: inout SeededGenerator) -> Curve25519.Signing.PrivateKey {
        let bytes = SecretBytes(count: 32, using: &random).exposed
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes) else {
            preconditionFailure("any 32 bytes are a key")
        }
        return key
    }

    static func require<T>(_ value: T?, _ what: String) -> T {
        guard let value else { preconditionFailure(what) }
        return value
    }

    func identity(_ number: UInt32, roles: ControllerRoles) -> ControllerIdentity {
        let key = Self.signingKey(&random)
        let id = Self.require(ControllerID(number), "a controller's number")
        serial += 1
        let certificate = try? ControllerCertificate.issue(
            id, roles: roles, notAfter: 7 * 86_400, serial: serial, key: key.publicKey, group: group, root: root)
        return ControllerIdentity(
            id: id, boot: BootID(using: &random), signingKey: key,
            certificate: Self.require(certificate, "a certificate"))
    }

    // MARK: Controllers

    @discardableResult
    func startKeyManager(_ number: UInt32 = 1, address: UInt8 = 1) throws -> KeyManagerNode {
        let endpoints = addresses(address, port: 58_081)
        var configuration = Self.require(
            KeyManagerConfiguration(
                identity: identity(number, roles: .keyManager), addresses: endpoints, group: group,
                root: root.publicKey, suite: suite, multicast: multicasts, fakeKey: fakeKey), "a configuration")
        configuration.treeLimits = KeyTreeLimits(height: 12, locksMemory: false)
        configuration.classicHeight = 4
        configuration.registrar.derivation = .testOnly
        adjustKeyManager(&configuration)
        let engine = try KeyManager(
            configuration, state: store.state, revision: store.revision, random: nextRandom(), now: now)
        let node = KeyManagerNode(engine, addresses: endpoints, identity: configuration.identity)
        node.engine.trees.hardened.witness = treeWitness
        keyManagers.append(node)
        for endpoint in endpoints { network.attach(endpoint) }
        tell(node, .forwarders(forwarders.map(\.entry), certificates: forwarders.map(\.identity.certificate)))
        return node
    }

    @discardableResult
    func startForwarder(_ number: UInt32 = 2, address: UInt8 = 2) -> ForwarderNode {
        let endpoints = addresses(address, port: 58_082)
        var configuration = ForwarderConfiguration(
            identity: identity(number, roles: .forwarder), group: group, suite: suite)
        adjustForwarder(&configuration)
        let node = ForwarderNode(
            Forwarder(configuration, random: nextRandom()), addresses: endpoints, identity: configuration.identity)
        forwarders.removeAll { $0.address == endpoints[0] }
        forwarders.append(node)
        for endpoint in endpoints { network.attach(endpoint) }
        if let keyManager {
            tell(
                keyManager,
                .forwarders(forwarders.map(\.entry), certificates: forwarders.map(\.identity.certificate)))
            tell(keyManager, .snapshotWanted)
        }
        return node
    }

    /// The process is gone, and with it everything that it had not said.
    func kill(_ node: KeyManagerNode) {
        node.isAlive = false
        for address in node.addresses { network.detach(address) }
    }

    // MARK: Members

    func enroll(_ name: String, roles: DeviceRoles, services: [String] = []) {
        let code = SetupCode(using: &random)
        codes[name] = code
        let id = Self.require(DeviceID(name), "a device's name")
        var record = Self.require(
            CredentialRecord.provision(
                id: id, code: code, groupID: group.bytes, roles: roles, derivation: .testOnly, using: &random),
            "a record")
        record.servicePatterns = services
        if let keyManager { tell(keyManager, .enroll(record)) }
    }

    /// A device of the paper's suite.
    func enrollClassic(_ name: String, password text: String, roles: DeviceRoles, services: [String] = []) {
        let password = Self.require(ClassicPassword(text), "a password")
        passwords[name] = password
        let salt = SecretBytes(count: 16, using: &random).exposed
        let record = Self.require(
            CredentialRecord(
                id: Self.require(DeviceID(name), "a device's name"), roles: roles, salt: salt,
                secret: .classic(salted: password.salted(salt)), servicePatterns: services, minimumSuite: .classic),
            "a record")
        if let keyManager { tell(keyManager, .enroll(record)) }
    }

    @discardableResult
    func addMember(
        _ name: String, roles: DeviceRoles, offers: [ServiceOffer] = [], at controller: SocketEndpoint? = nil,
        isIPv6: Bool = false
    )
        -> MemberNode
    {
        let id = Self.require(DeviceID(name), "a device's name")
        var device = DeviceEngine.Configuration(id: id, code: codes[name]?.bytes)
        device.roles = roles
        device.takesTestDerivation = true
        if let password = passwords[name] {
            device.password = password
            device.code = nil
            device.suites = [.classic]
        }
        var configuration = MemberConfiguration(device: device)
        configuration.offers = offers
        configuration.keepsKeys = membersKeepKeys
        adjustMember(&configuration)
        configurations[name] = configuration
        let count = members.count + 1
        let address =
            members[name]?.address
            ?? SocketEndpoint(
                Self.address(0x1_0000 | UInt32((count >> 7) << 8 | count & 127), isIPv6: isIPv6), port: 40_000)
        let node = MemberNode(Member(configuration, random: nextRandom()), name: name, address: address)
        members[name] = node
        network.attach(address)
        let manager = Self.require(keyManagers.last, "a key manager")
        tell(node, .start(controller: controller ?? Self.require(manager.address(for: address), "an address")))
        return node
    }

    /// The device starts again with what it had stored, and with nothing else.
    @discardableResult
    func resumeMember(_ name: String) -> MemberNode? {
        guard let old = members[name], let kept = keptMembers[name], let configuration = configurations[name],
            let controller = keyManagers.last?.address
        else { return nil }
        let engine = Member(configuration, resuming: kept, controller: controller, now: now, random: nextRandom())
        let node = MemberNode(engine, name: name, address: old.address)
        node.answer = old.answer
        members[name] = node
        network.attach(node.address)
        drain(node)
        return node
    }

    /// The device loses its power.
    func crash(_ name: String) {
        guard let node = members[name] else { return }
        node.isAlive = false
        network.detach(node.address)
    }

    func nextRandom() -> SeededGenerator { SeededGenerator(seed: random.next()) }

    // MARK: Time

    /// Runs for a while.
    func run(for duration: Duration) {
        let end = now + duration
        while step(until: end) {}
        clock.advance(to: end)
    }

    /// Runs until something holds; false if it does not within `limit`.
    func run(until holds: () -> Bool, limit: Duration = .seconds(10)) -> Bool {
        let end = now + limit
        while !holds() { guard step(until: end) else { return holds() } }
        return true
    }

    private func step(until end: ContinuousClock.Instant) -> Bool {
        let wakes =
            keyManagers.filter(\.isAlive).map(\.wakeAt) + forwarders.map(\.wakeAt)
            + members.values.filter(\.isAlive).map(\.wakeAt)
        let next = ([network.nextArrival, storeAnswers.next, nextRenewal] + wakes).compactMap { $0 }.min()
        guard let next, next <= end else { return false }
        clock.advance(to: next)
        if let (node, answer) = storeAnswers.popDue(now: now) {
            if node.isAlive { tell(node, answer) }
            return true
        }
        if let delivery = network.nextDelivery(by: now) {
            deliver(delivery)
            return true
        }
        if nextRenewal <= now { renewLeases() }
        for node in keyManagers where node.isAlive && node.isDue(now) { tell(node, .wake) }
        for node in forwarders where node.isDue(now) { tell(node, .wake) }
        for name in members.keys.sorted() {
            if let node = members[name], node.isAlive, node.isDue(now) { tell(node, .wake) }
        }
        return true
    }

    private func renewLeases() {
        nextRenewal = now + .milliseconds(500)
        for node in forwarders where node.holdsLease { tell(node, .leaseRenewed(sentAt: now)) }
        for node in keyManagers where node.isAlive && node.holdsLease { tell(node, .leaseRenewed(sentAt: now)) }
    }
}
