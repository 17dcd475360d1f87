package import Logging
package import NIOCore
package import NetworkTypes
package import Tunnel

/// Accepts tunnels on one address: sessions and their media connections from clients whose certificate
/// is known, and pairing from those who have none yet.
package final class TunnelListener: Sendable {
    private let configuration: TunnelListenerConfiguration
    private let group: any EventLoopGroup
    private let logger: Logger

    /// Makes a listener; nothing is bound yet.
    package init(
        configuration: TunnelListenerConfiguration = .init(), eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.group = eventLoopGroup
        self.logger = logger
    }

    /// Listens until the task is cancelled; then every connection is closed.
    ///
    /// - Parameters:
    ///   - endpoint: where to listen; port 0 takes any free one.
    ///   - onBound: is told the address and port once it listens.
    ///   - identity: the server's certificate and key; asked for each connection, on its event loop.
    ///   - pairingOpen: whether clients without a certificate may pair; asked for each such connection.
    ///   - authorize: decides on every completed handshake, resumed or not; must not block.
    ///   - sessions: runs for each connection that was let in, in a child task. The carrier is closed
    ///     when it returns. A client's media connection is a carrier of its own (`AdmittedPeer.purpose`).
    ///   - pairing: runs for each exchange of a pairing connection, in a child task.
    package func run(
        on endpoint: SocketEndpoint,
        onBound: @escaping @Sendable (SocketEndpoint) -> Void = { _ in },
        identity: @escaping @Sendable () -> TunnelIdentity,
        pairingOpen: @escaping @Sendable () -> Bool,
        authorize: @escaping @Sendable (PeerCertificate) -> Authorization,
        sessions: @escaping @Sendable (any Carrier, AdmittedPeer) async -> Void,
        pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void
    ) async throws {
        throw TunnelError(.unsupported, "not there yet")
    }

    /// Closes at once every connection of a subject, beneath TLS, and says how many there were.
    @discardableResult
    package func closeCarriers(of subject: String, reason: CarrierEnd = .revoked) -> Int { 0 }
}
