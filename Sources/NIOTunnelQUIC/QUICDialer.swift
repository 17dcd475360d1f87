package import Logging
package import NIOCore
internal import NIOPosix
internal import NetworkTypes
package import Tunnel

/// Opens tunnels to a QUIC listener.
package struct QUICDialer: CarrierDialer {
    private let configuration: QUICDialerConfiguration
    private let credentials = CredentialsCache()
    private let group: any EventLoopGroup
    private let logger: Logger

    /// Makes a dialer.
    package init(
        configuration: QUICDialerConfiguration = .init(), eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.group = eventLoopGroup
        self.logger = logger
    }

    package func dial(
        _ addresses: [TunnelAddress], identity: TunnelIdentity?, purpose: ConnectionPurpose,
        verifyServer: @escaping @Sendable (PeerCertificate) -> String?
    ) async throws -> any Carrier {
        try await connect(to: addresses, identity: identity, purpose: purpose, verifyServer: verifyServer)
    }

    /// Races the addresses and returns the first carrier on which the listener itself has let us in; parameters and
    /// errors as of `CarrierDialer.dial`.
    package func connect(
        to addresses: [TunnelAddress], identity: TunnelIdentity?, purpose: ConnectionPurpose = .session,
        verifyServer: @escaping @Sendable (PeerCertificate) -> String?
    ) async throws -> QUICCarrier {
        let candidates = Array(addresses.prefix(configuration.maximumAddresses))
        guard !candidates.isEmpty else { throw TunnelError(.unreachable, "No address of the gateway is known.") }
        let dial = try dial(identity, purpose, verifyServer)
        return try await CarrierRace { try await Task.sleep(for: $0) }.first(of: candidates.count) { index in
            .init(of: max(index - 1, 0)..<index, atMost: Duration(configuration.raceDelay))
        } attempt: { index in
            QUICCarrier(try await dial.connect(try await resolve(candidates[index])))
        }
    }

    /// Opens a tunnel over a path that somebody else keeps, and that ends with it; parameters and errors as of
    /// `CarrierDialer.dial`.
    package func connect(
        over path: any DatagramPath, identity: TunnelIdentity?, purpose: ConnectionPurpose = .session,
        verifyServer: @escaping @Sendable (PeerCertificate) -> String?
    ) async throws -> QUICCarrier {
        QUICCarrier(try await dial(identity, purpose, verifyServer).connect(over: path))
    }

    private func dial(
        _ identity: TunnelIdentity?, _ purpose: ConnectionPurpose,
        _ verifyServer: @escaping @Sendable (PeerCertificate) -> String?
    ) throws -> QUICDial {
        QUICDial(
            configuration: configuration, credentials: try credentials.credentials(for: identity), purpose: purpose,
            loop: group.next(), verifyServer: verifyServer)
    }

    /// The first address of a name, or the literal that it is.
    private func resolve(_ address: TunnelAddress) async throws -> SocketAddress {
        do {
            if let ip = IPAddress(address.host) {
                return try SocketEndpoint(ip, port: address.port).socketAddress()
            }
            return try await NIOThreadPool.singleton.runIfActive {
                try SocketAddress.makeAddressResolvingHost(address.host, port: Int(address.port))
            }
        } catch {
            throw TunnelError(.unreachable, "\(address) cannot be resolved: \(error).")
        }
    }
}

/// One attempt to reach a gateway.
struct QUICDial: Sendable {
    let configuration: QUICDialerConfiguration
    let credentials: TLSCredentials
    let purpose: ConnectionPurpose
    let loop: any EventLoop
    let verifyServer: @Sendable (PeerCertificate) -> String?

    private typealias Outcome = Latch<Result<QUICLink, TunnelError>>

    /// Over a socket of its own.
    func connect(_ remote: SocketAddress) async throws -> QUICLink {
        let outcome = Outcome()
        let local = try SocketAddress(ipAddress: remote.protocol == .inet6 ? "::" : "0.0.0.0", port: 0)
        loop.execute {
            let endpoint = QUICEndpoint(loop: loop)
            endpoint.makeOutlet = { [weak endpoint] in
                guard let endpoint else { return loop.makeFailedFuture(ChannelError.alreadyClosed) }
                return UDPOutlet.open(local, endpoint: endpoint)
            }
            endpoint.makeOutlet?().assumeIsolated().whenComplete { result in
                switch result {
                case .success(let outlet):
                    endpoint.add(outlet)
                    begin(endpoint, local: outlet.local, remote: remote, size: nil, outcome)
                    AddressWatch.start(configuration.watchInterval, remote, endpoint)
                case .failure(let error):
                    outcome.set(.failure(TunnelError(.unreachable, "A UDP socket cannot be opened: \(error).")))
                }
            }
        }
        return try await wait(outcome)
    }

    /// Over a path that somebody else keeps.
    func connect(over path: any DatagramPath) async throws -> QUICLink {
        let outcome = Outcome()
        let feed = PathFeed(path, loop: loop)
        loop.execute {
            let endpoint = QUICEndpoint(loop: loop)
            guard let outlet = try? feed.start(endpoint, isServer: false) else { return }
            begin(endpoint, local: outlet.local, remote: outlet.remote, size: outlet.maximumDatagramSize, outcome)
        }
        // Lives as long as the path, which the connection's end closes; nobody is there to be its parent.
        Task {
            await feed.run()
            loop.execute { feed.stop(.failed("The path has ended.")) }
        }
        return try await wait(outcome)
    }

    private func begin(
        _ endpoint: QUICEndpoint, local: SocketAddress, remote: SocketAddress, size: Int?, _ outcome: Outcome
    ) {
        let setup = QUICConnection.Setup(
            settings: configuration.settings, keepalive: configuration.keepalive,
            handshakeTimeout: configuration.connectTimeout, local: local, remote: remote, maximumDatagramSize: size)
        let connection: QUICConnection
        do {
            connection = try QUICConnection.client(
                setup, endpoint: endpoint, credentials: credentials, purpose: purpose)
        } catch {
            outcome.set(.failure(error))
            endpoint.close(.closed)
            return
        }
        endpoint.whenEnded = { [weak endpoint] _ in
            loop.assumeIsolated().execute { endpoint?.close(.closed) }
        }
        let ends = endpoint.outlets.last.map { QUICConnection.ends($0, remote) } ?? (.unknown, .unknown)
        connection.attach(
            QUICLink(
                loop: loop, purpose: purpose, settings: configuration.settings, local: ends.local, remote: ends.remote))
        connection.verifyServer = verifyServer
        let timer = loop.assumeIsolated().scheduleTask(in: configuration.connectTimeout) { [weak connection] in
            if outcome.set(.failure(TunnelError(.timedOut, "The gateway did not answer in time."))) {
                connection?.shut(.failed("The gateway did not answer."))
            }
        }
        connection.outcome = { result in
            timer.cancel()
            // Whoever asked has gone meanwhile.
            if !outcome.set(result), case .success(let link) = result { link.close(.closed) }
        }
        connection.pump()
    }

    private func wait(_ outcome: Outcome) async throws -> QUICLink {
        if let result = await outcome.wait() { return try result.get() }
        outcome.set(.failure(TunnelError(.timedOut, "The attempt was cancelled.")))
        if case .success(let link)? = outcome.value { link.close(.closed) }
        throw CancellationError()
    }
}

/// Looks from which address this host would reach the peer, and moves the connection when that has changed: a socket that
/// is bound to no address follows silently, but its congestion state would be that of another network.
enum AddressWatch {
    static func start(_ interval: TimeAmount?, _ remote: SocketAddress, _ endpoint: QUICEndpoint) {
        guard let interval else { return }
        step(interval, remote, endpoint, nil)
    }

    private static func step(
        _ interval: TimeAmount, _ remote: SocketAddress, _ endpoint: QUICEndpoint, _ last: String?
    ) {
        let loop = endpoint.loop
        let found = DatagramBootstrap(group: loop).connect(to: remote)
        found.assumeIsolated().whenComplete { [weak endpoint] result in
            guard let endpoint, endpoint.makeOutlet != nil else { return }
            var current = last
            if case .success(let channel) = result {
                current = channel.localAddress?.ipAddress ?? last
                channel.close(promise: nil)
            }
            if let last, let current, last != current { endpoint.moveToAnotherSocket() }
            loop.assumeIsolated().scheduleTask(in: interval) { [weak endpoint] in
                guard let endpoint, endpoint.makeOutlet != nil else { return }
                step(interval, remote, endpoint, current)
            }
        }
    }
}
