import Crypto
import HTTPTypes
import NIOCore
import NIOTunnelQUIC
import NetworkTypes
import TestKit
import Testing
import Tunnel

@Suite("QUIC on a path of somebody else's", .timeLimit(.minutes(1)))
struct DatagramPathTests {
    static let here = SocketEndpoint(.v4(IPv4Address(10, 0, 0, 1)), port: 1)
    static let there = SocketEndpoint(.v4(IPv4Address(10, 0, 0, 2)), port: 2)

    /// Runs a listener at one end of a path in memory, and `body` with a carrier at the other.
    static func run(
        answer: @escaping CarrierConformance.Answer,
        _ body:
            @escaping @Sendable (
                _ asking: QUICCarrier, _ answering: Shared<[QUICCarrier]>,
                _ paths: (InMemoryDatagramPath, InMemoryDatagramPath)
            ) async throws -> Void
    ) async throws {
        let certificates = TestCertificates()
        let key = P256.Signing.PrivateKey()
        let server = try certificates.make("gateway", .server, key: key)
        let client = try certificates.make("phone", .client)
        let paths = InMemoryDatagramPath.pair(here, there)
        let carriers = Shared<[QUICCarrier]>([])
        let listener = QUICListener(eventLoopGroup: QUICTestTunnel.group, logger: QUICTestTunnel.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await listener.run(
                    over: paths.1, identity: { server.identity }, pairingOpen: { false },
                    authorize: { _ in .admit(subject: "alice") },
                    sessions: { carrier, _ in
                        if let carrier = carrier as? QUICCarrier { carriers.update { $0.append(carrier) } }
                        try? await carrier.serve(answer)
                    }, pairing: { _, _ in })
            }
            let carrier = try await QUICDialer(eventLoopGroup: QUICTestTunnel.group, logger: QUICTestTunnel.logger)
                .connect(
                    over: paths.0, identity: client.identity,
                    verifyServer: PeerCertificate.pinned([TestCertificates.pin(key)]))
            defer { carrier.close(.closed) }
            try await body(carrier, carriers, paths)
            group.cancelAll()
        }
    }

    @Test("does what every carrier does", arguments: CarrierConformance.all)
    func conformance(_ check: CarrierConformance) async throws {
        try await check.run { answer, body in
            try await Self.run(answer: answer) { carrier, carriers, _ in
                try await body(
                    .init(asking: carrier) { reason in for carrier in carriers.value { carrier.close(reason) } })
            }
        }
    }

    @Test("names the addresses of the route, and those of the route that takes its place")
    func routes() async throws {
        try await Self.run(answer: BadNetworkTests.source) { carrier, carriers, paths in
            try await carrier.expect(.ok)
            #expect(carrier.remote == Self.there)
            #expect(carrier.local == Self.here)
            let other = SocketEndpoint(.v4(IPv4Address(10, 9, 9, 9)), port: 9)
            let received = try await carrier.withExchange(.get("/6000000"), trafficClass: .media) { exchange in
                try await exchange.finish()
                var moved = false
                return try await BadNetworkTests.compare(exchange.body) { received in
                    guard received > 2_000_000, !moved else { return }
                    moved = true
                    paths.0.move(to: DatagramRoute(.relayed, local: Self.here, remote: other))
                    paths.1.move(to: DatagramRoute(.relayed, local: Self.there, remote: other))
                }
            }
            #expect(received == 6_000_000)
            #expect(carrier.remote == other)
            #expect(carriers.value.first?.remote == other)
        }
    }
}
