import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("The key manager")
struct KeyManagerTests {
    /// A group with so many servers, all registered.
    static func group(
        _ servers: Int, seed: UInt64 = 5, conditions: LinkConditions = LinkConditions(),
        prepare: (GroupWorld) -> Void = { _ in }
    ) throws -> GroupWorld {
        let world = GroupWorld(seed: seed)
        prepare(world)
        world.startForwarder()
        let manager = try world.startKeyManager()
        world.tell(manager, .wake)
        world.run(for: .milliseconds(50))
        for index in 0..<servers { world.enroll("s\(index)", roles: .server) }
        world.run(for: .milliseconds(100))
        for index in 0..<servers { world.addMember("s\(index)", roles: .server) }
        world.run(for: .seconds(3))
        try #require(world.members.values.filter { !$0.isMember }.isEmpty, "seed \(seed)")
        world.network.conditions = conditions
        return world
    }

    static func device(_ name: String) -> DeviceID { GroupWorld.require(DeviceID(name), "a device's name") }

    /// Whether all live members have the manager's secret, and nobody else has. A device that was never told that it is
    /// a member no longer may still hold an old one.
    static func hasConverged(_ world: GroupWorld) -> Bool {
        guard let manager = world.keyManager else { return false }
        let secret = manager.engine.trees.hardened.epochSecret
        let durable = Set(manager.engine.members.values.filter(\.isServer).map(\.device))
        for (name, node) in world.members where node.isAlive {
            let holds = secret != nil && node.engine.epochSecret == secret
            if durable.contains(device(name)) != holds { return false }
        }
        return true
    }

    @Test("serves joins that come close together by one rekey, and sends joiners nothing by multicast")
    func batch() throws {
        let world = try Self.group(8)
        let manager = try #require(world.keyManager)
        #expect(manager.engine.epoch <= 3)
        #expect(Self.hasConverged(world))
        #expect(manager.engine.trees.hardened.memberCount == 8)
    }

    @Test("a member that leaves is acknowledged once that is durable, and the others have the next epoch")
    func leave() throws {
        let world = try Self.group(4)
        let node = try #require(world.members["s1"])
        world.tell(node, .leave)
        #expect(world.run(until: { node.events.last == .left }, limit: .seconds(2)))
        #expect(world.store.state.member(of: Self.device("s1")) == nil)
        world.run(for: .seconds(1))
        #expect(Self.hasConverged(world))
        #expect(node.engine.epochSecret == nil)
    }

    @Test("an urgent eviction is on its way within the minimum gap, and the evicted member is told")
    func evict() throws {
        let world = try Self.group(4)
        let node = try #require(world.members["s2"])
        let manager = try #require(world.keyManager)
        let before = manager.engine.epoch
        world.tell(manager, .evict(Self.device("s2"), isUrgent: true))
        world.run(for: .milliseconds(25))
        #expect(manager.engine.epoch == before + 1)
        #expect(node.events.last == .evicted)
        #expect(Self.hasConverged(world))
    }

    @Test("an evicted member that has not heard of it is told when it asks")
    func evictionNotice() throws {
        let world = try Self.group(4)
        let node = try #require(world.members["s2"])
        let manager = try #require(world.keyManager)
        world.network.partition([node.address])
        world.tell(manager, .evict(Self.device("s2"), isUrgent: true))
        world.run(for: .seconds(2))
        #expect(node.isMember)
        world.network.heal()
        #expect(world.run(until: { node.events.last == .evicted }, limit: .seconds(3)))
    }

    @Test("a server that is silent for 90 s is evicted; one that is not goes on")
    func silence() throws {
        let world = try Self.group(3)
        world.crash("s0")
        world.run(for: .seconds(85))
        #expect(world.store.state.members.count == 3)
        world.run(for: .seconds(40))
        #expect(world.store.state.member(of: Self.device("s0")) == nil)
        #expect(world.store.state.members.count == 2)
        #expect(Self.hasConverged(world))
    }

    @Test("a device that starts again takes its own place, under a new number and with new keys")
    func rejoin() throws {
        let world = try Self.group(3)
        let old = try #require(world.members["s0"]?.id)
        world.crash("s0")
        let node = world.addMember("s0", roles: .server)
        world.run(for: .seconds(3))
        #expect(node.isMember && node.id != old)
        #expect(world.store.state.members.count == 3)
        #expect(Self.hasConverged(world))
    }

    @Test("a refresh gives a server new pairwise keys and a new leaf, and the group goes on", arguments: [0, 0.4])
    func refresh(loss: Double) throws {
        let world = try Self.group(4, conditions: LinkConditions(loss: loss))
        let node = try #require(world.members["s1"])
        let before = try #require(node.path?.secrets)
        world.tell(node, .refresh)
        world.run(for: .seconds(12))
        world.network.conditions = LinkConditions()
        world.run(for: .seconds(4))
        #expect(node.events.contains(.refreshed))
        let record = try #require(world.store.state.member(of: Self.device("s1")))
        #expect(record.generation == 1)
        #expect(record.pendingRefresh == nil, "the old keys are dropped once the new ones are used")
        #expect(node.path?.secrets != before)
        #expect(Self.hasConverged(world))
        world.tell(node, .leave)
        world.run(for: .seconds(2))
        #expect(node.events.last == .left)
    }

    @Test("members that miss a rekey ask, and get their keys")
    func resync() throws {
        let world = try Self.group(6)
        let manager = try #require(world.keyManager)
        let away = Set(["s1", "s2"].compactMap { world.members[$0]?.address })
        world.network.partition(away)
        for name in ["s3", "s4"] {
            world.tell(manager, .evict(Self.device(name), isUrgent: true))
            world.run(for: .milliseconds(300))
        }
        #expect(!Self.hasConverged(world))
        world.network.heal()
        #expect(world.run(until: { Self.hasConverged(world) }, limit: .seconds(3)))
    }

    @Test("declines a device when the tree is full, and the others go on")
    func full() throws {
        let world = try Self.group(4) {
            $0.adjustKeyManager = { $0.treeLimits = KeyTreeLimits(height: 2, locksMemory: false) }
        }
        world.enroll("late", roles: .server)
        world.run(for: .milliseconds(50))
        let node = world.addMember("late", roles: .server)
        world.run(for: .seconds(2))
        #expect(node.events == [.registrationFailed(.declined(.capacity))])
        #expect(Self.hasConverged(world))
    }

    // MARK: Commits

    @Test("a leader whose commit conflicts because another leads sends nothing from then on")
    func staleLeader() throws {
        let world = try Self.group(4)
        let stale = try #require(world.keyManager)
        let next = try world.startKeyManager(9, address: 9)
        world.tell(next, .wake)
        world.run(for: .milliseconds(20))
        #expect(next.isLeading)
        // The old one has not heard of it, and is asked to evict.
        let before = stale.transmissions
        world.records = true
        world.tell(stale, .evict(Self.device("s1"), isUrgent: true))
        let told = world.forwarders[0].told.count
        let sent = stale.transmissions
        world.run(for: .milliseconds(400))
        #expect(stale.events.last == .deposed)
        #expect(stale.transmissions == sent, "nothing that depends on the commit, and nothing else")
        #expect(sent - before <= 1, "at most a beacon before the conflict")
        let last = world.store.state.epoch
        let rekeys = world.recorded.compactMap { try? UnverifiedRekeyPacket($0).fields.epoch }
        #expect(rekeys.filter { $0 > last }.isEmpty)
        #expect(world.store.state.members.count == 4)
        let sinceThen = world.forwarders[0].told.dropFirst(told).filter {
            if case .epoch = $0 { true } else { false }
        }
        #expect(sinceThen.isEmpty)
        world.tell(stale, .evict(Self.device("s1"), isUrgent: true))
        world.run(for: .seconds(3))
        #expect(stale.transmissions == sent)
    }

    @Test("a commit that conflicts without another leader is dropped whole, and decided anew from what is")
    func conflict() throws {
        let world = try Self.group(4)
        let manager = try #require(world.keyManager)
        let epoch = manager.engine.epoch
        _ = world.store.commit(
            [.enrolled(try #require(world.store.state.credentials[Self.device("s0")]))], expected: world.store.revision)
        let sent = manager.transmissions
        world.tell(manager, .evict(Self.device("s1"), isUrgent: true))
        world.run(for: .microseconds(1_500))
        #expect(manager.engine.epoch == epoch)
        #expect(manager.transmissions <= sent + 1)
        #expect(world.store.state.members.count == 4)
        world.run(for: .milliseconds(100))
        #expect(manager.engine.epoch == epoch + 1)
        #expect(world.store.state.members.count == 3)
        world.run(for: .seconds(2))
        #expect(Self.hasConverged(world))
    }

    @Test("nothing that depends on a commit leaves before it is made")
    func waits() throws {
        let world = try Self.group(4)
        let manager = try #require(world.keyManager)
        world.run(for: .milliseconds(300))
        world.storeDelay = .seconds(3)
        let node = try #require(world.members["s1"])
        world.records = true
        world.tell(manager, .evict(Self.device("s1"), isUrgent: true))
        world.run(for: .milliseconds(2_900))
        let rekeys = world.recorded.filter { (try? UnverifiedRekeyPacket($0)) != nil }
        #expect(rekeys.isEmpty && node.isMember)
        world.run(for: .milliseconds(500))
        #expect(node.events.last == .evicted)
        #expect(!world.recorded.filter { (try? UnverifiedRekeyPacket($0)) != nil }.isEmpty)
    }

    @Test("an eviction that is asked for before the key manager leads is done once it does, and refused after its time")
    func commandsWait() throws {
        let world = try Self.group(3)
        world.kill(try #require(world.keyManager))
        let next = try world.startKeyManager()
        #expect(!next.isLeading)
        world.tell(next, .evict(Self.device("s1"), isUrgent: true))
        world.run(for: .seconds(1))
        #expect(world.store.state.member(of: Self.device("s1")) == nil)
        try world.startKeyManager(9, address: 9)
        world.tell(next, .evict(Self.device("s0"), isUrgent: true))
        world.run(for: .seconds(1))
        world.tell(next, .evict(Self.device("s2"), isUrgent: true))
        #expect(next.events.last == .refused)
        #expect(world.store.state.member(of: Self.device("s2")) != nil)
    }

    @Test("a leader fences itself by its own clock when its lease is not renewed")
    func fence() throws {
        let world = try Self.group(3) { $0.adjustKeyManager = { $0.limits.leaderFence = .seconds(4) } }
        let manager = try #require(world.keyManager)
        manager.holdsLease = false
        world.run(for: .seconds(5))
        let before = manager.transmissions
        world.tell(manager, .evict(Self.device("s1"), isUrgent: true))
        world.run(for: .seconds(5))
        #expect(manager.transmissions == before)
        #expect(world.store.state.members.count == 3)
    }

    @Test("a journal that is long enough becomes a snapshot, from which the same tree comes back")
    func snapshot() throws {
        let world = try Self.group(6) { $0.adjustKeyManager = { $0.journalLimit = 3 } }
        for name in ["s0", "s1", "s2"] {
            world.tell(try #require(world.keyManager), .evict(Self.device(name), isUrgent: true))
            world.run(for: .seconds(1))
        }
        #expect(world.store.state.snapshot != nil)
        #expect(world.store.state.journal.count <= 3)
        let before = try #require(world.keyManager)
        let secret = before.engine.trees.hardened.epochSecret
        world.kill(before)
        let after = try world.startKeyManager()
        #expect(after.engine.trees.hardened.epochSecret == secret)
        world.run(for: .seconds(3))
        #expect(Self.hasConverged(world))
    }

    // MARK: What members believe

    @Test("a key manager whose certificate was revoked cannot take itself off the list, nor set the time back")
    func revokedManager() throws {
        let world = try Self.group(2)
        let old = try #require(world.keyManager)
        world.kill(old)
        world.adjustKeyManager = { $0.revoked = [old.identity.certificate.serial] }
        let next = try world.startKeyManager(9, address: 9)
        world.run(for: .seconds(3))
        let node = try #require(world.members["s0"])
        #expect(node.controllers?.first == next.identity.id)
        let forged = Beacon(
            epoch: 99, height: 1, memberCount: 2, confirmation: [UInt8](repeating: 0, count: 16), counter: 1 << 60,
            directoryVersion: 0, time: 0, revoked: [],
            controllers: [ControllerEntry(id: old.identity.id, boot: old.identity.boot, address: old.address)],
            certificate: old.identity.certificate.bytes)
        let datagram = try #require(
            forged.datagram(suite: world.suite, group: world.group, key: old.identity.signingKey))
        world.tell(node, .datagram(datagram, from: old.address))
        #expect(node.controllers?.first == next.identity.id)
        world.tell(next, .evict(Self.device("s1"), isUrgent: true))
        world.run(for: .seconds(1))
        #expect(Self.hasConverged(world))
    }

    @Test("a beacon of before its registration tells a member nothing, so no process of before takes a place again")
    func oldBeacon() throws {
        let world = try Self.group(1)
        let old = try #require(world.keyManager)
        world.records = true
        world.run(for: .seconds(2))
        let recorded = try #require(
            world.recorded.first { if case .clear(_, .beacon) = DatagramClass($0) { true } else { false } })
        world.kill(old)
        let next = try world.startKeyManager()
        world.run(for: .seconds(2))
        world.enroll("late", roles: .server)
        world.run(for: .milliseconds(100))
        let node = world.addMember("late", roles: .server)
        #expect(world.run(until: { node.isMember }, limit: .seconds(10)))
        world.tell(node, .datagram(recorded, from: old.address))
        #expect(node.engine.session?.controllers.boot(next.identity.id) == next.identity.boot)
    }

    @Test("a member that the key manager does not answer for the length of its lease registers again")
    func lost() throws {
        let world = try Self.group(2)
        let node = try #require(world.members["s0"])
        let id = node.id
        world.network.partition([node.address])
        world.run(for: .seconds(91))
        #expect(node.events.contains(.lost))
        world.network.heal()
        #expect(world.run(until: { node.isMember && Self.hasConverged(world) }, limit: .seconds(40)))
        #expect(node.id != id)
    }
}
