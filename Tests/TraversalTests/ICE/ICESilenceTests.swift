import NetworkTypes
import TestKit
import Testing

@testable import Traversal

@Suite("ICE: a path on which nothing answers is noticed by what its user sends")
struct ICESilenceTests {
    /// Data both ways each 50 ms, as a stream and its acknowledgements are; what is sent expects an answer.
    private func talk(_ world: inout TraversalWorld, for duration: Duration) {
        let end = world.clock.elapsed + duration
        while world.clock.elapsed < end {
            for index in 0..<2 {
                let arrived = world.peers[index].received.count
                world.with(index) { engine, now in
                    if arrived > 0 { engine.answered() }
                    engine.expectAnswer(now: now)
                    engine.send([0xC0, 1], now: now)
                }
                world.peers[index].received = []
            }
            world.run(for: .milliseconds(50))
        }
    }

    /// How long after the cut the controlling end said that nothing answers.
    private func noticed(seed: UInt64, expecting: Bool) throws -> Duration {
        var world = TraversalWorld([.portRestricted, .portRestricted], seed: seed)
        world.start()
        #expect(world.run(for: .seconds(10)) { $0.isConnected }, "seed \(seed)")
        if expecting { talk(&world, for: .seconds(7)) } else { world.run(for: .seconds(7)) }
        #expect(world.peers.allSatisfy { $0.silences.isEmpty }, "seed \(seed)")
        let cut = world.clock.elapsed
        world.internet.silenced = [world.peers[1].base.address]
        if expecting { talk(&world, for: .seconds(10)) } else { world.run(for: .seconds(10)) }
        return try #require(world.peers[0].silences.first { $0.isSilent }?.at, "seed \(seed)") - cut
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `a cut is known within two seconds while data is sent, and the user hears of it`(seed: UInt64) throws {
        let told = try noticed(seed: seed, expecting: true)
        #expect(told < .seconds(2), "\(told), seed \(seed)")
    }

    @Test func `without data it is known only when consent is asked for`() throws {
        let told = try (1...20).map { try noticed(seed: $0, expecting: false) }
        #expect(try #require(told.max()) > .seconds(3), "\(told)")
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `a gap that ends is told of, and taken back`(seed: UInt64) {
        var world = TraversalWorld([.portRestricted, .portRestricted], seed: seed)
        world.start()
        #expect(world.run(for: .seconds(10)) { $0.isConnected }, "seed \(seed)")
        talk(&world, for: .seconds(2))
        world.internet.silenced = [world.peers[1].base.address]
        talk(&world, for: .seconds(4))
        world.internet.silenced = []
        talk(&world, for: .seconds(4))
        let said = world.peers[0].silences.map(\.isSilent)
        #expect(said.count >= 2 && said.first == true && said.last == false, "\(said), seed \(seed)")
        #expect(said.dropLast().allSatisfy { $0 }, "\(said), seed \(seed)")
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `with a relay in reserve it takes its place within four seconds, and nobody is alarmed`(seed: UInt64) throws {
        var world = TraversalWorld([.portRestricted, .portRestricted], seed: seed, hasRelay: true)
        world.start()
        #expect(world.run(for: .seconds(10)) { $0.isConnected }, "seed \(seed)")
        talk(&world, for: .seconds(20))
        #expect(world.peers[0].engine.route?.isRelayed == false, "seed \(seed)")
        let direct = Set(world.peers.compactMap { $0.engine.route?.remote.address })
        let bases = Set(world.peers.map(\.base.address))
        let cut = world.clock.elapsed
        world.meddler = { bytes, source, destination in
            direct.contains(source.address) && bases.contains(destination.address) ? nil : bytes
        }
        talk(&world, for: .seconds(10))
        let moved = try #require(world.peers[0].routes.last, "seed \(seed)")
        #expect(moved.route.isRelayed && moved.at - cut < .seconds(4), "\(moved), seed \(seed)")
        #expect(world.peers[0].silences.isEmpty, "seed \(seed)")
    }

    @Test func `data that is answered costs no question beyond those about consent`() {
        var counts: [Int] = []
        for expecting in [true, false] {
            var world = TraversalWorld([.open, .open], seed: 4)
            world.start()
            _ = world.run(for: .seconds(10)) { $0.isConnected }
            world.run(for: .seconds(2))
            let before = world.peers[0].engine.agent.sentChecks
            if expecting { talk(&world, for: .seconds(60)) } else { world.run(for: .seconds(60)) }
            counts.append(Int(world.peers[0].engine.agent.sentChecks - before))
        }
        #expect(abs(counts[0] - counts[1]) <= 3, "\(counts)")
    }
}
