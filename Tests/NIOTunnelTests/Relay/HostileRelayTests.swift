import Crypto
import HTTPTypes
import NIOCore
import NIOTunnel
import NetworkTypes
import Relay
import RelayProtocol
import TestKit
import Testing
import Tunnel

@Suite("A relay that does what it can against a tunnel", .timeLimit(.minutes(2)))
struct HostileRelayTests {
    @Test("A relay that stands in for the gateway with a certificate of its own is told nothing")
    func standsIn() async throws {
        try await TestTunnel.run { tunnel in
            // Another gateway's listener, which answers whatever name is asked for.
            try await TestTunnel.run { impostor in
                let name = try #require(RelayName(keyDigest: tunnel.pin))
                let address = TunnelAddress(
                    host: "127.0.0.1", port: impostor.endpoint.port, serverName: name.serverName(at: "127.0.0.1"))
                await #expect {
                    _ = try await tunnel.dial(by: [address])
                } throws: { ($0 as? TunnelError)?.code == .untrustedPeer }
                #expect(impostor.doors.asked == 0)
            }
        }
    }

    @Test(
        "Bytes that are altered, left out, doubled or put in another order end the tunnel; the next one stands",
        arguments: [
            Mischief.flip, .drop, .double, .swap,
        ])
    func alters(mischief: Mischief) async throws {
        try await TestRelay.run { relay in
            try await TestTunnel.run { tunnel in
                try await relay.register(tunnel) {
                    let wire = MischievousWire(mischief, to: relay.endpoint)
                    try await wire.run { place in
                        let name = try #require(RelayName(keyDigest: tunnel.pin))
                        let address = TunnelAddress(
                            host: "127.0.0.1", port: place.port, serverName: name.serverName(at: "127.0.0.1"))
                        let carrier = try await tunnel.dial(by: [address])
                        defer { carrier.close(.closed) }
                        try await carrier.expect(.ok)
                        let served = tunnel.doors.peers.count
                        wire.begin()
                        await #expect(throws: (any Error).self) {
                            for _ in 0..<8 { try await carrier.expect(.ok) }
                        }
                        // Nothing that was altered was taken for a client's word.
                        #expect(tunnel.doors.peers.count == served)
                        wire.end()
                        let next = try await tunnel.dial(by: [address])
                        defer { next.close(.closed) }
                        try await next.expect(.ok)
                    }
                }
            }
        }
    }

    @Test("A relay that is not the pinned one gets no registration, though it passes everything on to the one that is")
    func passesOn() async throws {
        try await TestRelay.run { relay in
            try await TestRelay.run { other in
                try await TestTunnel.run { tunnel in
                    let events = Journal<RelayRegistrar.Event>()
                    let registrar = other.registrar(for: tunnel) { $0.pin = relay.identity.pin }
                    await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await registrar.run { events.note($0) } }
                        await events.wait {
                            if case .waiting(let reason, _) = $0 {
                                reason.contains("not the relay of the pin")
                            } else {
                                false
                            }
                        }
                        group.cancelAll()
                        while await group.nextResult() != nil {}
                    }
                    let counters = (try await other.server.counters(), try await relay.server.counters())
                    #expect(counters.0.gateways == 0)
                    #expect(counters.1.gateways == 0)
                }
            }
        }
    }

    @Test(
        "What was said to one relay registers nobody at another: the audience is another key",
        .enabled(if: OpenSSLClient.isInstalled))
    func replayed() async throws {
        try await TestRelay.run { relay in
            try await TestTunnel.run { tunnel in
                let client = try OpenSSLClient(tunnel.server)
                defer { client.remove() }
                let elsewhere = RegistrationRequest(audience: Array(repeating: 7, count: 32))
                let said = try await client.register(elsewhere, port: relay.endpoint.port, [])
                #expect(said.last == RelayRefusal.wrongAudience.rawValue)
                let here = RegistrationRequest(audience: relay.identity.pin)
                let taken = try await client.register(here, port: relay.endpoint.port, [])
                #expect(taken.count == RegistrationAnswer.byteCount && taken.first == 0)
                // TLS 1.2 signs the same for both ends, so that it would let a relay pose as the gateway.
                #expect(try await client.register(here, port: relay.endpoint.port, ["-tls1_2"]).isEmpty)
                let counters = try await relay.server.counters()
                #expect(counters.refusals[.wrongAudience] == 1)
                #expect(counters.failedHandshakes >= 1)
                // A registration without its standby connection is none.
                #expect(counters.gateways == 0)
            }
        }
    }

    @Test("A relay that calls without a client, or for nobody, costs the gateway a connection and nothing else")
    func callsForNobody() async throws {
        try await TestRelay.run { relay in
            try await TestTunnel.run { tunnel in
                var random = SystemRandomNumberGenerator()
                let hello = PlainHello.record(ticket: RelayTicket(using: &random), purpose: .answer, using: &random)
                await #expect {
                    try await tunnel.listener.fetch(from: relay.endpoint, hello: hello)
                } throws: { ($0 as? TunnelError)?.code == .refused }
                #expect(tunnel.listener.connectionCount == 0)
            }
        }
    }

    @Test("Whatever sources a relay tells, it has half of the places, and who comes directly gets in")
    func floods() async throws {
        var configuration = TunnelListenerConfiguration()
        configuration.maximumHandshakes = 8
        configuration.relayedSourceRate = .init(perSecond: 1_000, burst: 1_000)
        configuration.relayedRate = .init(perSecond: 1_000, burst: 1_000)
        try await TestTunnel.run(configuration: configuration) { tunnel in
            try await FalseRelay.run { relay in
                for number in UInt8(1)...20 {
                    relay.tell(SocketEndpoint(.v4(IPv4Address(203, 0, 113, number)), port: 1_000))
                    try? await tunnel.listener.fetch(from: relay.endpoint, hello: ByteBuffer(string: "hello"))
                }
                #expect(tunnel.listener.connectionCount <= 4)
                try await tunnel.expectService()
            }
        }
    }

    @Test("A source that comes too fast is turned away before TLS, and another one is not")
    func rates() async throws {
        var configuration = TunnelListenerConfiguration()
        configuration.relayedSourceRate = .init(perSecond: 0.001, burst: 2)
        try await TestTunnel.run(configuration: configuration) { tunnel in
            try await FalseRelay.run { relay in
                let hello = ByteBuffer(string: "hello")
                relay.tell(SocketEndpoint(.v4(IPv4Address(203, 0, 113, 1)), port: 1_000))
                try await tunnel.listener.fetch(from: relay.endpoint, hello: hello)
                try await tunnel.listener.fetch(from: relay.endpoint, hello: hello)
                await #expect {
                    try await tunnel.listener.fetch(from: relay.endpoint, hello: hello)
                } throws: { ($0 as? TunnelError)?.code == .refused }
                relay.tell(SocketEndpoint(.v4(IPv4Address(203, 0, 113, 2)), port: 1_000))
                try await tunnel.listener.fetch(from: relay.endpoint, hello: hello)
            }
        }
    }
}
