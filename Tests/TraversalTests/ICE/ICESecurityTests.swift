import NetworkTypes
import TestKit
import Testing

@testable import Traversal

@Suite("ICE: what others on the way, and the peer itself, cannot do")
struct ICESecurityTests {
    private let start = ContinuousClock.now

    /// Candidates of a peer at addresses that count up.
    private func description(
        _ count: Int, at address: (Int) -> IPAddress, port: UInt16 = 50_000, seed: UInt64 = 1
    ) -> ICEDescription {
        var random = SeededGenerator(seed: seed)
        let candidates = (0..<count).compactMap {
            ICECandidate(
                .host, address: SocketEndpoint(address($0), port: port), priority: 2_130_706_431 - UInt32($0),
                foundation: "\($0)")
        }
        return ICEDescription(ICECredentials(using: &random), candidates: candidates, isComplete: true)
    }

    private func agent(isSameNetwork: Bool = false) throws -> ICEAgent {
        var agent = ICEAgent(
            .controlling, isSameNetwork: isSameNetwork, random: SeededGenerator(seed: 5), now: start)
        let base = try #require(SocketEndpoint("203.0.113.9:40000"))
        agent.addLocal(.host, address: base, base: base, preference: 65_535, now: start)
        return agent
    }

    /// Runs an agent whose checks nobody answers, and returns what it sent, and when.
    private func run(_ agent: inout ICEAgent, for duration: Duration) -> [(Duration, SocketEndpoint, [UInt8])] {
        var sent: [(Duration, SocketEndpoint, [UInt8])] = []
        while let next = agent.nextTimer, next <= start + duration {
            agent.handleTimer(now: next)
            while let output = agent.nextOutput() {
                if case .send(let bytes, _, let to) = output { sent.append((next - start, to, bytes)) }
            }
        }
        return sent
    }

    @Test func `a peer has no more than twenty candidates checked, however often it tells of others`() throws {
        var agent = try agent()
        agent.setRemote(description(40) { .v4(IPv4Address(192, 0, 2, UInt8($0 + 1))) }, now: start)
        for round in 1...5 {
            agent.setRemote(description(20) { .v4(IPv4Address(198, 51, UInt8(round), UInt8($0 + 1))) }, now: start)
        }
        #expect(agent.remoteCandidates.count == 20)
        #expect(agent.refusedCandidates == 120)
        let sent = run(&agent, for: .seconds(60))
        #expect(Set(sent.map(\.1)).count == 20)
        // Each is asked six times, and no more.
        #expect(sent.count == 120)
    }

    @Test func `checks are paced`() throws {
        var agent = try agent()
        agent.setRemote(description(20) { .v4(IPv4Address(192, 0, 2, UInt8($0 + 1))) }, now: start)
        let sent = run(&agent, for: .seconds(5))
        var seen: Set<[UInt8]> = []
        let first = sent.filter { seen.insert($0.2).inserted }.map(\.0)
        #expect(first == (0..<20).map { .milliseconds(50 * $0) })
    }

    @Test(arguments: ["192.168.1.1", "10.0.0.1", "169.254.0.1", "127.0.0.1", "100.64.0.1", "::ffff:192.168.1.1"])
    func `an address within a network is checked only when both ends are in it`(text: String) throws {
        let inside = try #require(IPAddress(text))
        var stranger = try agent()
        stranger.setRemote(description(1) { _ in inside }, now: start)
        #expect(run(&stranger, for: .seconds(60)).isEmpty)
        guard case .v4 = inside else { return }
        // Proved of another address, or from another own one, it stays unchecked.
        let own = try #require(IPAddress("203.0.113.9"))
        let beside = IPAddress.v4(IPv4Address(192, 168, 1, 3))
        stranger.provedSameNetwork(ICENeighbours(own: own, peer: beside), now: start + .seconds(60))
        stranger.provedSameNetwork(ICENeighbours(own: beside, peer: inside), now: start + .seconds(60))
        #expect(run(&stranger, for: .seconds(62)).isEmpty)
        stranger.provedSameNetwork(ICENeighbours(own: own, peer: inside), now: start + .seconds(62))
        #expect(stranger.nextTimer != nil)
        #expect(Set(run(&stranger, for: .seconds(64)).map(\.1.address)) == [inside])
        var neighbour = try agent(isSameNetwork: true)
        neighbour.setRemote(description(1) { _ in inside }, now: start)
        #expect(!run(&neighbour, for: .seconds(1)).isEmpty)
    }

    @Test func `servers' ports, groups and own addresses are never checked`() throws {
        var agent = try agent(isSameNetwork: true)
        agent.setRemote(description(1, at: { _ in .v4(IPv4Address(192, 0, 2, 1)) }, port: 53), now: start)
        agent.setRemote(description(1, at: { _ in .v4(IPv4Address(224, 0, 0, 1)) }), now: start)
        agent.setRemote(description(1, at: { _ in .v4(IPv4Address(203, 0, 113, 9)) }, port: 40_000), now: start)
        #expect(run(&agent, for: .seconds(30)).isEmpty)
        #expect(agent.refusedCandidates == 3)
    }

    @Test(arguments: SimulatedSTUNServer.Lie.allCases)
    func `a hostile STUN server cannot move the session`(lie: SimulatedSTUNServer.Lie) throws {
        let victim = try #require(SocketEndpoint("198.18.0.9:7000"))
        var world = TraversalWorld([.open, .open], seed: 21)
        world.stun.lie = lie
        world.stun.claimed = victim
        world.start()
        #expect(world.run(for: .seconds(5)) { $0.isConnected })
        world.run(for: .seconds(60))
        #expect(world.peers[0].engine.route?.remote == world.peers[1].base)
        #expect(world.peers[1].engine.route?.remote == world.peers[0].base)
        #expect(world.peers.allSatisfy { $0.failures.isEmpty })
        // What it claims is checked like any candidate of the peer, and nobody answers for it.
        #expect(world.internet.targets.contains(victim) == (lie == .otherAddress))
    }

    @Test func `unsigned and altered answers are as if they had not come`() {
        for change in [Self.unsigned, Self.altered] {
            var world = TraversalWorld([.open, .open], seed: 22)
            world.meddler = change
            world.start()
            #expect(!world.run(for: .seconds(30)) { $0.peers.contains { $0.engine.route != nil } })
            #expect(world.peers.allSatisfy { $0.failures.map(\.failure) == [.noPair] })
        }
    }

    /// Takes away what proves an answer of either peer.
    private static let unsigned: @Sendable ([UInt8], SocketEndpoint, SocketEndpoint) -> [UInt8]? = { bytes, source, _ in
        guard let message = try? STUNDatagram(bytes).message, message.kind == .success,
            source.address != TraversalWorld.stunAddress.address
        else { return bytes }
        return message.encoded(fingerprint: true)
    }

    /// Says another address, under the peer's proof, with a FINGERPRINT that is right.
    private static let altered: @Sendable ([UInt8], SocketEndpoint, SocketEndpoint) -> [UInt8]? = { bytes, source, _ in
        guard let message = try? STUNDatagram(bytes).message, message.kind == .success,
            source.address != TraversalWorld.stunAddress.address
        else { return bytes }
        var changed = Array(bytes.dropLast(8))
        changed[27] ^= 1
        changed[3] &-= 8
        return changed.withFingerprint
    }

    @Test func `a stranger who asks for another pair is told no, and nothing moves`() throws {
        var world = TraversalWorld([.open, .open], seed: 23)
        world.start()
        #expect(world.run(for: .seconds(5)) { $0.isConnected })
        world.run(for: .seconds(2))
        let routes = world.peers.map(\.engine.route)
        let stranger = try #require(SocketEndpoint("198.18.0.9:7000"))
        var random = SeededGenerator(seed: 9)
        let own = world.peers[1].engine.localDescription.credentials
        var request = STUNMessage(.request, .binding, transaction: .init(using: &random))
        request.append(.username, Array("\(own.fragment):abcd".utf8))
        request.append(.priority, number: UInt32(0x7FFF_FFFF))
        request.append(.iceControlling, number: UInt64.max)
        request.append(.useCandidate)
        request.append(.nomination, number: UInt32.max)
        for key in [nil, STUNKey(password: "guess")] {
            let base = world.peers[1].base
            world.with(1) { engine, now in
                engine.receive(request.encoded(key: key, fingerprint: true), at: base, from: stranger, now: now)
            }
        }
        world.run(for: .seconds(5))
        #expect(world.peers.map(\.engine.route) == routes)
        #expect(world.peers[1].engine.agent.remoteCandidates.allSatisfy { $0.address != stranger })
        // And data from there is nobody's.
        let base = world.peers[1].base
        world.with(1) { $0.receive([0xC0, 1, 2], at: base, from: stranger, now: $1) }
        #expect(world.peers[1].received.isEmpty)
    }
}

extension [UInt8] {
    fileprivate var withFingerprint: [UInt8] {
        var bytes = self
        bytes[3] &+= 8
        let value = Fingerprint.value(of: bytes)
        return bytes + [0x80, 0x28, 0, 4] + value
    }
}
