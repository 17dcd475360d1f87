import Crypto
import GroupKeys
import NetworkTypes
import TestKit

@testable import SUPnP

/// A key manager and very many servers in virtual time, all members from the beginning: their registrations would take
/// longer than everything else.
///
/// The key manager takes a while for each datagram and has a socket that holds so many, as a slow machine has. Everybody
/// loses datagrams by a dice of its own.
final class CrowdWorld {
    private enum Event {
        case toManager([UInt8], from: SocketEndpoint)
        case toMember(Int, [UInt8])
        case store(KeyManager<SeededGenerator>.Input)
        case managerWakes
        case memberWakes(Int)
    }

    static let service = GroupWorld.require(ServiceName("urn:latchkey:service:Board:1"), "a name")
    private let latency: Duration = .milliseconds(1)
    /// How long the key manager takes for a datagram, and how much of that its socket holds.
    private let effort: Duration = .microseconds(500)
    private let backlog: Duration = .milliseconds(500)
    /// The share of datagrams that are lost, for each receiver.
    var loss = 0.0
    private(set) var now: ContinuousClock.Instant
    private var random: SeededGenerator
    private var events = DeadlineQueue<Event>()
    private var store = MemoryGroupStore()
    private var isFreeAt: ContinuousClock.Instant
    private var places: [SocketEndpoint: Int] = [:]
    let manager: KeyManagerNode
    private(set) var members: [MemberNode] = []
    /// Unicast datagrams to and from members, by tenths of a second.
    private(set) var traffic: [Int64: Int] = [:]
    private let start: ContinuousClock.Instant

    init(_ count: Int, seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        now = VirtualClock().now
        (start, isFreeAt) = (now, now)
        let (group, root) = (GroupID(using: &random), GroupWorld.signingKey(&random))
        let key = GroupWorld.signingKey(&random)
        let id = GroupWorld.require(ControllerID(1), "a controller's number")
        let certificate = try ControllerCertificate.issue(
            id, roles: .keyManager, notAfter: 7 * 86_400, serial: 1, key: key.publicKey, group: group, root: root)
        let identity = ControllerIdentity(
            id: id, boot: BootID(using: &random), signingKey: key, certificate: certificate)
        let address = SocketEndpoint(GroupWorld.address(1, isIPv6: false), port: 58_081)
        var configuration = KeyManagerConfiguration(
            identity: identity, address: address, group: group, root: root.publicKey, suite: .hardenedAESGCM,
            multicast: GroupWorld.multicast, fakeKey: SecretBytes(count: 32, using: &random))
        configuration.treeLimits = KeyTreeLimits(height: 12, locksMemory: false)
        configuration.limits.changesPerCommit = 4_096
        let engine = try KeyManager(
            configuration, state: store.state, revision: store.revision,
            random: SeededGenerator(seed: random.next()), now: now)
        manager = KeyManagerNode(engine, addresses: [address], identity: identity)
        tellManager(.wake)
        run(for: .milliseconds(10))
        try admit(count)
    }

    /// All join in one batch, and offer the same service.
    private func admit(_ count: Int) throws {
        var admissions: [(Admission, MemberSecrets)] = []
        for index in 0..<count {
            let number = UInt32(0x1_0000 + index)
            let master = MasterSecret(
                sharedKey: SecretBytes(count: 32, using: &random), transcript: [UInt8](repeating: 7, count: 32))
            let secrets = master.memberSecrets(member: number, generation: 0)
            let record = MemberRecord(
                id: number, device: Self.device(index), roles: .server, suite: .hardenedAESGCM,
                keyID: UInt16(number % 0xFFFE + 1), relay: secrets.relay, refresh: secrets.refresh)
            let source = SocketEndpoint(GroupWorld.address(number, isIPv6: false), port: 40_000)
            let admission = Admission(
                record: record, leafSecret: secrets.leaf, registration: RegistrationID(number: UInt64(number)),
                source: source)
            admissions.append((admission, secrets))
            _ = manager.engine.waiting.join(admission, now: now)
        }
        run(for: .milliseconds(400))
        for (admission, _) in admissions {
            manager.engine.wait(
                for: .offers(admission.record.id, [ServiceOffer(Self.service)], correlation: 0))
        }
        run(for: .seconds(2))
        for (index, (admission, secrets)) in admissions.enumerated() { try add(index, admission, secrets) }
    }

    private func add(_ index: Int, _ admission: Admission, _ secrets: MemberSecrets) throws {
        let record = GroupWorld.require(manager.engine.state.members[admission.record.id], "a member")
        let registered = Registered(
            suite: record.suite, groupID: manager.engine.configuration.group.bytes, controller: manager.address,
            contents: manager.engine.doneContents(of: record, at: admission.source), keys: .hardened(secrets))
        var device = DeviceEngine.Configuration(id: record.device, code: nil)
        device.roles = .server
        var member = Member(MemberConfiguration(device: device), random: SeededGenerator(seed: random.next()))
        member.session = MemberSession(registered, at: manager.address, now: now, using: &random)
        member.queryDirectory(now: now + .milliseconds(Int64(index)))
        let node = MemberNode(member, name: "s\(index)", address: admission.source)
        places[node.address] = members.count
        members.append(node)
        tell(index, .wake)
    }

    static func device(_ index: Int) -> DeviceID { GroupWorld.require(DeviceID("s\(index)"), "a device's name") }

    // MARK: What is asked of it

    /// Evicts a member at once.
    func evict(_ index: Int) { tellManager(.evict(Self.device(index), isUrgent: true)) }

    /// How many members lack the key manager's epoch.
    var lacking: Int {
        let secret = manager.engine.trees.hardened.epochSecret
        let durable = manager.engine.members
        return members.filter { node in
            guard let id = node.id, durable[id.rawValue] != nil else { return false }
            return node.engine.epochSecret != secret
        }.count
    }

    /// How many members ask for something.
    var asking: Int {
        members.filter { node in
            guard let tasks = node.engine.session?.tasks else { return false }
            return tasks.asker.isAsking || tasks.query != nil
        }.count
    }

    /// Unicast datagrams since a time, and the most of them in a tenth of a second.
    func traffic(since instant: ContinuousClock.Instant) -> (all: Int, most: Int) {
        let counts = traffic.filter { $0.key >= tenth(instant) }.values
        return (counts.reduce(0, +), counts.max() ?? 0)
    }

    // MARK: Time

    func run(for duration: Duration) { _ = run(until: { false }, limit: duration) }

    /// Runs until something holds, looked at every tenth of a second; how long it took, nil if it does not hold in time.
    func run(until holds: () -> Bool, limit: Duration) -> Duration? {
        let (began, end) = (now, now + limit)
        var look = now
        while true {
            if look <= now {
                if holds() { return now - began }
                look = now + .milliseconds(100)
            }
            guard let next = events.next, next <= min(look, end) else {
                if look > end { now = end }
                if now == end { return nil }
                now = look
                continue
            }
            now = max(now, next)
            if let event = events.popDue(now: now) { take(event) }
        }
    }

    private func tenth(_ instant: ContinuousClock.Instant) -> Int64 { Int64((instant - start) / .milliseconds(100)) }

    private func take(_ event: Event) {
        switch event {
        case .toManager(let bytes, let source): tellManager(.datagram(bytes, from: source))
        case .toMember(let index, let bytes): tell(index, .datagram(bytes, from: manager.address))
        case .store(let answer): tellManager(answer)
        case .managerWakes:
            guard manager.isDue(now) else { return }
            manager.wakeAt = nil
            tellManager(.wake)
        case .memberWakes(let index):
            guard members[index].isDue(now) else { return }
            members[index].wakeAt = nil
            tell(index, .wake)
        }
    }

    private var isLost: Bool { loss > 0 && Double.random(in: 0..<1, using: &random) < loss }

    private func tellManager(_ input: KeyManager<SeededGenerator>.Input) {
        manager.engine.handle(input, now: now)
        while let output = manager.engine.nextOutput() {
            switch output {
            case .transmit(let bytes, let address):
                traffic[tenth(now), default: 0] += 1
                if let index = places[address], !isLost { events.add(.toMember(index, bytes), at: now + latency) }
            case .multicast(let bytes):
                for index in members.indices where !isLost { events.add(.toMember(index, bytes), at: now + latency) }
            case .commit(let changes, let expected):
                let revision = store.commit(changes, expected: expected)
                events.add(.store(revision.map { .committed(revision: $0) } ?? .conflict), at: now + latency)
            case .reread: events.add(.store(.reread(store.state, revision: store.revision)), at: now + latency)
            case .wake(let instant):
                guard manager.wakeAt.map({ instant < $0 }) ?? true else { continue }
                manager.wakeAt = instant
                events.add(.managerWakes, at: instant)
            case .work, .forwarder, .event: continue
            }
        }
    }

    private func tell(_ index: Int, _ input: Member<SeededGenerator>.Input) {
        let node = members[index]
        node.engine.handle(input, now: now)
        while let output = node.engine.nextOutput() {
            switch output {
            case .transmit(let bytes, _):
                traffic[tenth(now), default: 0] += 1
                let at = max(now + latency, isFreeAt)
                guard !isLost, at - now <= backlog else { continue }
                isFreeAt = at + effort
                events.add(.toManager(bytes, from: node.address), at: at)
            case .wake(let instant):
                guard node.wakeAt.map({ instant < $0 }) ?? true else { continue }
                node.wakeAt = instant
                events.add(.memberWakes(index), at: instant)
            case .event(let event): node.events.append(event)
            case .derive, .joinMulticast, .leaveMulticast, .keep: continue
            }
        }
    }
}
