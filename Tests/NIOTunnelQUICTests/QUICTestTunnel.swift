import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import NIOTunnelQUIC
import NetworkTypes
import TestKit
import Testing
import Tunnel

/// A QUIC listener on loopback with its certificates, for one test.
typealias QUICTestTunnel = ListeningTunnel<QUICListener>

extension ListeningTunnel where Listener == QUICListener {
    static var group: any EventLoopGroup { MultiThreadedEventLoopGroup.singleton }
    static var logger: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    /// Runs a listener that answers every exchange with `answer`, and `body` beside it.
    static func run<Result: Sendable>(
        configuration: QUICListenerConfiguration = .init(), on address: IPAddress = .v4(.loopback),
        answer: @escaping @Sendable (any InboundExchange) async -> Void = hello,
        pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void = { exchange, _ in
            await hello(exchange)
        },
        _ body: @escaping @Sendable (QUICTestTunnel) async throws -> Result
    ) async throws -> Result {
        let listener = QUICListener(configuration: configuration, eventLoopGroup: group, logger: logger)
        return try await run(listener, on: address, answer: answer, pairing: pairing, body)
    }

    /// A client's carrier.
    func dial(
        _ configuration: QUICDialerConfiguration = .init(), to address: SocketEndpoint? = nil,
        identity: TunnelIdentity?? = nil, purpose: ConnectionPurpose = .session, pins: [[UInt8]]? = nil
    ) async throws -> QUICCarrier {
        try await QUICDialer(configuration: configuration, eventLoopGroup: Self.group, logger: Self.logger).connect(
            to: [TunnelAddress(address ?? endpoint)], identity: identity ?? client.identity, purpose: purpose,
            verifyServer: PeerCertificate.pinned(pins ?? [pin])
        )
    }

    func withCarrier<Result: Sendable>(
        _ configuration: QUICDialerConfiguration = .init(), to address: SocketEndpoint? = nil,
        _ body: (QUICCarrier) async throws -> Result
    ) async throws -> Result {
        let carrier = try await dial(configuration, to: address)
        defer { carrier.close(.closed) }
        return try await body(carrier)
    }
}
