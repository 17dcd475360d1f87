import HTTPTypes
import NIOCore
import NIOPosix
import NIOTunnel
import NetworkTypes
import Relay
import RelayProtocol
import TestKit
import Testing
import Tunnel

@Suite("A relay's life", .timeLimit(.minutes(2)))
struct RelayLifeTests {
    @Test("A relay that is started again has its gateway back by itself, and its clients too")
    func restarts() async throws {
        let identity = try TestRelay.identity()
        // An address of its own, on which no other test takes the port while the relay is away.
        let own = IPv4Address(127, .random(in: 1...254), .random(in: 1...254), .random(in: 1...254))
        try await TestTunnel.run { tunnel in
            let events = Journal<RelayRegistrar.Event>()
            let place = Shared<SocketEndpoint?>(nil)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let registrar = try await TestRelay.run(
                    on: SocketEndpoint(.v4(own), port: 0), identity: identity
                ) { relay in
                    place.value = relay.endpoint
                    return relay.registrar(for: tunnel)
                }
                // The relay is gone, and its port is free.
                group.addTask { try await registrar.run { events.note($0) } }
                await events.wait { if case .waiting = $0 { true } else { false } }
                let endpoint = try #require(place.value)
                for _ in 0..<2 {
                    let seen = events.noted.count
                    try await TestRelay.run(on: endpoint, identity: identity) { relay in
                        await events.wait(after: seen) { if case .registered = $0 { true } else { false } }
                        let carrier = try await tunnel.dial(by: [relay.address(of: tunnel)])
                        defer { carrier.close(.closed) }
                        try await carrier.expect(.ok)
                    }
                }
                group.cancelAll()
                while await group.nextResult() != nil {}
            }
        }
    }

    @Test(
        "A relay that is told to stop tells its gateways, takes nobody new, lets who talks go on, and ends when they have"
    )
    func drains() async throws {
        let ended = Shared(false)
        try await TestTunnel.run { tunnel in
            let events = Journal<RelayRegistrar.Event>()
            try await TestRelay.run { relay in
                try await relay.register(tunnel, events: events) {
                    let carrier = try await tunnel.dial(by: [relay.address(of: tunnel)])
                    try await carrier.expect(.ok)
                    relay.server.beginGracefulShutdown()
                    await events.wait { $0 == .draining(seconds: 5) }
                    var hasty = TunnelDialerConfiguration()
                    hasty.connectTimeout = .seconds(2)
                    await #expect(throws: TunnelError.self) {
                        _ = try await tunnel.dial(by: [relay.address(of: tunnel)], configuration: hasty)
                    }
                    try await carrier.expect(.ok)
                    carrier.close(.closed)
                    await events.wait { if case .waiting = $0 { true } else { false } }
                }
            }
        }
        ended.value = true
        #expect(ended.value)
    }

    @Test("A second registration of the same key replaces the first, which is told and does not fight for it")
    func replaced() async throws {
        try await TestRelay.run { relay in
            try await TestTunnel.run { tunnel in
                let first = Journal<RelayRegistrar.Event>()
                try await relay.register(tunnel, configure: { $0.refusalPause = .seconds(3_600) }, events: first) {
                    try await relay.register(tunnel) {
                        await first.wait {
                            if case .waiting(let reason, let next) = $0 {
                                reason.contains("another registration") && next >= .seconds(3_600)
                            } else {
                                false
                            }
                        }
                        let carrier = try await tunnel.dial(by: [relay.address(of: tunnel)])
                        defer { carrier.close(.closed) }
                        try await carrier.expect(.ok)
                        let counters = try await relay.server.counters()
                        #expect(counters.replacements == 1)
                        #expect(counters.gateways == 1)
                    }
                }
            }
        }
    }

    @Test("A gateway that is not invited is told so, and one that has the secret is let in")
    func invitations() async throws {
        let invited = try InviteList(text: "token a-secret-of-19-chars")
        try await TestRelay.run(configure: { $0.invited = invited }) { relay in
            try await TestTunnel.run { tunnel in
                let events = Journal<RelayRegistrar.Event>()
                let stranger = relay.registrar(for: tunnel)
                await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await stranger.run { events.note($0) } }
                    await events.wait {
                        if case .waiting(let reason, _) = $0 { reason.contains("invited gateways only") } else { false }
                    }
                    group.cancelAll()
                    while await group.nextResult() != nil {}
                }
                try await relay.register(tunnel, configure: { $0.invitation = "a-secret-of-19-chars" }) {
                    let carrier = try await tunnel.dial(by: [relay.address(of: tunnel)])
                    defer { carrier.close(.closed) }
                    try await carrier.expect(.ok)
                }
            }
        }
    }

    @Test("A gateway that is not there is told at once, and the relay's limit of sessions too")
    func refusals() async throws {
        try await TestRelay.run(configure: { $0.limits.sessionsPerGateway = 1 }) { relay in
            try await TestTunnel.run { tunnel in
                let address = try relay.address(of: tunnel)
                await #expect {
                    _ = try await tunnel.dial(by: [address])
                } throws: { "\($0)".contains("not registered") }
                try await relay.register(tunnel) {
                    let carrier = try await tunnel.dial(by: [address])
                    defer { carrier.close(.closed) }
                    try await carrier.expect(.ok)
                    await #expect(throws: TunnelError.self) { _ = try await tunnel.dial(by: [address]) }
                    try await carrier.expect(.ok)
                    let counters = try await relay.server.counters()
                    #expect(counters.refusals[.unknownName] == 1)
                    #expect(counters.refusals[.tooMany] == 1)
                }
            }
        }
    }

    @Test(
        "A direct way that answers wins over the relay, and the relay is not asked; one that does not is no delay to speak of"
    )
    func race() async throws {
        try await TestRelay.run { relay in
            try await TestTunnel.run { tunnel in
                try await relay.register(tunnel) {
                    let relayed = try relay.address(of: tunnel)
                    // However busy the machine is, the relay's turn comes after the direct way has failed.
                    var patient = TunnelDialerConfiguration()
                    patient.relayDelay = .hours(1)
                    let direct = try await tunnel.dial(
                        by: [relayed, TunnelAddress(tunnel.endpoint)], configuration: patient)
                    defer { direct.close(.closed) }
                    #expect(tunnel.doors.peers.last?.relay == nil)
                    #expect(try await relay.server.counters().calls == 0)
                    // A port that nobody listens on refuses at once, and the relay begins without its delay.
                    let dead = TunnelAddress(host: "127.0.0.1", port: 1)
                    let other = try await tunnel.dial(by: [dead, relayed], configuration: patient)
                    defer { other.close(.closed) }
                    try await other.expect(.ok)
                    #expect(tunnel.doors.peers.last?.relay == relay.endpoint)
                }
            }
        }
    }

    @Test("Metrics are told as Prometheus reads them, and nothing else is answered")
    func metrics() async throws {
        try await TestRelay.run { relay in
            try await TestTunnel.run { tunnel in
                try await relay.register(tunnel) {
                    let metrics = try #require(relay.metrics)
                    let answer = try await Self.ask(metrics, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
                    #expect(answer.hasPrefix("HTTP/1.1 200 "))
                    #expect(answer.contains("\nlatchkey_relay_gateways 1\n"))
                    #expect(answer.contains("latchkey_relay_refusals_total{reason=\"busy\"} 0\n"))
                    let name = try #require(RelayName(keyDigest: tunnel.pin))
                    #expect(!answer.contains("\(name)"))
                    #expect(try await Self.ask(metrics, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").hasPrefix("HTTP/1.1 404 "))
                }
            }
        }
    }

    private static func ask(_ endpoint: SocketEndpoint, _ request: String) async throws -> String {
        let channel = try await ClientBootstrap(group: TestTunnel.group)
            .connect(host: "\(endpoint.address)", port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            return answer
        }
    }
}

extension Journal {
    /// Waits for an entry behind the first `count` ones.
    func wait(after count: Int, for matches: @escaping @Sendable (Entry) -> Bool) async {
        let skipped = Shared(0)
        await wait { entry in
            skipped.value += 1
            return skipped.value > count && matches(entry)
        }
    }
}
