import HTTPTypes
import NIOCore
import NIOPosix
import NIOTunnel
import NetworkTypes
import TestKit
import Testing
import Tunnel

/// A peer that speaks no TLS at all, or only as much as a test wants.
struct RawPeer {
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    static func connect(_ endpoint: SocketEndpoint) async throws -> RawPeer {
        let channel = try await ClientBootstrap(group: TestTunnel.group)
            .connect(host: "\(endpoint.address)", port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return RawPeer(channel: channel)
    }

    /// Sends bytes and reads until the listener closes; how many bytes came.
    func send(_ bytes: [UInt8]) async throws -> Int {
        try await channel.executeThenClose { inbound, outbound in
            var received = 0
            do {
                if !bytes.isEmpty { try await outbound.write(ByteBuffer(bytes: bytes)) }
                for try await chunk in inbound { received += chunk.readableBytes }
            } catch is IOError {}
            return received
        }
    }
}

@Suite("A hostile peer", .timeLimit(.minutes(1)))
struct HostilePeerTests {
    @Test("that sends garbage is closed, and the next client is served")
    func garbage() async throws {
        var configuration = TunnelListenerConfiguration()
        configuration.handshakeTimeout = .seconds(1)
        try await TestTunnel.run(configuration: configuration) { tunnel in
            var random = SeededGenerator(seed: 7)
            for _ in 0..<20 {
                let bytes = random.bytes(Int.random(in: 1...5_000, using: &random))
                // A first byte that is a handshake record's would make TLS wait for the rest of it.
                _ = try await RawPeer.connect(tunnel.endpoint).send([0x47] + bytes)
            }
            try await tunnel.expectService()
            #expect(tunnel.doors.peers.count == 1)
        }
    }

    @Test("that never finishes its handshake is closed in time")
    func slowHandshake() async throws {
        var configuration = TunnelListenerConfiguration()
        configuration.handshakeTimeout = .milliseconds(200)
        try await TestTunnel.run(configuration: configuration) { tunnel in
            // The head of a record that announces 16 KiB, and nothing after it.
            for start in [[], [0x16], [0x16, 3, 1, 0x40, 0, 1, 0, 0x3F, 0xFC]] as [[UInt8]] {
                let peer = try await RawPeer.connect(tunnel.endpoint)
                // On a busy machine it may be closed before its first byte is out, which is as good.
                let answered = (try? await peer.send(start)) ?? 0
                #expect(answered == 0)
            }
        }
    }

    @Test("that opens a thousand connections keeps neither itself nor others from being served")
    func thousandConnections() async throws {
        var configuration = TunnelListenerConfiguration()
        configuration.maximumConnectionsPerAddress = 16
        configuration.handshakeTimeout = .seconds(2)
        try await TestTunnel.run(configuration: configuration) { tunnel in
            try await tunnel.withCarrier { carrier in
                var shed = 0
                var open: [RawPeer] = []
                for _ in 0..<1_000 {
                    guard let peer = try? await RawPeer.connect(tunnel.endpoint) else {
                        shed += 1
                        continue
                    }
                    open.append(peer)
                }
                #expect(tunnel.listener.connectionCount <= 16)
                try await carrier.expect(.ok)
                await withTaskGroup(of: Void.self) { [opened = open] group in
                    for peer in opened { group.addTask { _ = try? await peer.send([]) } }
                }
            }
            // The handshake's deadline has freed the places.
            try await tunnel.expectService()
        }
    }

    @Test("that stops listening is declared silent")
    func silence() async throws {
        var configuration = TunnelDialerConfiguration()
        configuration.keepalive = .init(interval: .milliseconds(200), patience: .milliseconds(1_500))
        try await TestTunnel.run { [configuration] tunnel in
            try await FrozenProxy.run(to: tunnel.endpoint) { [configuration] proxy, freeze in
                let dialer = TunnelDialer(
                    configuration: configuration, eventLoopGroup: TestTunnel.group, logger: TestTunnel.logger
                )
                let carrier = try await dialer.connect(
                    to: [TunnelAddress(proxy)], identity: tunnel.client.identity,
                    verifyServer: TunnelDialer.pinned([tunnel.pin])
                )
                try await carrier.expect(.ok)
                freeze()
                guard case .silent = await carrier.ended() else {
                    Issue.record("the carrier ended as \(await carrier.ended())")
                    return
                }
            }
        }
    }

    @Test("that opens more exchanges than it may is made to wait, and each is served")
    func manyExchanges() async throws {
        try await TestTunnel.run { tunnel in
            try await tunnel.withCarrier { carrier in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<300 {
                        group.addTask {
                            let status = try await carrier.get("/").0.status
                            #expect(status == .ok)
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("that sends a head beyond the limit loses that exchange or its connection, and nobody else does")
    func largeHead() async throws {
        try await TestTunnel.run { tunnel in
            let other = try await tunnel.dial()
            let hostile = try await tunnel.dial()
            await #expect(throws: (any Error).self) {
                try await hostile.withExchange(
                    .get("/" + String(repeating: "a", count: 100_000)), trafficClass: .control
                ) {
                    exchange in
                    try await exchange.finish()
                    _ = try await exchange.response()
                }
            }
            try await other.expect(.ok)
            other.close(.closed)
            hostile.close(.closed)
        }
    }
}
