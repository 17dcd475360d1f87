import Crypto
import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

/// Members that were evicted and go on: they keep all that they had, and hear all that is sent.
@Suite("A member that ignores its eviction")
struct StubbornMemberTests {
    @Test("hears every rekey and broadcast, and never has the group's secret again", arguments: UInt64(1)...3)
    func stubborn(seed: UInt64) throws {
        let world = try KeyManagerTests.group(10, seed: seed)
        let manager = try #require(world.keyManager)
        let key = manager.identity.signingKey.publicKey
        var random = SeededGenerator(seed: seed)
        var names = (0..<10).map { "s\($0)" }.shuffled(using: &random)
        let honestName = names.removeLast()
        let honestPath = try #require(world.members[honestName]?.path)
        var honest = MemberTree(group: world.group, path: honestPath)
        var evicted: [MemberTree] = []
        world.records = true
        var heard = 0
        for name in names.prefix(5) {
            let path = try #require(world.members[name]?.path)
            evicted.append(MemberTree(group: world.group, path: path))
            world.tell(manager, .evict(KeyManagerTests.device(name), isUrgent: true))
            world.run(for: .milliseconds(400))
            let current = manager.engine.trees.hardened.epochSecret
            let secret = try #require(current)
            for datagram in world.recorded[heard...] {
                guard let packet = try? UnverifiedRekeyPacket(datagram).verified(for: world.group, keys: { _ in key })
                else { continue }
                _ = honest.apply(packet)
                for index in evicted.indices { _ = evicted[index].apply(packet) }
            }
            heard = world.recorded.count
            #expect(honest.epochSecret == secret, "seed \(seed): who is still a member follows the same datagrams")
            #expect(evicted.allSatisfy { $0.epochSecret != secret }, "seed \(seed), after \(name)")
        }
    }

    @Test("opens no request that is broadcast after its eviction, and opened those before")
    func broadcasts() throws {
        let (world, lamp, phone) = try ForwarderTests.world()
        world.enroll("spy", roles: .server)
        world.run(for: .milliseconds(50))
        let spy = world.addMember("spy", roles: .server, offers: [ServiceOffer(ForwarderTests.light)])
        world.run(for: .seconds(4))
        world.request(phone, ForwarderTests.light, [1])
        world.run(for: .seconds(1))
        #expect(spy.requests.map(\.payload) == [[1]])
        // It hears nothing of the key manager's notice, and everything that is sent to all.
        let own = try #require(world.keyManager)
        world.network.partition([spy.address])
        world.records = true
        world.tell(own, .evict(KeyManagerTests.device("spy"), isUrgent: true))
        world.run(for: .milliseconds(500))
        world.request(phone, ForwarderTests.light, [2])
        world.run(for: .seconds(1))
        let all = world.recorded.filter { (try? Header.decode($0))?.flags.contains(.broadcast) == true }
        world.records = false
        for datagram in all { world.tell(spy, .datagram(datagram, from: own.address)) }
        #expect(spy.isMember, "it does not know that it is evicted")
        #expect(spy.requests.map(\.payload) == [[1]])
        #expect(lamp.requests.map(\.payload) == [[1], [2]])
    }
}
