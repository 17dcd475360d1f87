import NetworkTypes
import TestKit
import Testing

@testable import Traversal

@Suite("ICE: roles, nomination, consent, restarts")
struct ICESessionLifeTests {
    @Test(arguments: [ICEAgent.Role.controlling, .controlled], [1, 2, 3, 4])
    func `two ends of one role settle who chooses`(role: ICEAgent.Role, seed: UInt64) {
        var world = TraversalWorld([.open, .portRestricted], seed: seed, roles: [role, role])
        world.start()
        #expect(world.run(for: .seconds(10)) { $0.isConnected }, "seed \(seed)")
        #expect(Set(world.peers.map(\.engine.agent.role)).count == 2, "seed \(seed)")
    }

    @Test func `a connection takes two round trips of checks, and no more`() {
        var conditions = LinkConditions()
        conditions.latency = .milliseconds(20)
        var world = TraversalWorld([.portRestricted, .addressRestricted], seed: 3, conditions: conditions)
        world.start()
        #expect(world.run(for: .seconds(5)) { $0.isConnected })
        // STUN 40 ms, description 40 ms, then pacing and checks.
        #expect(world.clock.elapsed < .milliseconds(400))
    }

    @Test func `towards an end that follows no later nominations, one pair is nominated, and it is the direct one`() {
        var world = TraversalWorld([.portRestricted, .portRestricted], seed: 4, hasRelay: true) {
            configuration, index in
            if index == 1 { configuration.ice.renominates = false }
        }
        world.start()
        #expect(world.run(for: .seconds(10)) { $0.isConnected })
        world.run(for: .seconds(60))
        for peer in world.peers {
            #expect(peer.routes.count == 1 && peer.routes.first?.route.isRelayed == false)
        }
    }

    @Test func `consent ends thirty seconds after the last answer, and data with it`() throws {
        var world = TraversalWorld([.open, .open], seed: 5)
        world.start()
        #expect(world.run(for: .seconds(5)) { $0.isConnected })
        world.run(for: .seconds(60))
        #expect(world.peers.allSatisfy { $0.failures.isEmpty })
        let cut = world.clock.elapsed
        world.internet.silenced = [world.peers[1].base.address]
        world.run(for: .seconds(60))
        for peer in world.peers {
            #expect(peer.failures.map(\.failure) == [.silent])
            let lost = try #require(peer.failures.first).at - cut
            #expect((.seconds(23)...(.seconds(32))).contains(lost), "\(lost)")
            #expect(peer.engine.route == nil)
        }
        world.internet.silenced = []
        world.with(0) { $0.send([0xC0], now: $1) }
        #expect(world.run(for: .seconds(1)) { !$0.peers[1].received.isEmpty } == false)
    }

    @Test func `a pair that is not used is kept open`() {
        var world = TraversalWorld([.open, .open], seed: 6)
        world.start()
        world.run(for: .seconds(600))
        #expect(world.isConnected && world.peers.allSatisfy { $0.failures.isEmpty && $0.routes.count <= 2 })
    }

    @Test func `a restart changes credentials and not the flow of data`() {
        var world = TraversalWorld([.portRestricted, .endpointIndependent], seed: 7)
        world.start()
        #expect(world.run(for: .seconds(5)) { $0.isConnected })
        let before = world.peers.map(\.engine.localDescription.credentials)
        world.with(0) { $0.restart(now: $1) }
        for step in 0..<100 {
            world.with(0) { $0.send([0xC0, UInt8(step)], now: $1) }
            world.run(for: .milliseconds(20))
        }
        #expect(world.peers[1].received.count == 100)
        #expect(zip(before, world.peers.map(\.engine.localDescription.credentials)).allSatisfy { $0 != $1 })
        #expect(world.peers.allSatisfy { $0.engine.agent.former == nil && $0.failures.isEmpty })
    }

    @Test func `an end that changes networks is found again by its own checks`() throws {
        var world = TraversalWorld([.open, .portRestricted], seed: 8)
        world.start()
        #expect(world.run(for: .seconds(5)) { $0.isConnected })
        world.run(for: .seconds(5))
        let old = world.peers[0].base
        let new = SocketEndpoint(.v4(IPv4Address(203, 0, 113, 77)), port: 41_000)
        world.peers[0].base = new
        world.with(0) { engine, now in
            engine.removeSocket(old, now: now)
            engine.addSocket(new, preference: 65_535, now: now)
        }
        #expect(world.run(for: .seconds(8)) { $0.peers[1].engine.route?.remote == new })
        world.with(1) { $0.send([0xC0, 1], now: $1) }
        #expect(world.run(for: .seconds(1)) { !$0.peers[0].received.isEmpty })
    }

    @Test func `TURN credentials that expire end the relay with a word, and new ones bring another`() {
        var world = TraversalWorld([.symmetric, .symmetric], seed: 9, hasRelay: true)
        world.start()
        #expect(world.run(for: .seconds(5)) { $0.isConnected })
        world.run(for: .seconds(100))
        world.turn.nonce = "nonce-2"
        world.run(for: .seconds(600))
        // A stale nonce alone is no news to anybody.
        #expect(world.isConnected && world.peers.allSatisfy { $0.endedRelays.isEmpty && $0.failures.isEmpty })
        world.turn.password = "changed"
        world.run(for: .seconds(700))
        #expect(world.peers.allSatisfy { $0.endedRelays == [.credentials] })
        for index in [0, 1] {
            // The old allocation still has the socket's address at the server, as RFC 8656 §5 says.
            world.with(index) { engine, now in
                engine.addRelay(
                    ICEEngine.Relay(
                        TraversalWorld.turnAddress, stream: .tcp, username: "user", password: "changed"), now: now)
            }
        }
        #expect(world.run(for: .seconds(30)) { $0.isConnected })
    }
}
