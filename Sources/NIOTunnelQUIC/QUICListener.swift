package import Logging
package import NIOCore
package import NetworkTypes
internal import Synchronization
package import Tunnel

/// Accepts tunnels over QUIC, on one UDP socket or on a path that somebody else keeps: sessions of clients whose
/// certificate is known, and pairing of those who have none yet.
package final class QUICListener: CarrierListener {
    private let configuration: QUICListenerConfiguration
    private let group: any EventLoopGroup
    private let logger: Logger
    private let guests = GuestBook()

    /// Makes a listener; nothing is bound yet.
    package init(
        configuration: QUICListenerConfiguration = .init(), eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.group = eventLoopGroup
        self.logger = logger
    }

    package func run(
        on endpoint: SocketEndpoint,
        onBound: @escaping @Sendable (SocketEndpoint) -> Void = { _ in },
        identity: @escaping @Sendable () -> TunnelIdentity,
        pairingOpen: @escaping @Sendable () -> Bool,
        authorize: @escaping @Sendable (PeerCertificate) -> Authorization,
        sessions: @escaping @Sendable (any Carrier, AdmittedPeer) async -> Void,
        pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void
    ) async throws {
        let reception = try reception(identity, pairingOpen, authorize)
        let address = try endpoint.socketAddress()
        let loop = group.next()
        let bound: NIOLoopBound<QUICEndpoint>
        do {
            bound = try await loop.flatSubmit { Self.bind(address, loop, reception.house) }.get()
        } catch {
            throw TunnelError(.unreachable, "The UDP socket \(endpoint) cannot be opened: \(error).")
        }
        if let local = try await loop.submit({ SocketEndpoint(bound.value.outlets.last?.local) }).get() {
            onBound(local)
        }
        await receive(reception.arrivals, sessions, pairing)
        try await loop.submit { bound.value.close(.closed) }.get()
        try Task.checkCancellation()
        throw TunnelError(.unreachable, "The listener's socket was closed.")
    }

    /// Accepts on a path, until the task is cancelled or the path ends; parameters as of `run(on:…)`.
    package func run(
        over path: any DatagramPath,
        identity: @escaping @Sendable () -> TunnelIdentity,
        pairingOpen: @escaping @Sendable () -> Bool,
        authorize: @escaping @Sendable (PeerCertificate) -> Authorization,
        sessions: @escaping @Sendable (any Carrier, AdmittedPeer) async -> Void,
        pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void
    ) async throws {
        let reception = try reception(identity, pairingOpen, authorize)
        let loop = group.next()
        let feed = PathFeed(path, loop: loop)
        try await loop.submit {
            let endpoint = QUICEndpoint(loop: loop)
            endpoint.attach(ServerDoor(reception.house, endpoint: endpoint))
            try feed.start(endpoint, isServer: true)
        }.get()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await feed.run()
                reception.stop()
            }
            await receive(reception.arrivals, sessions, pairing)
            group.cancelAll()
        }
        try await loop.submit { feed.stop(.closed) }.get()
        try Task.checkCancellation()
    }

    @discardableResult
    package func closeCarriers(reason: CarrierEnd = .revoked, where matches: (AdmittedPeer) -> Bool) -> Int {
        guests.close(reason, where: matches)
    }

    package var connectionCount: Int { guests.count }

    // MARK: -

    /// A connection that was let in, for a session or (without a peer) to pair.
    private struct Guest: Sendable {
        let link: QUICLink
        let peer: AdmittedPeer?

        func receive(
            sessions: @escaping @Sendable (any Carrier, AdmittedPeer) async -> Void,
            pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void
        ) async {
            if let peer {
                let carrier = QUICCarrier(link)
                await sessions(carrier, peer)
            } else {
                await QUICCarrier.serve(link) { exchange in await pairing(exchange, link.remote) }
            }
            link.close(.closed)
        }
    }

    private struct Reception: Sendable {
        let house: ServerDoor.House
        let arrivals: AsyncStream<Guest>
        let stop: @Sendable () -> Void
    }

    private func reception(
        _ identity: @escaping @Sendable () -> TunnelIdentity, _ pairingOpen: @escaping @Sendable () -> Bool,
        _ authorize: @escaping @Sendable (PeerCertificate) -> Authorization
    ) throws -> Reception {
        let cache = CredentialsCache()
        // A bad identity is found here, and not by the first client.
        _ = try cache.credentials(for: identity())
        // Bounded by the number of connections.
        let (arrivals, source) = AsyncStream.makeStream(of: Guest.self)
        return Reception(
            house: ServerDoor.House(
                configuration: configuration, guests: guests, credentials: { try cache.credentials(for: identity()) },
                pairingOpen: pairingOpen, authorize: authorize,
                admit: { source.yield(Guest(link: $0, peer: $1)) },
                pair: { source.yield(Guest(link: $0, peer: nil)) }, logger: logger),
            arrivals: arrivals, stop: { source.finish() })
    }

    private func receive(
        _ arrivals: AsyncStream<Guest>, _ sessions: @escaping @Sendable (any Carrier, AdmittedPeer) async -> Void,
        _ pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void
    ) async {
        await withDiscardingTaskGroup { group in
            for await guest in arrivals {
                let executor = configuration.handlersRunOnEventLoop ? guest.link.executor : nil
                group.addTask(executorPreference: executor) {
                    await guest.receive(sessions: sessions, pairing: pairing)
                }
            }
            group.cancelAll()
        }
    }

    private static func bind(
        _ address: SocketAddress, _ loop: any EventLoop, _ house: ServerDoor.House
    ) -> EventLoopFuture<NIOLoopBound<QUICEndpoint>> {
        let endpoint = QUICEndpoint(loop: loop)
        endpoint.attach(ServerDoor(house, endpoint: endpoint))
        let bound = NIOLoopBound(endpoint, eventLoop: loop)
        return UDPOutlet.open(address, endpoint: endpoint).assumeIsolated().map { outlet in
            endpoint.add(outlet)
            // The same address again, if the socket has to be replaced.
            let local = outlet.local
            endpoint.makeOutlet = { [weak endpoint] in
                guard let endpoint else { return loop.makeFailedFuture(ChannelError.alreadyClosed) }
                return UDPOutlet.open(local, endpoint: endpoint)
            }
            return bound
        }.nonisolated()
    }
}

/// The credentials of the last identity: reading a certificate and a key costs a fraction of a millisecond.
final class CredentialsCache: Sendable {
    private let last = Mutex<(identity: TunnelIdentity?, credentials: TLSCredentials)?>(nil)

    func credentials(for identity: TunnelIdentity?) throws(TunnelError) -> TLSCredentials {
        let known: TLSCredentials? = last.withLock { last in
            last.flatMap { $0.identity == identity ? $0.credentials : nil }
        }
        if let known { return known }
        let made = try TLSCredentials(identity)
        last.withLock { $0 = (identity, made) }
        return made
    }
}
