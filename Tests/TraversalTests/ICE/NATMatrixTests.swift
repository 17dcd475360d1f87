import NetworkTypes
import TestKit
import Testing

@testable import Traversal

@Suite("ICE: ends behind NATs, in virtual time")
struct NATMatrixTests {
    /// What the RFCs allow: a NAT that draws a port for each peer meets one that lets in only ports that were sent to.
    static func goesDirect(_ left: NATKind, _ right: NATKind) -> Bool {
        let lets: Set<NATKind> = [.portRestricted, .twice, .symmetric]
        if left == .blocked || right == .blocked { return false }
        if left == .symmetric { return !lets.contains(right) }
        if right == .symmetric { return !lets.contains(left) }
        return true
    }

    private static let pairs = NATKind.allCases.flatMap { left in NATKind.allCases.map { (left, $0) } }

    @Test(arguments: pairs)
    func `each pair that the RFCs allow goes direct, without a relay and with loss`(
        left: NATKind, right: NATKind
    ) throws {
        for (seed, loss) in [(1, 0.0), (2, 0.1), (3, 0.1)] as [(UInt64, Double)] {
            var world = TraversalWorld([left, right], seed: seed, conditions: LinkConditions(loss: loss))
            world.start()
            let connected = world.run(for: .seconds(40)) { $0.isConnected }
            #expect(connected == Self.goesDirect(left, right), "seed \(seed), loss \(loss)")
            guard connected else {
                #expect(world.peers.allSatisfy { $0.failures.map(\.failure) == [.noPair] }, "seed \(seed)")
                continue
            }
            #expect(world.peers.allSatisfy { $0.engine.route?.isRelayed == false }, "seed \(seed)")
            try exchange(&world, seed)
        }
    }

    @Test(arguments: pairs)
    func `with relays every pair connects, and what can go direct ends up direct`(left: NATKind, right: NATKind) throws
    {
        for seed in [11, 12] as [UInt64] {
            var world = TraversalWorld(
                [left, right], seed: seed, conditions: LinkConditions(loss: 0.05), hasRelay: true, stream: .tcp)
            world.start()
            #expect(world.run(for: .seconds(20)) { $0.isConnected }, "seed \(seed)")
            world.run(for: .seconds(20))
            for peer in world.peers {
                #expect(peer.engine.route?.isRelayed == !Self.goesDirect(left, right), "seed \(seed)")
            }
            try exchange(&world, seed)
        }
    }

    /// Data of both kinds of first byte that QUIC has, both ways, over the routes of the moment.
    private func exchange(_ world: inout TraversalWorld, _ seed: UInt64) throws {
        world.internet.network.conditions.loss = 0
        world.run(for: .seconds(2))
        for index in [0, 1] {
            let data: [[UInt8]] = [
                [0xC3, UInt8(index)], [0x43, UInt8(index), 1, 2, 3], [UInt8](repeating: 0x7F, count: 1_228),
            ]
            let before = world.peers[1 - index].received.count
            for datagram in data { world.with(index) { $0.send(datagram, now: $1) } }
            world.run(for: .seconds(1))
            #expect(Array(world.peers[1 - index].received[before...]) == data, "seed \(seed), from \(index)")
        }
    }

    @Test func `two symmetric NATs meet at a relay within a second, over UDP too`() {
        for stream in [nil, ICEEngine.Relay.Stream.tcp] {
            var world = TraversalWorld([.symmetric, .symmetric], seed: 5, hasRelay: true, stream: stream)
            world.start()
            #expect(world.run(for: .seconds(1)) { $0.isConnected })
            #expect(world.peers.allSatisfy { $0.engine.route?.isRelayed == true })
        }
    }

    @Test func `a relayed pair serves first, and the direct one takes its place`() {
        var world = TraversalWorld([.portRestricted, .portRestricted], seed: 6, hasRelay: true)
        // The direct way is shut until both have met at the relay.
        world.meddler = { bytes, source, destination in
            let servers = [TraversalWorld.turnAddress.address, TraversalWorld.stunAddress.address]
            return servers.contains(source.address) || servers.contains(destination.address) ? bytes : nil
        }
        world.start()
        #expect(world.run(for: .seconds(5)) { $0.isConnected })
        #expect(world.peers.allSatisfy { $0.engine.route?.isRelayed == true })
        world.run(for: .seconds(25))
        world.meddler = nil
        #expect(world.run(for: .seconds(40)) { $0.peers.allSatisfy { $0.engine.route?.isRelayed == false } })
        #expect(world.peers.allSatisfy { $0.failures.isEmpty })
    }

    @Test func `a direct path that dies gives way to the relayed one within seconds, and comes back`() {
        var world = TraversalWorld([.portRestricted, .addressRestricted], seed: 7, hasRelay: true, stream: .tcp)
        world.start()
        #expect(world.run(for: .seconds(5)) { $0.peers.allSatisfy { $0.engine.route?.isRelayed == false } })
        world.run(for: .seconds(20))
        world.internet.silenced = Set(world.peers.map(\.base.address))
        let cut = world.clock.elapsed
        // Both are asked over streams, so the relays still reach them.
        #expect(world.run(for: .seconds(15)) { $0.peers.allSatisfy { $0.engine.route?.isRelayed == true } })
        #expect(world.clock.elapsed - cut < .seconds(12))
        world.internet.silenced = []
        #expect(world.run(for: .seconds(90)) { $0.peers.allSatisfy { $0.engine.route?.isRelayed == false } })
        #expect(world.peers.allSatisfy { $0.failures.isEmpty })
    }

    @Test func `the same seed gives the same run`() {
        let runs = (0..<2).map { _ in
            var world = TraversalWorld(
                [.twice, .addressRestricted], seed: 99, conditions: .hostile(loss: 0.2), hasRelay: true)
            world.start()
            world.run(for: .seconds(60))
            return world.internet.network.transcript.digest
        }
        #expect(runs[0] == runs[1])
    }
}
