import NIOCore
import NIOPosix
import NetworkTypes
import Relay
import RelayProtocol
import TestKit
import Testing
import Tunnel

@testable import NIOTunnel

@Suite("Bytes through a relay", .timeLimit(.minutes(2)))
struct RelayedBytesTests {
    private typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// Ties a client to a gateway that speaks no TLS, and gives both ends of the session.
    private static func join(
        _ body:
            @escaping @Sendable (TestRelay, _ client: Bytes, _ gateway: Bytes, _ first: ByteBuffer) async throws -> Void
    ) async throws {
        try await TestRelay.run { relay in
            try await TestTunnel.run { tunnel in
                var configuration = RelayRegistrar.Configuration(relay: TunnelAddress(relay.endpoint))
                configuration.pin = relay.identity.pin
                let registered = try await RelayRegistration(
                    configuration, tunnel.server.identity, TestTunnel.group
                ).run()
                try await Self.connect(relay.endpoint).executeThenClose { inbound, outbound in
                    var codec = StandbyCodec(key: registered.key, side: .gateway)
                    var random = SystemRandomNumberGenerator()
                    let hello = PlainHello.record(ticket: registered.ticket, purpose: .standby, using: &random)
                    try await outbound.write(hello)
                    try await outbound.write(codec.encode(.ping))
                    var frames = inbound.makeAsyncIterator()
                    var held = ByteBuffer()
                    var client: Bytes?
                    while let part = try await frames.next() {
                        held.writeImmutableBuffer(part)
                        while let frame = try codec.decode(from: &held) {
                            switch frame {
                            case .pong:
                                let asking = try await Self.connect(relay.endpoint)
                                let name = registered.name.serverName(at: "relay.example")
                                asking.channel.writeAndFlush(ByteBuffer(bytes: Self.hello(name)), promise: nil)
                                client = asking
                            case .call(let call):
                                let gateway = try await Self.connect(relay.endpoint)
                                let ticket = registered.key.answer(to: call)
                                gateway.channel.writeAndFlush(
                                    PlainHello.record(ticket: ticket, purpose: .answer, using: &random), promise: nil)
                                return try await body(
                                    relay, try #require(client), gateway,
                                    ByteBuffer(bytes: Self.hello(name(registered))))
                            default: return #expect(Bool(false), "\(frame)")
                            }
                        }
                    }
                }
            }
        }
    }

    private static func name(_ registered: RelayRegistration.Accepted) -> String {
        registered.name.serverName(at: "relay.example")
    }

    private static func connect(_ endpoint: SocketEndpoint) async throws -> Bytes {
        try await ClientBootstrap(group: TestTunnel.group)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.socketOption(.so_rcvbuf), value: 64 << 10)
            .connect(host: "\(endpoint.address)", port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Bytes(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(
                            backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2),
                            isOutboundHalfClosureEnabled: true))
                }
            }
    }

    /// A ClientHello with a server name and nothing else.
    private static func hello(_ name: String) -> [UInt8] {
        func vector(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes }
        let extensions = [0, 0] + vector(vector([0] + vector(Array(name.utf8))))
        let body = [3, 3] + Array(repeating: UInt8(7), count: 32) + [0, 0, 2, 0x13, 1, 1, 0] + vector(extensions)
        return [22, 3, 1] + vector([1, 0] + vector(body))
    }

    @Test("The gateway reads whose connection it is, the hello as it came, and what follows; each end can finish first")
    func halfClose() async throws {
        try await Self.join { _, client, gateway, first in
            let port = client.channel.localAddress?.port
            try await gateway.executeThenClose { fromRelay, toRelay in
                try await client.executeThenClose { fromGateway, toGateway in
                    var parts = fromRelay.makeAsyncIterator()
                    // A client that finishes before its gateway has come is one that has gone.
                    var seen = try await parts.next() ?? ByteBuffer()
                    try await toGateway.write(ByteBuffer(string: "and more"))
                    // The client is done; the gateway is not.
                    toGateway.finish()
                    while let part = try await parts.next() { seen.writeImmutableBuffer(part) }
                    guard case .header(let header) = ProxyHeader.take(from: &seen) else { return #expect(Bool(false)) }
                    #expect(header.source?.port == port.map { UInt16($0) })
                    #expect(Array(seen.readableBytesView) == Array(first.readableBytesView) + Array("and more".utf8))
                    let long = ByteBuffer(repeating: 0x61, count: 3 << 20)
                    try await toRelay.write(long)
                    toRelay.finish()
                    var received = 0
                    for try await part in fromGateway { received += part.readableBytes }
                    #expect(received == long.readableBytes)
                }
            }
        }
    }

    @Test("What the client does not take stays with the gateway, and everything arrives in the end")
    func backPressure() async throws {
        let whole = 64 << 20
        try await Self.join { relay, client, gateway, _ in
            try await gateway.executeThenClose { fromRelay, toRelay in
                try await client.executeThenClose { fromGateway, _ in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            var frames = fromRelay.makeAsyncIterator()
                            _ = try await frames.next()
                            let chunk = ByteBuffer(repeating: 0x62, count: 1 << 20)
                            for _ in 0..<(whole >> 20) { try await toRelay.write(chunk) }
                            toRelay.finish()
                        }
                        var received = 0
                        var most = 0
                        var looked = 0
                        for try await part in fromGateway {
                            received += part.readableBytes
                            guard received - looked > 1 << 20 else { continue }
                            looked = received
                            let passed = try await relay.server.counters().bytesFromGateways
                            most = max(most, Int(passed) - received)
                        }
                        #expect(received == whole)
                        // The relay's own buffer, and what the kernel holds of two sockets.
                        #expect(most < 12 << 20, "\(most) bytes were under way")
                        try await group.waitForAll()
                    }
                }
            }
        }
    }

    @Test("An end that is cut off ends the other, and the relay forgets both")
    func cut() async throws {
        try await Self.join { relay, client, gateway, _ in
            try await gateway.executeThenClose { fromRelay, _ in
                var parts = fromRelay.makeAsyncIterator()
                _ = try await parts.next()
                try await client.executeThenClose { _, _ in }
                while try await parts.next() != nil {}
                #expect(try await relay.server.counters().bytesFromClients == 0)
            }
        }
    }
}
