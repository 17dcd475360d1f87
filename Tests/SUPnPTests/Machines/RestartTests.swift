import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

/// The key manager is killed at each of its outputs in turn, and another takes over from what was committed.
@Suite("A key manager killed at any point")
struct RestartTests {
    /// What the history does, once the group stands: every kind of change, some of them together.
    private func script(_ world: GroupWorld, _ manager: KeyManagerNode) {
        if let node = world.members["s0"] { world.tell(node, .leave) }
        world.enroll("late", roles: .server)
        world.run(for: .milliseconds(20))
        world.addMember("late", roles: .server)
        if let node = world.members["s3"] { world.tell(node, .refresh) }
        world.run(for: .milliseconds(260))
        if manager.isAlive { world.tell(manager, .evict(KeyManagerTests.device("s1"), isUrgent: true)) }
        if let node = world.members["s3"] {
            world.tell(node, .offer([ServiceOffer(GroupWalkTests.light)]))
        }
        world.run(for: .milliseconds(400))
    }

    /// The epochs that were multicast, each with the confirmations that it was multicast with.
    private func epochs(_ datagrams: [[UInt8]]) -> [UInt32: Set<[UInt8]>] {
        var found: [UInt32: Set<[UInt8]>] = [:]
        for datagram in datagrams {
            guard let packet = try? UnverifiedRekeyPacket(datagram) else { continue }
            found[packet.fields.epoch, default: []].insert(packet.fields.confirmation)
        }
        return found
    }

    @Test("the last rekey goes out again as urgent as it was, if it has removed somebody")
    func urgent() throws {
        let world = try KeyManagerTests.group(5, seed: 22)
        let first = try #require(world.keyManager)
        world.tell(first, .evict(KeyManagerTests.device("s4"), isUrgent: true))
        world.run(for: .milliseconds(300))
        world.kill(first)
        world.records = true
        world.tell(try world.startKeyManager(), .wake)
        world.run(for: .milliseconds(5))
        let flags = world.recorded.filter { (try? UnverifiedRekeyPacket($0)) != nil }.map { $0[WireSizes.header + 3] }
        #expect(!flags.isEmpty)
        #expect(flags.allSatisfy { $0 & 9 == 9 }, "urgent and repeated: \(flags)")
    }

    /// Runs the history with a kill after `cut` outputs of the script; false when the script has fewer.
    private func history(cut: Int) throws -> Bool {
        let world = try KeyManagerTests.group(5, seed: 21)
        let first = try #require(world.keyManager)
        // So that the last rekey has packets, which one of joins alone has not.
        world.tell(first, .evict(KeyManagerTests.device("s4"), isUrgent: true))
        world.run(for: .milliseconds(300))
        world.records = true
        first.outputsLeft = cut
        script(world, first)
        guard !first.isAlive else { return false }
        let confirmed = Set(world.members.filter { $0.value.isAlive && $0.value.isMember }.map(\.key))
        let committed = world.store.state
        let second = try world.startKeyManager()
        world.tell(second, .wake)
        world.run(for: .milliseconds(2))
        let rekeys = world.recorded.suffix(40).compactMap { try? UnverifiedRekeyPacket($0).fields.epoch }
        #expect(rekeys.contains(committed.epoch), "cut \(cut): the last committed rekey goes out again")
        world.run(for: .seconds(3))
        for name in confirmed {
            let isDurable = committed.member(of: KeyManagerTests.device(name)) != nil
            let node = try #require(world.members[name])
            if isDurable, name != "s0", name != "s1" {
                #expect(node.isMember, "cut \(cut): \(name) was confirmed, and is lost")
            }
        }
        world.tell(second, .evict(KeyManagerTests.device("s2"), isUrgent: true))
        world.run(for: .seconds(2))
        #expect(leftovers(world).isEmpty, "cut \(cut)")
        for (epoch, confirmations) in epochs(world.recorded) {
            #expect(confirmations.count == 1, "cut \(cut): epoch \(epoch) was used for two different secrets")
        }
        return true
    }

    /// The devices whose view is not the key manager's: durable members without its secret, others with it.
    private func leftovers(_ world: GroupWorld) -> [String] {
        guard let manager = world.keyManager else { return ["no key manager"] }
        let secret = manager.engine.trees.hardened.epochSecret
        return world.members.keys.sorted().filter { name in
            guard let node = world.members[name], node.isAlive else { return false }
            let isDurable = manager.engine.state.member(of: KeyManagerTests.device(name)) != nil
            // Who has left may have been killed off before its LEAVE was heard; it holds no current secret then.
            return isDurable && node.isMember ? node.engine.epochSecret != secret : node.engine.epochSecret == secret
        }
    }

    @Test(
        "is followed by one that keeps every confirmed member, and uses no epoch twice, whatever the cut",
        arguments: 0..<4)
    func everyCut(of four: Int) throws {
        var cut = four
        while try history(cut: cut) { cut += 4 }
        #expect(cut > 60, "the history has that many outputs")
    }

    @Test("a commit that was made and never answered counts: the next key manager begins from it")
    func unanswered() throws {
        let world = try KeyManagerTests.group(5, seed: 22)
        let first = try #require(world.keyManager)
        world.run(for: .milliseconds(400))
        world.storeDelay = .seconds(100)
        world.tell(first, .evict(KeyManagerTests.device("s1"), isUrgent: true))
        world.run(for: .milliseconds(50))
        let epoch = world.store.state.epoch
        #expect(epoch == first.engine.epoch + 1)
        world.kill(first)
        world.storeDelay = .milliseconds(1)
        let second = try world.startKeyManager()
        world.run(for: .seconds(3))
        #expect(second.engine.epoch == epoch)
        #expect(KeyManagerTests.hasConverged(world))
        #expect(world.members["s1"]?.engine.epoch != epoch)
    }

    @Test("clients, directory and pairwise channels go on after a restart")
    func everythingElse() throws {
        let (world, lamp, phone) = try ForwarderTests.world()
        let first = try #require(world.keyManager)
        world.kill(first)
        world.run(for: .seconds(1))
        let second = try world.startKeyManager()
        world.run(for: .seconds(3))
        #expect(second.engine.state.directory.count == 1)
        world.request(phone, ForwarderTests.light)
        world.run(for: .seconds(1))
        #expect(lamp.requests.count == 1 && phone.answers.count == 1)
        world.tell(lamp, .leave)
        world.run(for: .seconds(3))
        #expect(lamp.events.last == .left)
        #expect(phone.engine.services.isEmpty)
    }
}
