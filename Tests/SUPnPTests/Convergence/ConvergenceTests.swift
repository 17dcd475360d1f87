import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

/// Groups on networks that lose, double, shuffle, damage and cut. The time is virtual, and the seed is in every name.
@Suite("Convergence")
struct ConvergenceTests {
    /// A history of joins, leaves, evictions and crashes on a network with these conditions; gives the members that
    /// had not the key manager's secret, or had it and should not, 3 s after its last event.
    private func history(_ conditions: LinkConditions, seed: UInt64, servers: Int = 24, events: Int = 12) throws -> Int
    {
        let world = try KeyManagerTests.group(servers, seed: seed, conditions: conditions)
        var random = SeededGenerator(seed: seed &* 7)
        for _ in 0..<events {
            let name = "s\(Int.random(in: 0..<servers, using: &random))"
            switch Int.random(in: 0..<5, using: &random) {
            case 4: if world.members[name]?.isMember == false { world.addMember(name, roles: .server) }
            case 0: if let node = world.members[name], node.isAlive { world.tell(node, .leave) }
            case 1: world.crash(name)
            case 2:
                if let manager = world.keyManager {
                    world.tell(manager, .evict(KeyManagerTests.device(name), isUrgent: false))
                }
            default:
                if let manager = world.keyManager {
                    world.tell(manager, .evict(KeyManagerTests.device(name), isUrgent: true))
                }
            }
            world.run(for: .milliseconds(Int64.random(in: 0...700, using: &random)))
        }
        let stray = try strayAfterLastEvent(world)
        let fates = world.network.transcript.counts
        #expect(fates[.corrupted, default: 0] > 0, "seed \(seed): the network has flipped bits")
        #expect((fates[.lost, default: 0] > 0) == (conditions.loss > 0), "seed \(seed): it has lost datagrams")
        return stray
    }

    /// Runs until the key manager has been quiet, and 3 s beyond.
    private func strayAfterLastEvent(_ world: GroupWorld) throws -> Int {
        let manager = try #require(world.keyManager)
        var epoch = manager.engine.epoch
        var end = world.now + .seconds(3)
        while world.now < end {
            world.run(for: .milliseconds(100))
            if manager.engine.epoch != epoch {
                epoch = manager.engine.epoch
                end = world.now + .seconds(3)
            }
        }
        return Self.stray(world)
    }

    static func stray(_ world: GroupWorld) -> Int {
        guard let manager = world.keyManager else { return .max }
        let secret = manager.engine.trees.hardened.epochSecret
        let durable = Set(manager.engine.members.values.filter(\.isServer).map(\.device))
        return world.members.filter { name, node in
            node.isAlive && durable.contains(KeyManagerTests.device(name)) != (node.engine.epochSecret == secret)
        }.count
    }

    @Test(
        "within 3 s of the last event all live members have the epoch, and nobody else has",
        arguments: [0, 0.01, 0.05, 0.2])
    func converges(loss: Double) throws {
        for seed in 1...Histories.count(1) {
            let stray = try history(.hostile(loss: loss), seed: UInt64(seed))
            #expect(stray == 0, "loss \(loss), seed \(seed)")
        }
    }

    @Test("at a loss of one half nobody else has the epoch, most have it within 3 s, and all within 20 s")
    func half() throws {
        for seed in 1...Histories.count(1) {
            let seed = UInt64(seed)
            let world = try KeyManagerTests.group(24, seed: seed, conditions: .hostile(loss: 0.5))
            for name in ["s3", "s9", "s17"] {
                if let manager = world.keyManager {
                    world.tell(manager, .evict(KeyManagerTests.device(name), isUrgent: true))
                }
                world.run(for: .milliseconds(300))
            }
            let stray = try strayAfterLastEvent(world)
            #expect(stray <= 8, "of 21; seed \(seed)")
            #expect(world.run(until: { Self.stray(world) == 0 }, limit: .seconds(20)), "seed \(seed)")
        }
    }

    @Test("a partition between the key manager and half of the members heals into one epoch within 3 s")
    func partition() throws {
        for seed in 1...Histories.count(1) {
            let world = try KeyManagerTests.group(16, seed: UInt64(seed), conditions: .hostile(loss: 0.05))
            let island = Set((0..<8).compactMap { world.members["s\($0)"]?.address })
            world.network.partition(island)
            for name in ["s9", "s1", "s11"] {
                if let manager = world.keyManager {
                    world.tell(manager, .evict(KeyManagerTests.device(name), isUrgent: true))
                }
                world.run(for: .seconds(2))
            }
            #expect(Self.stray(world) >= 7, "seed \(seed): the island has not heard of it")
            world.network.heal()
            world.run(for: .seconds(3))
            #expect(Self.stray(world) == 0, "seed \(seed)")
        }
    }

    #if DEBUG
        @Test("no key meets a nonce twice, over joins, refreshes, requests, crashes and restarts of all three machines")
        func nonces() throws {
            let registry = NonceRegistry()
            try registry.watching {
                let (world, _, phone) = try ForwarderTests.world()
                world.network.conditions = .hostile(loss: 0.1)
                for round in 0..<6 {
                    world.request(phone, ForwarderTests.light)
                    if let lamp = world.members["lamp"] { world.tell(lamp, .refresh) }
                    world.tell(phone, .refresh)
                    world.run(for: .seconds(3))
                    switch round % 3 {
                    case 0:
                        if let manager = world.keyManager { world.kill(manager) }
                        try world.startKeyManager()
                    case 1: world.startForwarder()
                    default:
                        world.crash("lamp")
                        world.addMember("lamp", roles: .server, offers: [ServiceOffer(ForwarderTests.light)])
                    }
                    world.run(for: .seconds(3))
                }
            }
            #expect(registry.count > 100)
            #expect(registry.repeated.isEmpty)
        }
    #endif
}
