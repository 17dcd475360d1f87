import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

/// What waits at a key manager: bounded whatever members say, and never lost when it matters.
@Suite("What waits at the key manager")
struct KeyManagerBoundsTests {
    private let start = VirtualClock().start

    private func waiting(changes: Int = 4) -> WaitingMembership {
        var limits = KeyManagerLimits()
        limits.waitingChanges = changes
        return WaitingMembership(limits: limits)
    }

    @Test("of what a member says again only the last waits, so that it keeps nobody else out")
    func lastOnly() throws {
        var waiting = waiting()
        let name = GroupWalkTests.light
        for number in 0..<UInt32(10) {
            let offers = number.isMultiple(of: 2) ? [ServiceOffer(name)] : []
            let isOfferTaken = waiting.change(.offers(0x1_0000, offers, correlation: number))
            #expect(isOfferTaken)
            let isConfirmationTaken = waiting.change(.refreshConfirmed(0x1_0000))
            #expect(isConfirmationTaken)
        }
        let isOtherTaken = waiting.change(.offers(0x1_0001, [], correlation: 77))
        #expect(isOtherTaken)
        let correlations = waiting.takeChanges().compactMap {
            if case .offers(_, _, let correlation) = $0 { correlation } else { nil }
        }
        #expect(correlations == [9, 77])
        let isLaterTaken = waiting.change(.offers(0x1_0000, [], correlation: 10))
        #expect(isLaterTaken)
        let taken = waiting.takeChanges().count
        #expect(taken == 1)
    }

    @Test("removals and what was set up here have their place when members' changes have none, each removal once")
    func always() throws {
        var waiting = waiting(changes: 2)
        for member in UInt32(1)...5 { _ = waiting.change(.offers(member, [], correlation: 0)) }
        let first = waiting.takeChanges().count
        #expect(first == 2)
        for member in UInt32(1)...5 { _ = waiting.change(.offers(member, [], correlation: 0)) }
        for _ in 0..<3 {
            for member in UInt32(1)...5 { _ = waiting.change(.removal(member, .evicted)) }
            for member in UInt32(1)...5 { _ = waiting.change(.removal(member, .left)) }
        }
        let isStruckOff = waiting.change(.administrative(.struckOff(KeyManagerTests.device("x"))))
        #expect(isStruckOff)
        let taken = waiting.takeChanges()
        #expect(taken.count == 2 + 5 + 1)
        let evicted = taken.filter { if case .removal(_, .evicted) = $0 { true } else { false } }
        #expect(evicted.count == 5, "an eviction stays one when the member leaves too")
    }

    @Test("a member that says LEAVE without end makes one event, and no room is lost for joins")
    func leaves() throws {
        var waiting = WaitingMembership(limits: KeyManagerLimits())
        for _ in 0..<70_000 {
            waiting.remove(0x1_0000, .left, isUrgent: false, now: start)
        }
        #expect(waiting.firesAt == start + .milliseconds(200))
        for _ in 0..<10 { _ = waiting.classic(.leave(0x1_0001, .left)) }
        let leave = waiting.takeClassic()
        #expect(leave != nil)
        let second = waiting.takeClassic()
        #expect(second == nil)
    }

    @Test("two classic devices that register at once get different KEYIDs, and none that a member has")
    func keyIDs() throws {
        var waiting = waiting()
        var state = GroupState()
        func member(_ id: UInt32, _ keyID: UInt16) -> MemberRecord {
            MemberRecord(
                id: id, device: KeyManagerTests.device("d\(id)"), roles: .client, suite: .classic, keyID: keyID,
                relay: SecretBytes([UInt8](repeating: 1, count: 32)), refresh: nil)
        }
        state.apply([.admitted([member(0x1_0000, 1), member(0x1_0001, 2)])])
        #expect(state.classicMember(keyID: 2)?.id == 0x1_0001)
        let one = waiting.allocateClassicKeyID(in: state)
        #expect(one == 3)
        let two = waiting.allocateClassicKeyID(in: state)
        #expect(two == 4)
        state.apply([.removed([0x1_0001])])
        #expect(state.classicMember(keyID: 2) == nil)
        let three = waiting.allocateClassicKeyID(in: state)
        #expect(three == 5, "one that has just been given back is not given at once")
    }

    @Test("a classic member is served once in 200 ms too")
    func classicResyncs() {
        var delivery = RekeyDelivery(limits: KeyManagerLimits(), now: start)
        let atOnce = delivery.servesAlone(1, now: start)
        #expect(atOnce)
        let tooSoon = delivery.servesAlone(1, now: start + .milliseconds(199))
        #expect(!tooSoon)
        let another = delivery.servesAlone(2, now: start + .milliseconds(199))
        #expect(another)
        let later = delivery.servesAlone(1, now: start + .milliseconds(200))
        #expect(later)
    }

    @Test("each copy of an answer counts among the 2,000 in a second")
    func copiesCount() {
        var limits = KeyManagerLimits()
        limits.resyncsPerSecond = 40
        var delivery = RekeyDelivery(limits: limits, now: start)
        for epoch in 0..<3 {
            let now = start + .seconds(epoch)
            delivery.began([], coverage: [], members: 10, now: now)
            _ = delivery.missed(by: 1, leaf: 1, isOneBehind: false, now: now)
        }
        #expect(delivery.copies == 4)
        let now = start + .seconds(20)
        delivery.began([], coverage: [], members: 10, now: now)
        var served = 0
        for member in UInt32(1)...100
        where delivery.missed(by: member, leaf: member, isOneBehind: false, now: now) == .unicast {
            served += 1
        }
        #expect(served == 10)
    }

    @Test("changes that have become void do not hold up those behind them")
    func voidChanges() throws {
        let world = try KeyManagerTests.group(1)
        let manager = try #require(world.keyManager)
        world.run(for: .milliseconds(20))
        for member in UInt32(0)..<130 { _ = manager.engine.waiting.change(.removal(0x9_0000 + member, .left)) }
        let commits = world.store.commits.count
        world.tell(manager, .bridge(KeyManagerTests.device("s0"), []))
        #expect(world.store.commits.count == commits + 1)
    }

    // MARK: What is wanted here

    @Test("an eviction that is wanted while the state is read again is not lost")
    func evictionWhileRereading() throws {
        let world = try KeyManagerTests.group(4)
        let manager = try #require(world.keyManager)
        world.storeDelay = .milliseconds(100)
        let record = try #require(world.store.state.credentials[KeyManagerTests.device("s0")])
        _ = world.store.commit([.enrolled(record)], expected: world.store.revision)
        world.tell(manager, .evict(KeyManagerTests.device("s1"), isUrgent: true))
        world.run(for: .milliseconds(150))
        #expect(!manager.isLeading)
        world.tell(manager, .evict(KeyManagerTests.device("s2"), isUrgent: true))
        world.run(for: .seconds(2))
        #expect(world.store.state.members.count == 2)
        #expect(KeyManagerTests.hasConverged(world))
    }

    @Test(
        "a device that is struck off while its admission waits, or is being committed, is no member",
        arguments: [1, 400])
    func struckOff(storeDelay: Int) throws {
        let world = try KeyManagerTests.group(2)
        let manager = try #require(world.keyManager)
        let late = KeyManagerTests.device("late")
        world.enroll("late", roles: .server)
        world.run(for: .milliseconds(50))
        world.addMember("late", roles: .server)
        #expect(world.run(until: { manager.engine.waiting.firesAt != nil }, limit: .seconds(3)))
        world.storeDelay = .milliseconds(storeDelay)
        if storeDelay > 1 {
            let before = world.store.state.members.count
            #expect(world.run(until: { world.store.state.members.count > before }, limit: .seconds(1)))
        }
        world.tell(manager, .strikeOff(late))
        world.run(for: .seconds(3))
        #expect(world.store.state.credentials[late] == nil)
        #expect(world.store.state.member(of: late) == nil)
        #expect(manager.engine.trees.hardened.memberCount == 2)
        #expect(KeyManagerTests.hasConverged(world))
    }

    @Test("an eviction that waits is refused aloud when another leads")
    func refusedWhenDeposed() throws {
        let world = try KeyManagerTests.group(3)
        let stale = try #require(world.keyManager)
        world.tell(try world.startKeyManager(9, address: 9), .wake)
        world.run(for: .milliseconds(20))
        world.storeDelay = .milliseconds(100)
        world.tell(stale, .evict(KeyManagerTests.device("s1"), isUrgent: true))
        world.run(for: .milliseconds(150))
        world.tell(stale, .evict(KeyManagerTests.device("s2"), isUrgent: true))
        world.run(for: .milliseconds(200))
        #expect(stale.events.suffix(2) == [.refused, .deposed])
        #expect(world.store.state.members.count == 3)
    }

    // MARK: Fences

    @Test("what was committed is not told once the lease is over, and is told when it is renewed after all")
    func lateAnswer() throws {
        let world = try KeyManagerTests.group(4) { $0.adjustKeyManager = { $0.limits.leaderFence = .seconds(4) } }
        let manager = try #require(world.keyManager)
        let node = try #require(world.members["s1"])
        world.storeDelay = .seconds(6)
        world.tell(manager, .evict(KeyManagerTests.device("s1"), isUrgent: true))
        manager.holdsLease = false
        world.run(for: .seconds(5))
        let (sent, told) = (manager.transmissions, world.forwarders[0].told.count)
        world.run(for: .seconds(5))
        #expect(world.store.state.members.count == 3)
        #expect(manager.transmissions == sent && world.forwarders[0].told.count == told)
        #expect(node.isMember)
        manager.holdsLease = true
        world.storeDelay = .milliseconds(1)
        world.run(for: .seconds(2))
        #expect(node.events.last == .evicted)
        #expect(KeyManagerTests.hasConverged(world))
    }

    @Test("no acknowledgement, REG_DONE or event for the forwarders leaves before its commit is made")
    func acknowledgements() throws {
        let (world, lamp, phone) = try ForwarderTests.world()
        for name in ["late", "leaver"] { world.enroll(name, roles: .server) }
        world.enroll("tablet", roles: .client)
        world.run(for: .milliseconds(50))
        let leaver = world.addMember("leaver", roles: .server)
        world.run(for: .seconds(4))
        try #require(leaver.isMember)
        world.storeDelay = .seconds(5)
        let before = world.members.mapValues(\.events.count)
        let told = world.forwarders[0].told.count
        world.tell(leaver, .leave)
        world.tell(phone, .refresh)
        world.tell(lamp, .refresh)
        world.tell(lamp, .offer([ServiceOffer(GroupWorld.require(ServiceName("urn:a:service:Other:1"), "a name"))]))
        let joining = [world.addMember("late", roles: .server), world.addMember("tablet", roles: .client)]
        world.run(for: .milliseconds(1_900))
        for (name, count) in before { #expect(world.members[name]?.events.count == count, "\(name)") }
        #expect(joining.filter { $0.isMember }.isEmpty)
        let events = world.forwarders[0].told.dropFirst(told).filter {
            if case .progress = $0 { false } else { true }
        }
        #expect(events.isEmpty)
        world.storeDelay = .milliseconds(1)
        world.run(for: .seconds(14))
        #expect(leaver.events.last == .left && lamp.events.contains(.refreshed) && phone.events.contains(.refreshed))
        #expect(phone.engine.services.count == 1, "what is offered has changed")
        #expect(joining.filter { !$0.isMember }.isEmpty)
    }

    @Test("a forwarder follows no leader whose successor it has heard, whatever the numbers of its events")
    func staleStream() throws {
        let (world, lamp, _) = try ForwarderTests.world()
        let forwarder = world.forwarders[0]
        let gone = ForwarderEvent.memberGone(try #require(lamp.id))
        let term = try #require(world.store.state.leadership?.term)
        for number in UInt64(1)...2_000 {
            world.tell(forwarder, .event(NumberedForwarderEvent(term: term - 1, number: number, event: gone)))
        }
        #expect(forwarder.engine.memberCount == 2)
        forwarder.hearsKeyManager = false
        for number in UInt64(1)...2_000 {
            world.tell(forwarder, .event(NumberedForwarderEvent(term: term, number: number, event: gone)))
        }
        #expect(forwarder.engine.memberCount == 1, "its leader's own are followed")
    }

    // MARK: Those that are members no longer

    @Test("a member that a key manager evicts before it has heard of it, having started again, is told when it asks")
    func evictionNotice() throws {
        let world = try KeyManagerTests.group(4)
        let node = try #require(world.members["s2"])
        world.network.partition([node.address])
        world.kill(try #require(world.keyManager))
        let next = try world.startKeyManager()
        world.run(for: .seconds(1))
        world.tell(next, .evict(KeyManagerTests.device("s2"), isUrgent: true))
        world.run(for: .seconds(1))
        world.network.heal()
        #expect(world.run(until: { node.events.last == .evicted }, limit: .seconds(5)))
    }

    // MARK: A device whose record has changed

    private func mixed() throws -> GroupWorld {
        let world = GroupWorld(seed: 17)
        world.adjustKeyManager = { $0.registrar.minimumSuite = .classic }
        world.startForwarder()
        world.tell(try world.startKeyManager(), .wake)
        world.run(for: .milliseconds(50))
        for name in ["a", "b"] { world.enrollClassic(name, password: "swordfish", roles: .server) }
        for name in ["c", "d"] { world.enroll(name, roles: .server) }
        world.run(for: .milliseconds(50))
        for name in ["a", "b", "c", "d"] {
            world.addMember(name, roles: .server)
            world.run(for: .seconds(1))
        }
        try #require(world.members.values.filter { !$0.isMember }.isEmpty)
        return world
    }

    @Test("a classic server that comes back hardened leaves the paper's tree, and its traffic key is another")
    func upgrade() throws {
        let world = try mixed()
        let manager = try #require(world.keyManager)
        let key = manager.engine.trees.classic.trafficKey
        world.passwords["a"] = nil
        world.enroll("a", roles: .server)
        world.run(for: .milliseconds(50))
        world.crash("a")
        let node = world.addMember("a", roles: .server)
        #expect(world.run(until: { node.isMember }, limit: .seconds(40)))
        world.run(for: .seconds(2))
        #expect(manager.engine.trees.classic.memberCount == 1)
        #expect(manager.engine.trees.hardened.memberCount == 3)
        #expect(manager.engine.trees.classic.trafficKey != key)
        #expect(world.members["b"]?.trafficKeyID == manager.engine.trees.classic.trafficKeyID)
        #expect(world.store.state.members.count == 4)
    }

    @Test("a hardened server that comes back classic leaves its own tree, and nobody else's leaf is touched")
    func downgrade() throws {
        let world = try mixed()
        let manager = try #require(world.keyManager)
        let epoch = manager.engine.epoch
        world.codes["c"] = nil
        world.enrollClassic("c", password: "swordfish", roles: .server)
        world.run(for: .milliseconds(50))
        world.crash("c")
        let node = world.addMember("c", roles: .server)
        #expect(world.run(until: { node.isMember }, limit: .seconds(40)))
        world.run(for: .seconds(2))
        #expect(manager.engine.epoch > epoch)
        #expect(manager.engine.trees.hardened.memberCount == 1)
        #expect(manager.engine.trees.classic.memberCount == 3)
        for name in ["a", "b", "c"] {
            #expect(world.members[name]?.trafficKeyID == manager.engine.trees.classic.trafficKeyID, "\(name)")
        }
    }

    // MARK: Devices

    @Test("a device that could not register asks at each input to be woken for its next try")
    func nextTry() throws {
        let world = try KeyManagerTests.group(4) {
            $0.adjustKeyManager = { $0.treeLimits = KeyTreeLimits(height: 2, locksMemory: false) }
        }
        world.enroll("late", roles: .server)
        world.run(for: .milliseconds(50))
        let node = world.addMember("late", roles: .server)
        #expect(world.run(until: { !node.events.isEmpty }, limit: .seconds(3)))
        node.engine.handle(.wake, now: world.now)
        var wakes: [ContinuousClock.Instant] = []
        while let output = node.engine.nextOutput() { if case .wake(let at) = output { wakes.append(at) } }
        #expect(wakes == [world.now + .seconds(2)])
    }
}
