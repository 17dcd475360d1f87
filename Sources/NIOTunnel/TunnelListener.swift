package import Logging
package import NIOCore
internal import NIOPosix
internal import NIOSSL
package import NetworkTypes
internal import Synchronization
package import Tunnel

/// Accepts tunnels on one address: sessions and their media connections from clients whose certificate
/// is known, and pairing from those who have none yet.
package final class TunnelListener: CarrierListener {
    private let configuration: TunnelListenerConfiguration
    private let group: any EventLoopGroup
    private let logger: Logger
    private let admission: Admission

    /// Makes a listener; nothing is bound yet.
    package init(
        configuration: TunnelListenerConfiguration = .init(), eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.group = eventLoopGroup
        self.logger = logger
        self.admission = Admission(limits: configuration)
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
        // Bounded by the number of connections.
        let (guests, arrivals) = AsyncStream.makeStream(of: Guest.self)
        let house = ServerGate.House(
            configuration: configuration, admission: admission, pairingOpen: pairingOpen, authorize: authorize,
            admit: { arrivals.yield(Guest(connection: $0, peer: $1)) },
            pair: { arrivals.yield(Guest(connection: $0, peer: nil)) }, logger: logger
        )
        let server = try await bind(endpoint, identity, house)
        server.closeFuture.whenComplete { _ in arrivals.finish() }
        if let bound = SocketEndpoint(server.localAddress) { onBound(bound) }
        await withDiscardingTaskGroup { group in
            for await guest in guests {
                let executor = configuration.handlersRunOnEventLoop ? guest.connection.executor : nil
                group.addTask(executorPreference: executor) {
                    await guest.receive(sessions: sessions, pairing: pairing)
                }
            }
            server.close(promise: nil)
            admission.closeAll()
            group.cancelAll()
        }
        try Task.checkCancellation()
        throw TunnelError(.unreachable, "The listener's socket was closed.")
    }

    /// Closes at once every connection whose peer `matches`, and says how many there were.
    @discardableResult
    package func closeCarriers(reason: CarrierEnd = .revoked, where matches: (AdmittedPeer) -> Bool) -> Int {
        admission.close(reason, where: matches)
    }

    /// How many connections there are, of whatever kind.
    package var connectionCount: Int { admission.count }

    /// A connection that was let in, for a session or (without a peer) to pair.
    private struct Guest: Sendable {
        let connection: TunnelConnection
        let peer: AdmittedPeer?

        func receive(
            sessions: @escaping @Sendable (any Carrier, AdmittedPeer) async -> Void,
            pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void
        ) async {
            if let peer {
                let carrier = TLSCarrier(accepted: connection)
                await sessions(carrier, peer)
            } else {
                let remote = connection.remote
                await TLSCarrier.serve(connection) { exchange in await pairing(exchange, remote) }
            }
            connection.close(.closed)
        }
    }

    private func bind(
        _ endpoint: SocketEndpoint, _ identity: @escaping @Sendable () -> TunnelIdentity, _ house: ServerGate.House
    ) async throws -> any Channel {
        let contexts = ServerContextCache(configuration.tls)
        // A bad identity is found here, and not by the first client.
        _ = try contexts.context(for: identity())
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let remote = SocketEndpoint(channel.remoteAddress),
                        let place = house.admission.enter(
                            from: remote.address, close: { channel.close(promise: nil) })
                    else {
                        // Before TLS has cost anything; NIO closes a channel whose initialiser fails.
                        throw TunnelError(.refused, "There are too many connections.")
                    }
                    channel.closeFuture.whenComplete { _ in house.admission.leave(place) }
                    try SocketOptions.apply(to: channel)
                    let tls = NIOSSLServerHandler(
                        context: try contexts.context(for: identity()),
                        customVerificationCallback: { _, promise in promise.succeed(.certificateVerified) },
                        configuration: .init()
                    )
                    try channel.pipeline.syncOperations.addHandlers([tls, ServerGate(house: house, place: place)])
                }
            }
            .bind(to: try endpoint.socketAddress()).get()
    }
}
