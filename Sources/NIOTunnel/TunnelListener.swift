import Glibc
package import Logging
package import NIOCore
internal import NIOPosix
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
    /// What is decided and served while it runs.
    private let entrance = Mutex<TunnelEntrance?>(nil)

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
        let entrance = try TunnelEntrance(house: house, tls: configuration.tls, identity: identity)
        let server = try await bind(endpoint, entrance)
        self.entrance.withLock { $0 = entrance }
        defer { self.entrance.withLock { $0 = nil } }
        server.closeFuture.whenComplete { _ in arrivals.finish() }
        var second: (any Channel)?
        if let bound = SocketEndpoint(server.localAddress) {
            if configuration.alsoIPv6 { second = await bindIPv6(port: bound.port, entrance) }
            onBound(bound)
        }
        await withDiscardingTaskGroup { group in
            for await guest in guests {
                let executor = configuration.handlersRunOnEventLoop ? guest.connection.executor : nil
                group.addTask(executorPreference: executor) {
                    await guest.receive(sessions: sessions, pairing: pairing)
                }
            }
            server.close(promise: nil)
            second?.close(promise: nil)
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

    private static let isIPv6OnlyOption = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)

    /// Nil on a host without IPv6, whose clients still come over IPv4.
    private func bindIPv6(port: UInt16, _ entrance: TunnelEntrance) async -> (any Channel)? {
        do {
            return try await bind(SocketEndpoint(.v6(.unspecified), port: port), entrance, isIPv6Only: true)
        } catch {
            let code = (error as? IOError)?.errnoCode
            logger.log(
                level: code == EAFNOSUPPORT || code == EADDRNOTAVAIL ? .debug : .warning,
                "clients are not served over IPv6", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func bind(
        _ endpoint: SocketEndpoint, _ entrance: TunnelEntrance, isIPv6Only: Bool = false
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // NIO closes a channel whose initialiser fails.
                    try entrance.admit(channel, ConnectionEnds(channel))
                }
            }
        // Where IPv4 has a socket of its own, this one is for IPv6 alone.
        if isIPv6Only { _ = bootstrap.serverChannelOption(Self.isIPv6OnlyOption, value: 1) }
        return
            try await bootstrap
            .bind(to: try endpoint.socketAddress()).get()
    }

    /// Fetches a client that waits at a relay: connects to it, shows what `hello` says, and takes the connection in as
    /// if it had come to this listener, from the source that the relay tells. Returns once the relay has passed it on.
    /// - Throws: `TunnelError`: unreachable, timed out, refused for a limit, or not running.
    package func fetch(
        from relay: SocketEndpoint, hello: ByteBuffer, within time: TimeAmount = .seconds(10)
    ) async throws {
        guard let entrance = entrance.withLock({ $0 }) else {
            throw TunnelError(.refused, "The gateway does not listen.")
        }
        let arrival = Latch<Result<Void, TunnelError>>()
        let connecting = ClientBootstrap(group: group)
            .connectTimeout(time)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        RelayedArrivalHandler(entrance, relay: relay, hello: hello, within: time, arrival: arrival))
                }
            }
            .connect(to: try relay.socketAddress())
        connecting.whenFailure { error in
            arrival.set(.failure(TunnelError(.unreachable, "The relay \(relay) cannot be reached: \(error).")))
        }
        guard let result = await arrival.wait() else {
            connecting.whenSuccess { $0.close(promise: nil) }
            throw CancellationError()
        }
        try result.get()
    }
}
