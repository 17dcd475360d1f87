import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("A classic group")
struct ClassicGroupTests {
    private static let light = GroupWalkTests.light

    /// A group of the paper's suite: servers s0, s1, ... and a client.
    private func world(servers: Int, journalLimit: Int = 1_024) throws -> GroupWorld {
        let world = GroupWorld(seed: 31)
        world.adjustKeyManager = {
            $0.registrar.minimumSuite = .classic
            $0.journalLimit = journalLimit
        }
        world.startForwarder()
        let manager = try world.startKeyManager()
        world.tell(manager, .wake)
        world.run(for: .milliseconds(50))
        for index in 0..<servers { world.enrollClassic("s\(index)", password: "swordfish\(index)", roles: .server) }
        world.enrollClassic("phone", password: "hunter2", roles: .client, services: ["*"])
        world.run(for: .milliseconds(50))
        for index in 0..<servers {
            let node = world.addMember("s\(index)", roles: .server, offers: [ServiceOffer(Self.light, lowestSuite: 0)])
            node.answer = { [UInt8(index)] + $0.payload }
            world.run(for: .milliseconds(100))
        }
        world.addMember("phone", roles: .client)
        world.run(for: .seconds(3))
        try #require(world.members.values.filter { !$0.isMember }.isEmpty)
        return world
    }

    private func trafficKeys(_ world: GroupWorld) -> Set<UInt16> {
        Set(world.members.values.filter { $0.isAlive && $0.name != "phone" }.compactMap { $0.engine.trafficKeyID })
    }

    @Test("serves a request from end to end, and follows joins and leaves with the paper's rekeys")
    func walk() throws {
        let world = try world(servers: 4)
        let phone = try #require(world.members["phone"])
        #expect(trafficKeys(world).count == 1)
        let id = try #require(world.request(phone, Self.light, [9]))
        world.run(for: .seconds(1))
        #expect(Set(phone.answers) == [[0, 9], [1, 9], [2, 9], [3, 9]])
        #expect(phone.events.contains(.completed(id, answers: 4, reason: 0)))
        let leaver = try #require(world.members["s1"])
        let old = try #require(leaver.trafficKeyID)
        world.tell(leaver, .leave)
        world.run(for: .seconds(1))
        #expect(leaver.events.last == .left)
        #expect(trafficKeys(world) == [old + 1])
        world.request(phone, Self.light, [8])
        world.run(for: .seconds(1))
        #expect(Set(phone.answers.suffix(3)) == [[0, 8], [2, 8], [3, 8]])
    }

    @Test("a server that misses the paper's rekeys asks, and gets its keys")
    func resync() throws {
        let world = try world(servers: 4)
        let phone = try #require(world.members["phone"])
        let away = try #require(world.members["s3"])
        world.network.partition([away.address])
        for name in ["s0", "s1"] {
            if let manager = world.keyManager {
                world.tell(manager, .evict(KeyManagerTests.device(name), isUrgent: true))
            }
            world.run(for: .milliseconds(100))
        }
        world.network.heal()
        #expect(trafficKeys(world).count > 1)
        world.request(phone, Self.light, [7], window: .seconds(3))
        world.run(for: .seconds(4))
        #expect(away.engine.trafficKeyID == world.members["s2"]?.engine.trafficKeyID)
        world.request(phone, Self.light, [6])
        world.run(for: .seconds(1))
        #expect(Set(phone.answers.suffix(2)) == [[2, 6], [3, 6]])
    }

    @Test("a key manager that starts again has the same tree, and the group goes on")
    func restart() throws {
        let world = try world(servers: 4)
        let phone = try #require(world.members["phone"])
        let before = try #require(world.keyManager)
        let key = before.engine.trees.classic.trafficKey
        world.kill(before)
        let after = try world.startKeyManager()
        #expect(after.engine.trees.classic.trafficKey == key)
        world.run(for: .seconds(2))
        world.tell(after, .evict(KeyManagerTests.device("s2"), isUrgent: true))
        world.run(for: .seconds(1))
        world.request(phone, Self.light, [5])
        world.run(for: .seconds(1))
        #expect(Set(phone.answers) == [[0, 5], [1, 5], [3, 5]])
    }

    @Test("a server that comes back while a commit conflicts joins once, and has its leaf's keys")
    func rejoinInConflict() throws {
        let world = try world(servers: 4)
        world.crash("s0")
        let node = world.addMember("s0", roles: .server)
        let record = try #require(world.store.state.credentials[KeyManagerTests.device("s0")])
        _ = world.store.commit([.enrolled(record)], expected: world.store.revision)
        world.run(for: .seconds(3))
        let manager = try #require(world.keyManager)
        let durable = try #require(world.store.state.member(of: KeyManagerTests.device("s0")))
        #expect(node.id?.rawValue == durable.id)
        #expect(node.engine.session?.classic?.leaf == durable.leaf)
        #expect(trafficKeys(world) == [manager.engine.trees.classic.trafficKeyID])
        #expect(manager.engine.trees.classic.memberCount == 4)
    }

    @Test("the journal of the paper's tree is bounded: a snapshot takes its place, from which the same tree comes back")
    func journal() throws {
        let world = try world(servers: 6, journalLimit: 3)
        let before = try #require(world.keyManager)
        #expect(world.store.state.classicSnapshot != nil)
        #expect((1...3).contains(world.store.state.classicJournal.count))
        let key = before.engine.trees.classic.trafficKey
        world.kill(before)
        let after = try world.startKeyManager()
        #expect(after.engine.trees.classic.trafficKey == key)
        #expect(after.engine.trees.classic.memberCount == 6)
        world.run(for: .seconds(2))
        for name in ["s0", "s4"] { world.tell(after, .evict(KeyManagerTests.device(name), isUrgent: true)) }
        world.run(for: .seconds(1))
        for name in ["s1", "s2", "s3", "s5"] {
            #expect(world.members[name]?.trafficKeyID == after.engine.trees.classic.trafficKeyID, "\(name)")
        }
        #expect(after.engine.trees.classic.memberCount == 4)
    }

    @Test("a request of a classic client does not reach a service of hardened servers that serve hardened clients only")
    func hardenedOnly() throws {
        let world = try world(servers: 1)
        let lock = try #require(ServiceName("urn:a:service:Lock:1"))
        world.enroll("lock", roles: .server)
        world.enroll("door", roles: .server)
        world.run(for: .milliseconds(50))
        let closed = world.addMember("lock", roles: .server, offers: [ServiceOffer(lock)])
        let open = world.addMember("door", roles: .server, offers: [ServiceOffer(Self.light, lowestSuite: 0)])
        world.run(for: .seconds(4))
        let phone = try #require(world.members["phone"])
        let refused = try #require(world.request(phone, lock))
        world.request(phone, Self.light)
        world.run(for: .seconds(1))
        #expect(phone.events.contains(.refused(refused, reason: RequestRefusal.noSuchService.rawValue)))
        #expect(closed.requests.isEmpty)
        #expect(open.requests.map(\.isFromHardened) == [false])
    }
}
