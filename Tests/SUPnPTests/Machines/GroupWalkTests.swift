import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("A group at work")
struct GroupWalkTests {
    static let light = GroupWorld.require(ServiceName("urn:a:service:Light:1"), "a name")

    static func world(seed: UInt64 = 1, conditions: LinkConditions = LinkConditions()) throws -> GroupWorld {
        let world = GroupWorld(seed: seed, conditions: conditions)
        world.startForwarder()
        try world.startKeyManager()
        if let keyManager = world.keyManager { world.tell(keyManager, .wake) }
        world.run(for: .milliseconds(50))
        return world
    }

    @Test("a client's request reaches the servers, and each answer comes back, then the count")
    func walk() throws {
        let world = try Self.world()
        world.enroll("phone", roles: .client, services: ["urn:a:service:*"])
        for name in ["lamp", "bulb"] { world.enroll(name, roles: .server) }
        world.run(for: .milliseconds(50))
        let offers = [ServiceOffer(Self.light)]
        for name in ["lamp", "bulb"] {
            world.addMember(name, roles: .server, offers: offers).answer = { $0.payload + Array(name.utf8) }
        }
        let phone = world.addMember("phone", roles: .client)
        world.run(for: .seconds(5))
        #expect(world.members.values.filter { !$0.isMember }.isEmpty)
        #expect(phone.engine.services == [Self.light])
        #expect(world.members["lamp"]?.engine.epochSecret == world.members["bulb"]?.engine.epochSecret)
        let id = try #require(world.request(phone, Self.light, [9]))
        world.run(for: .seconds(1))
        #expect(Set(phone.answers) == [[9] + Array("lamp".utf8), [9] + Array("bulb".utf8)])
        #expect(phone.events.contains(.accepted(id)))
        #expect(phone.events.contains(.completed(id, answers: 2, reason: 0)))
    }
}
