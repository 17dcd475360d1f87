import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import NIOTunnel
import NetworkTypes
import TestKit
import Testing
import Tunnel

/// A TLS listener on loopback with its certificates, for one test.
typealias TestTunnel = ListeningTunnel<TunnelListener>

extension ListeningTunnel where Listener == TunnelListener {
    static var group: any EventLoopGroup { MultiThreadedEventLoopGroup.singleton }
    static var logger: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    /// Runs a listener that answers every exchange with `answer`, and `body` beside it.
    static func run<Result: Sendable>(
        configuration: TunnelListenerConfiguration = .init(),
        answer: @escaping @Sendable (any InboundExchange) async -> Void = hello,
        pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void = { exchange, _ in
            await hello(exchange)
        },
        _ body: @escaping @Sendable (TestTunnel) async throws -> Result
    ) async throws -> Result {
        let listener = TunnelListener(configuration: configuration, eventLoopGroup: group, logger: logger)
        return try await run(listener, answer: answer, pairing: pairing, body)
    }

    /// A client's carrier.
    func dial(
        _ configuration: TunnelDialerConfiguration = .init(), identity: TunnelIdentity?? = nil,
        purpose: ConnectionPurpose = .session, pins: [[UInt8]]? = nil
    ) async throws -> TLSCarrier {
        try await TunnelDialer(configuration: configuration, eventLoopGroup: Self.group, logger: Self.logger).connect(
            to: [TunnelAddress(endpoint)], identity: identity ?? client.identity, purpose: purpose,
            verifyServer: TunnelDialer.pinned(pins ?? [pin])
        )
    }

    /// A new client is served.
    func expectService() async throws {
        try await withCarrier { try await $0.expect(.ok) }
    }

    func withCarrier<Result: Sendable>(
        _ configuration: TunnelDialerConfiguration = .init(), _ body: (TLSCarrier) async throws -> Result
    ) async throws -> Result {
        let carrier = try await dial(configuration)
        defer { carrier.close(.closed) }
        return try await body(carrier)
    }
}
