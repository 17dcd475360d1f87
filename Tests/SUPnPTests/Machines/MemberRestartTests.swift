#if DEBUG
    import GroupKeys
    import NetworkTypes
    import TestKit
    import Testing

    @testable import SUPnP

    /// Members that keep their keys, and lose everything else.
    @Suite("A member's restart with the keys that it kept")
    struct MemberRestartTests {
        @Test("it goes on as the same member, without its password, repeats no nonce and takes no message of before")
        func goesOn() throws {
            let registry = NonceRegistry()
            try registry.watching {
                let (world, _, phone) = try Self.world()
                let ids = ["lamp": try #require(world.members["lamp"]?.id), "phone": try #require(phone.id)]
                for round in 0..<4 {
                    Self.ask(world)
                    world.run(for: .seconds(1))
                    if round == 1 { world.startForwarder() }
                    let recorded = world.recorded
                    for name in ["lamp", "phone"] {
                        world.crash(name)
                        try #require(world.resumeMember(name) != nil)
                    }
                    world.run(for: .seconds(3))
                    #expect(Self.accepted(recorded, by: ["lamp", "phone"], in: world) == 0, "round \(round)")
                    for (name, id) in ids { #expect(world.members[name]?.id == id, "round \(round)") }
                    Self.ask(world)
                    world.run(for: .seconds(1))
                    #expect(world.members["lamp"]?.requests.count == 1, "round \(round)")
                    #expect(world.members["phone"]?.answers.count == 1, "round \(round)")
                }
                let registrations = world.recorded.filter {
                    if case .clear(_, .registrationRequest) = DatagramClass($0) { true } else { false }
                }
                #expect(registrations.isEmpty)
            }
            #expect(registry.count > 100)
            #expect(registry.repeated.isEmpty)
        }

        @Test("over lossy networks, refreshes, evictions and restarts of the controllers no nonce comes twice")
        func histories() throws {
            for seed in 1...UInt64(max(Histories.count(3), 1)) {
                let registry = NonceRegistry()
                try registry.watching {
                    let (world, _, _) = try Self.world()
                    world.network.conditions = .hostile(loss: 0.1)
                    var random = SeededGenerator(seed: seed)
                    for _ in 0..<8 {
                        Self.ask(world)
                        let names = ["lamp", "phone"]
                        for name in names where Bool.random(using: &random) {
                            if let node = world.members[name] { world.tell(node, .refresh) }
                        }
                        world.run(for: .milliseconds(Int.random(in: 1...2_500, using: &random)))
                        switch Int.random(in: 0..<4, using: &random) {
                        case 0:
                            if let manager = world.keyManager { world.kill(manager) }
                            try world.startKeyManager()
                        case 1: world.startForwarder()
                        default: break
                        }
                        for name in names where Bool.random(using: &random) {
                            world.crash(name)
                            try #require(world.resumeMember(name) != nil, "seed \(seed)")
                        }
                        world.run(for: .milliseconds(Int.random(in: 1...1_500, using: &random)))
                    }
                    world.network.conditions = LinkConditions()
                    // Longer than a PING's interval: a certificate whose PONG was lost comes with the next.
                    world.run(for: .seconds(40))
                    Self.ask(world)
                    world.run(for: .seconds(2))
                    let phone = try #require(world.members["phone"])
                    #expect(!phone.answers.isEmpty, "seed \(seed): \(phone.events)")
                    #expect(
                        world.members["lamp"]?.engine.epochSecret
                            == world.keyManager?.engine.trees.hardened.epochSecret,
                        "seed \(seed)")
                }
                #expect(registry.repeated.isEmpty, "seed \(seed)")
                #expect(registry.count > 100, "seed \(seed)")
            }
        }

        @Test("without the reservations it would repeat nonces and take an old request again")
        func withoutReservations() throws {
            let registry = NonceRegistry()
            try registry.watching {
                let (world, _, _) = try Self.world()
                Self.ask(world)
                world.run(for: .seconds(1))
                let recorded = world.recorded
                world.crash("lamp")
                let kept = try #require(world.keptMembers["lamp"])
                world.keptMembers["lamp"] = Self.forgetful(kept)
                world.resumeMember("lamp")
                world.run(for: .seconds(3))
                #expect(Self.accepted(recorded, by: ["lamp"], in: world) > 0)
            }
            #expect(!registry.repeated.isEmpty)
        }

        @Test("one that was evicted meanwhile is told so, and erases what it kept")
        func evictedMeanwhile() throws {
            let (world, lamp, _) = try Self.world()
            world.crash("lamp")
            let manager = try #require(world.keyManager)
            world.tell(manager, .evict(KeyManagerTests.device("lamp"), isUrgent: true))
            world.run(for: .seconds(2))
            let node = try #require(world.resumeMember("lamp"))
            world.run(for: .seconds(3))
            #expect(node.events.contains(.evicted))
            #expect(world.keptMembers["lamp"] == nil)
            #expect(lamp.isAlive == false)
        }

        // MARK: What the tests do

        private static func world() throws -> (GroupWorld, lamp: MemberNode, phone: MemberNode) {
            let made = try ForwarderTests.world { $0.membersKeepKeys = true }
            made.0.records = true
            return made
        }

        private static func ask(_ world: GroupWorld) {
            if let phone = world.members["phone"], phone.isAlive { world.request(phone, ForwarderTests.light, [1, 2]) }
        }

        /// How many requests and answers come out when all that was recorded is sent once more.
        private static func accepted(_ recorded: [[UInt8]], by names: [String], in world: GroupWorld) -> Int {
            let before = names.compactMap { world.members[$0]?.events.count }.reduce(0, +)
            let sources = world.forwarders.map(\.address) + [world.keyManager?.address].compactMap(\.self)
            for datagram in recorded {
                for name in names {
                    if let node = world.members[name] { world.tell(node, .datagram(datagram, from: sources[0])) }
                }
            }
            return names.compactMap { world.members[$0]?.events.count }.reduce(0, +) - before
        }

        private static func forgetful(_ kept: KeptMember) -> KeptMember {
            KeptMember(
                id: kept.id, suite: kept.suite, group: kept.group, isServer: kept.isServer, multicast: kept.multicast,
                registeredAt: kept.registeredAt,
                root: kept.root, keyID: kept.keyID, generation: kept.generation, relay: kept.relay,
                refresh: kept.refresh, refreshing: kept.refreshing, certificates: kept.certificates,
                channels: kept.channels.map {
                    KeptMember.Channel(
                        controller: $0.controller,
                        reservation: CounterReservation(
                            generation: kept.generation, sendCeiling: 0, receiveCeiling: 0),
                        usedBoots: $0.usedBoots)
                }, epoch: 0)
        }
    }
#endif
