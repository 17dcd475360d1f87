import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("The forwarder")
struct ForwarderTests {
    static let light = GroupWalkTests.light

    /// A world with a server `lamp` that offers the light, and a client `phone` that may ask for it.
    static func world(
        services: [String] = ["urn:a:service:*"], prepare: (GroupWorld) -> Void = { _ in }
    ) throws -> (GroupWorld, lamp: MemberNode, phone: MemberNode) {
        let world = GroupWorld(seed: 3)
        prepare(world)
        world.startForwarder()
        let manager = try world.startKeyManager()
        world.tell(manager, .wake)
        world.run(for: .milliseconds(50))
        world.enroll("lamp", roles: .server)
        world.enroll("phone", roles: .client, services: services)
        world.run(for: .milliseconds(50))
        let lamp = world.addMember("lamp", roles: .server, offers: [ServiceOffer(light)])
        lamp.answer = { $0.payload.reversed() }
        let phone = world.addMember("phone", roles: .client)
        world.run(for: .seconds(5))
        try #require(lamp.isMember && phone.isMember)
        return (world, lamp, phone)
    }

    @Test("refuses what the client's access list does not have, and asks nobody")
    func access() throws {
        let (world, lamp, phone) = try Self.world(services: ["urn:a:service:Lock:*"])
        let id = try #require(world.request(phone, Self.light))
        world.run(for: .seconds(1))
        #expect(phone.events.last == .refused(id, reason: RequestRefusal.notAllowed.rawValue))
        #expect(lamp.requests.isEmpty)
        #expect(phone.engine.services.isEmpty, "what may not be asked for is not told either")
    }

    @Test("follows a change of the access list at once")
    func accessChanges() throws {
        let (world, lamp, phone) = try Self.world(services: [])
        let manager = try #require(world.keyManager)
        let device = try #require(DeviceID("phone"))
        var record = try #require(world.store.state.credentials[device])
        record.servicePatterns = ["urn:a:service:Light:1"]
        world.tell(manager, .enroll(record))
        world.run(for: .milliseconds(100))
        world.request(phone, Self.light)
        world.run(for: .seconds(1))
        #expect(lamp.requests.count == 1)
        record.servicePatterns = []
        world.tell(manager, .enroll(record))
        world.run(for: .milliseconds(100))
        let second = try #require(world.request(phone, Self.light))
        world.run(for: .seconds(1))
        #expect(phone.events.last == .refused(second, reason: RequestRefusal.notAllowed.rawValue))
        #expect(lamp.requests.count == 1)
    }

    @Test(
        "sends nothing to a service whose server was evicted or has died, and its clients see it vanish",
        arguments: [true, false])
    func serverGone(isEvicted: Bool) throws {
        let (world, lamp, phone) = try Self.world()
        world.request(phone, Self.light)
        world.run(for: .seconds(1))
        #expect(lamp.requests.count == 1)
        let manager = try #require(world.keyManager)
        if isEvicted {
            world.tell(manager, .evict(try #require(DeviceID("lamp")), isUrgent: true))
        } else {
            world.crash("lamp")
        }
        #expect(
            world.run(until: { phone.events.contains(.directory(.vanished(Self.light))) }, limit: .seconds(120)))
        let second = try #require(world.request(phone, Self.light))
        world.run(for: .seconds(1))
        #expect(phone.events.last == .refused(second, reason: RequestRefusal.noSuchService.rawValue))
        #expect(lamp.requests.count == 1)
    }

    @Test("refuses a service that nobody offers, and one whose server has left")
    func noSuchService() throws {
        let (world, lamp, phone) = try Self.world()
        let lock = try #require(ServiceName("urn:a:service:Lock:1"))
        let first = try #require(world.request(phone, lock))
        world.run(for: .seconds(1))
        #expect(phone.events.last == .refused(first, reason: RequestRefusal.noSuchService.rawValue))
        world.tell(lamp, .leave)
        world.run(for: .seconds(2))
        #expect(lamp.events.last == .left)
        #expect(phone.events.contains(.directory(.vanished(Self.light))))
        let second = try #require(world.request(phone, Self.light))
        world.run(for: .seconds(1))
        #expect(phone.events.last == .refused(second, reason: RequestRefusal.noSuchService.rawValue))
    }

    @Test("asks a server once, however often the request and the broadcast are repeated")
    func duplicates() throws {
        let (world, lamp, phone) = try Self.world()
        world.network.conditions.duplication = 0.9
        world.network.conditions.loss = 0.3
        for _ in 0..<20 { world.request(phone, Self.light) }
        world.run(for: .seconds(8))
        #expect(Set(lamp.requests.map(\.id)).count == lamp.requests.count)
        #expect(lamp.requests.count >= 10 && lamp.requests.count <= 20)
        let answered = phone.events.filter { if case .answer = $0 { true } else { false } }
        #expect(answered.count <= lamp.requests.count)
    }

    @Test("repeats a broadcast once when nobody answers, and completes with no answers")
    func repeats() throws {
        let (world, lamp, phone) = try Self.world()
        lamp.answer = nil
        let before = world.forwarders[0].multicasts
        let id = try #require(world.request(phone, Self.light))
        world.run(for: .seconds(1))
        #expect(world.forwarders[0].multicasts == before + 2)
        #expect(lamp.requests.count == 1)
        #expect(phone.events.last == .completed(id, answers: 0, reason: 0))
        #expect(world.forwarders[0].engine.openRequests == 0)
    }

    @Test("delivers nothing after the window, and an answer that was said only once")
    func window() throws {
        let (world, lamp, phone) = try Self.world()
        lamp.answer = nil
        let id = try #require(world.request(phone, Self.light, window: .milliseconds(300)))
        world.run(for: .milliseconds(290))
        let request = try #require(lamp.requests.first)
        world.tell(lamp, .answer(request.id, payload: [1], isLast: false))
        world.run(for: .milliseconds(20))
        world.tell(lamp, .answer(request.id, payload: [2], isLast: true))
        world.run(for: .seconds(1))
        #expect(phone.answers == [[1]])
        #expect(phone.events.last == .completed(id, answers: 1, reason: 0))
    }

    @Test("limits a client's requests per second, without hurting another client")
    func rate() throws {
        let (world, _, phone) = try Self.world {
            $0.adjustForwarder = {
                $0.limits.burst = 5
                $0.limits.requestsPerSecond = 1
            }
        }
        world.enroll("tablet", roles: .client, services: ["*"])
        world.run(for: .milliseconds(100))
        let tablet = world.addMember("tablet", roles: .client)
        world.run(for: .seconds(2))
        for _ in 0..<20 { world.request(phone, Self.light) }
        world.request(tablet, Self.light)
        world.run(for: .seconds(1))
        let tooFast = phone.events.filter {
            if case .refused(_, let reason) = $0 { reason == RequestRefusal.tooFast.rawValue } else { false }
        }
        #expect(tooFast.count == 15)
        #expect(phone.answers.count == 5)
        #expect(tablet.answers.count == 1)
    }

    @Test("ends a member's requests and its channel when it is evicted")
    func eviction() throws {
        let (world, lamp, phone) = try Self.world()
        lamp.answer = nil
        world.request(phone, Self.light, window: .seconds(5))
        world.run(for: .milliseconds(200))
        #expect(world.forwarders[0].engine.openRequests == 1)
        let manager = try #require(world.keyManager)
        world.tell(manager, .evict(try #require(DeviceID("phone")), isUrgent: true))
        world.run(for: .milliseconds(100))
        #expect(world.forwarders[0].engine.openRequests == 0)
        #expect(world.forwarders[0].engine.memberCount == 1)
        #expect(phone.events.last == .evicted)
    }

    // MARK: F22: a forwarder that is cut off

    @Test("is silent once its lease is not renewed, or the key manager's stream stops", arguments: [true, false])
    func fences(byLease: Bool) throws {
        let (world, lamp, phone) = try Self.world()
        let forwarder = world.forwarders[0]
        if byLease { forwarder.holdsLease = false } else { forwarder.hearsKeyManager = false }
        world.run(for: .milliseconds(2_950))
        let before = forwarder.multicasts
        let id = try #require(world.request(phone, Self.light))
        world.run(for: .seconds(3))
        #expect(forwarder.multicasts == before)
        #expect(lamp.requests.isEmpty)
        #expect(phone.events.last == .timedOut(id))
        if byLease { forwarder.holdsLease = true } else { forwarder.hearsKeyManager = true }
        world.run(for: .seconds(1))
        world.request(phone, Self.light)
        world.run(for: .seconds(1))
        #expect(lamp.requests.count == 1, "it goes on once it is back")
    }

    @Test("an evicted server reads nothing that a cut-off forwarder sends more than 3 s after its eviction")
    func staleForwarder() throws {
        let (world, _, phone) = try Self.world()
        let forwarder = world.forwarders[0]
        forwarder.hearsKeyManager = false
        let manager = try #require(world.keyManager)
        world.tell(manager, .evict(try #require(DeviceID("lamp")), isUrgent: true))
        let start = world.now
        var reads = 0
        while world.now < start + .seconds(6) {
            world.request(phone, Self.light, window: .milliseconds(100))
            world.run(for: .milliseconds(100))
            if world.now > start + .seconds(3), forwarder.multicasts > reads { reads = .max - 1 }
            if world.now <= start + .seconds(3) { reads = forwarder.multicasts }
        }
        #expect(reads > 0 && reads < .max - 1, "it sends at first, and nothing later")
    }

    // MARK: F19: what a forwarder knows

    @Test("is never told a key of the tree, a credential, or the input of a refresh")
    func knowsNoKeys() throws {
        let (world, lamp, phone) = try Self.world()
        world.tell(lamp, .refresh)
        world.run(for: .seconds(2))
        world.request(phone, Self.light)
        world.run(for: .seconds(1))
        let manager = try #require(world.keyManager)
        var forbidden: [[UInt8]] = []
        for number in 0..<UInt32(1) << 13 - 1 {
            if let secret = manager.engine.trees.hardened.secret(ofNode: number) { forbidden.append(secret.exposed) }
        }
        for diff in world.store.state.journal {
            forbidden += diff.joined.map(\.secret.exposed) + [diff.randomness.exposed]
        }
        forbidden += world.store.state.members.values.compactMap { $0.refresh?.exposed }
        for record in world.store.state.credentials.values {
            if case .hardened(_, let verifier) = record.secret { forbidden += [verifier.w0.exposed, verifier.l] }
        }
        #expect(forbidden.count > 8)
        let told = world.forwarders[0].told.flatMap { Self.secrets(in: $0) }
        #expect(told.count > 4)
        #expect(Set(told).isDisjoint(with: forbidden))
    }

    /// Every secret and every string of bytes anywhere in a value.
    static func secrets(in value: Any) -> [[UInt8]] {
        if let secret = value as? SecretBytes { return [secret.exposed] }
        if let bytes = value as? [UInt8] { return [bytes] }
        return Mirror(reflecting: value).children.flatMap { secrets(in: $0.value) }
    }

    @Test("a forwarder that starts again gets the whole picture, and members follow its new process")
    func restart() throws {
        let (world, lamp, phone) = try Self.world()
        world.startForwarder()
        world.run(for: .seconds(3))
        #expect(world.forwarders[0].engine.memberCount == 2)
        let id = try #require(world.request(phone, Self.light))
        world.run(for: .seconds(1))
        #expect(lamp.requests.count == 1)
        #expect(phone.events.contains(.completed(id, answers: 1, reason: 0)))
    }

    @Test("a client turns to the next forwarder when the first does not answer")
    func failover() throws {
        let (world, lamp, phone) = try Self.world()
        world.startForwarder(3, address: 3)
        world.run(for: .seconds(3))
        for silent in world.forwarders {
            world.forwarders.forEach { $0.holdsLease = true }
            world.run(for: .seconds(1))
            silent.holdsLease = false
            world.run(for: .seconds(3))
            let before = phone.answers.count
            world.request(phone, Self.light)
            world.run(for: .seconds(4))
            #expect(phone.answers.count == before + 1)
        }
        #expect(lamp.requests.count == 2)
    }

    @Test("asks for a snapshot when it has missed an event, and goes on with it")
    func missedEvent() throws {
        let (world, lamp, phone) = try Self.world()
        let forwarder = world.forwarders[0]
        forwarder.hearsKeyManager = false
        world.enroll("tablet", roles: .client, services: ["*"])
        world.run(for: .milliseconds(100))
        let tablet = world.addMember("tablet", roles: .client)
        world.run(for: .milliseconds(900))
        forwarder.hearsKeyManager = true
        world.run(for: .seconds(3))
        #expect(forwarder.engine.memberCount == 3)
        world.request(tablet, Self.light)
        world.request(phone, Self.light)
        world.run(for: .seconds(1))
        #expect(lamp.requests.count == 2)
    }
}
