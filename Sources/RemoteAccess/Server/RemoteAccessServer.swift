import AccessPolicy
package import Logging
package import NIOCore
package import NIOTunnel
package import NIOTunnelQUIC
package import NIOUPnP
package import NetworkTypes
import Synchronization
import TrustCore
package import Tunnel

/// The gateway (the standard's Remote Access Server): the home's devices on one side, paired clients on the other.
///
/// ```
///   home LAN ◀── ControlPoint, HomeRequester ── ExchangeRouter ── TunnelListener ◀── clients
///                        │                          │
///                  HomeDirectory ──▶ HomeMirror ──▶ RemoteSession (event log, ledger)
/// ```
package final class RemoteAccessServer: Sendable {
    /// What a gateway can be told.
    package struct Configuration: Sendable {
        /// Where clients connect; nil where nobody does from outside.
        package var listen: SocketEndpoint?
        /// The relays through which clients come as well; they need a listener.
        package var relays: [RelayRegistrar.Configuration] = []
        /// Where an away client of this process comes in.
        package var entrance: LocalEntrance?
        /// The bounds of the session table.
        package var sessions = SessionTable.Limits()
        package var sessionLimits = RemoteSession.Limits()
        package var listener = TunnelListenerConfiguration()
        /// Where clients connect over QUIC; nil where none do, but for those that find a path with the gateway.
        package var listenQUIC: SocketEndpoint?
        package var quic = QUICListenerConfiguration()
        /// Where `listen` is an IPv4 address, own IPv6 addresses at which clients are served on the same port; asked for anew all
        /// the time. Nil for IPv4 alone.
        package var ipv6: (@Sendable () -> [IPAddress])?
        /// How direct paths are found; nil where none are.
        package var punching: PunchingSettings?
        /// Whether an action may name an address on the public internet; it is passed unfetched.
        package var allowsPublicURLs = false
        /// How long a client's discovery agent may take to answer a call of the gateway's.
        package var peerCallTime = Duration.seconds(10)
        /// How long a stopping gateway lets its clients say byebye.
        package var drainTime = Duration.seconds(1)

        /// Defaults for everything but the address.
        package init(listen: SocketEndpoint) {
            self.listen = listen
        }

        /// Defaults for a gateway that serves this process alone.
        package init(entrance: LocalEntrance) {
            self.entrance = entrance
        }
    }

    /// The home as the gateway sees it.
    package struct Home: Sendable {
        /// Finds the devices and hears their events.
        package let controlPoint: ControlPoint
        /// Where the gateway connects to; asked anew each time, since addresses change.
        package let reach: @Sendable () -> HomeReach

        package init(controlPoint: ControlPoint, reach: @escaping @Sendable () -> HomeReach) {
            self.controlPoint = controlPoint
            self.reach = reach
        }
    }

    /// What the owner is told while it runs.
    package enum Event: Sendable {
        case listening(SocketEndpoint)
        case listeningQUIC(SocketEndpoint)
        case device(HomeDirectory.Change)
        /// `through`: the relay whose word `from` is.
        case connected(client: String, from: SocketEndpoint, through: SocketEndpoint?)
        /// How it stands with a relay.
        case relay(TunnelAddress, RelayRegistrar.Event)
        case disconnected(client: String)
        /// A client asked for something to whose first use the owner has to consent.
        case consentAsked(ConsentDesk.Question)
        /// Devices can no longer be found; clients are served all the same.
        case homeLost(String)
    }

    let configuration: Configuration
    let trust: GatewayTrust
    private let introduction: PairingIntroduction?
    private let home: Home?
    let directory = HomeDirectory()
    let registry: SessionRegistry
    let hub: SubscriptionHub
    let mirror: HomeMirror
    let router: ExchangeRouter
    let listener: TunnelListener
    let quicListener: QUICListener
    private let punches: PunchDesk?
    private let eventLoopGroup: any EventLoopGroup
    let logger: Logger
    /// What the Remote Access services are set to.
    package let desk: RemoteAccessDesk
    /// Finished when the gateway is asked to stop.
    private let stop = AsyncStream<Void>.makeStream()

    /// - Parameters:
    ///   - home: Nil when the gateway stands on no network with multicast; it pairs clients all the same.
    ///   - sealingKey: 32 bytes that seal URLs; the same over restarts, or every URL in an app's memory dies.
    ///   - gatewayUDN: How the gateway is announced at home.
    ///   - desk: The filters and virtual devices of the Remote Access services.
    ///   - nested: The gateway as a control point of devices that have DeviceProtection.
    ///   - observer: Hears each decision about what clients ask for.
    ///   - introduction: How pairing codes are handed over on the home's own network.
    package init(
        configuration: Configuration, trust: GatewayTrust, home: Home?, sealingKey: [UInt8], gatewayUDN: String,
        desk: RemoteAccessDesk, nested: NestedAuthorization? = nil, introduction: PairingIntroduction? = nil,
        observer: any DecisionObserver = NoDecisionObserver(), eventLoopGroup: any EventLoopGroup, logger: Logger
    ) throws {
        self.configuration = configuration
        self.trust = trust
        self.introduction = introduction
        self.home = home
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        self.desk = desk
        self.registry = SessionRegistry(limits: configuration.sessions, sessionLimits: configuration.sessionLimits)
        self.hub = SubscriptionHub(controlPoint: home?.controlPoint, logger: logger)
        let nowhere: @Sendable () -> HomeReach = { HomeReach(links: []) }
        let reach: @Sendable () -> HomeReach = if let home { home.reach } else { nowhere }
        self.mirror = HomeMirror(
            directory: directory, registry: registry, reach: reach, sealer: try URLSealer(key: sealingKey),
            allowsPublicURLs: configuration.allowsPublicURLs, policy: trust.policy, observer: observer,
            exports: { desk.exports($0, to: $1) })
        self.punches = configuration.punching.map { PunchDesk($0, eventLoopGroup: eventLoopGroup) }
        let limits = WireLimits()
        let requester = HomeRequester(
            client: HTTPClient(eventLoopGroup: eventLoopGroup, logger: logger), nested: nested)
        self.router = ExchangeRouter(
            endpoints: SessionEndpoints(
                trust: trust, registry: registry, home: mirror, hub: hub, nested: nested, gatewayUDN: gatewayUDN,
                limits: limits),
            home: mirror, hub: hub,
            control: ControlProxy(
                requester: requester, descriptions: ServiceDescriptions(), consents: trust.consents, limits: limits,
                logger: logger),
            documents: DocumentProxy(requester: requester),
            media: MediaProxy(requester: requester, registry: registry),
            discovery: DiscoveryEndpoint(
                desk: desk, mirror: mirror, limits: limits, callTime: configuration.peerCallTime, logger: logger),
            passage: SecurePassage(eventLoopGroup: eventLoopGroup, reach: reach, logger: logger), punches: punches,
            limits: limits,
            logger: logger)
        self.listener = TunnelListener(
            configuration: configuration.listener, eventLoopGroup: eventLoopGroup, logger: logger)
        self.quicListener = QUICListener(
            configuration: configuration.quic, eventLoopGroup: eventLoopGroup, logger: logger)
    }

    /// Runs the gateway until the task is cancelled or it was asked to stop.
    package func run(onEvent: @escaping @Sendable (Event) -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let home {
                group.addTask { try await self.discover(home.controlPoint, onEvent) }
                group.addTask { await self.followHome(home.controlPoint, onEvent) }
                group.addTask { await self.followDesk(onEvent) }
            }
            group.addTask { await self.trust.run() }
            group.addTask { await self.followTrust() }
            group.addTask { await self.followPolicy() }
            group.addTask { for await question in self.trust.consents.questions { onEvent(.consentAsked(question)) } }
            group.addTask { try await self.trust.policy.run { self.trust.endExpiredPasses() } }
            group.addTask { try await self.expireSessions() }
            if let listen = configuration.listen {
                group.addTask { try await self.listen(on: listen, onEvent) }
                for relay in configuration.relays {
                    let registrar = RelayRegistrar(
                        configuration: relay, identity: { self.trust.tunnelIdentity }, listener: listener,
                        eventLoopGroup: eventLoopGroup, logger: logger)
                    group.addTask { try await registrar.run { onEvent(.relay(relay.relay, $0)) } }
                }
            }
            if let listen = configuration.listenQUIC {
                group.addTask { try await self.listenQUIC(on: listen, onEvent) }
                if let ipv6 = configuration.ipv6 {
                    group.addTask { await self.followIPv6(ipv6, port: listen.port, onEvent) }
                }
            }
            if let punches { group.addTask { await self.servePaths(punches, onEvent) } }
            if let entrance = configuration.entrance {
                group.addTask { try await self.serve(entrance) }
            }
            for await _ in stop.stream { break }
            for session in registry.all { session.record(.stopping, size: 16) }
            // Clients need a moment to read it; a dead one must not hold the gateway up.
            async let farewells: Void = router.discovery.sayFarewell(within: configuration.drainTime)
            try? await Task.sleep(for: registry.all.isEmpty ? .zero : configuration.drainTime)
            await farewells
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }

    /// Tells every client byebye, and then ends `run`.
    package func beginGracefulShutdown() {
        stop.continuation.finish()
    }

    private func listen(on endpoint: SocketEndpoint, _ onEvent: @escaping @Sendable (Event) -> Void) async throws {
        let pairing = PairingService(trust: trust, introduction: introduction, logger: logger)
        defer { beginGracefulShutdown() }
        try await listener.run(
            on: endpoint, onBound: { onEvent(.listening($0)) }, identity: { self.trust.tunnelIdentity },
            pairingOpen: { self.trust.isPairingOpen }, authorize: { self.trust.authorize($0) },
            sessions: { await self.welcome($0, $1, onEvent) }, pairing: { await pairing.handle($0, from: $1) })
    }

    func listenQUIC(
        on endpoint: SocketEndpoint, _ onEvent: @escaping @Sendable (Event) -> Void
    ) async throws {
        let pairing = PairingService(trust: trust, introduction: introduction, logger: logger)
        do {
            try await quicListener.run(
                on: endpoint, onBound: { onEvent(.listeningQUIC($0)) }, identity: { self.trust.tunnelIdentity },
                pairingOpen: { self.trust.isPairingOpen }, authorize: { self.trust.authorize($0) },
                sessions: { await self.welcome($0, $1, onEvent) }, pairing: { await pairing.handle($0, from: $1) })
        } catch let error as TunnelError {
            // Clients still come over TCP.
            logger.warning(
                "clients are not served over UDP", metadata: ["address": "\(endpoint)", "error": "\(error)"])
        }
    }

    /// Paths of datagrams that were found with clients; nobody pairs over one.
    private func servePaths(_ punches: PunchDesk, _ onEvent: @escaping @Sendable (Event) -> Void) async {
        await punches.run { path in
            try await self.quicListener.run(
                over: path, identity: { self.trust.tunnelIdentity }, pairingOpen: { false },
                authorize: { self.trust.authorize($0) }, sessions: { await self.welcome($0, $1, onEvent) },
                pairing: { exchange, _ in exchange.reset(.refused) })
        }
    }

    private func welcome(
        _ carrier: any Carrier, _ peer: AdmittedPeer, _ onEvent: @escaping @Sendable (Event) -> Void
    ) async {
        let name = registry.nameCarrier()
        let client = trust.activeSubject(peer.subject)?.name ?? peer.subject
        if peer.purpose == .session {
            onEvent(.connected(client: client, from: peer.remote, through: peer.relay))
        }
        defer {
            if peer.purpose == .session { onEvent(.disconnected(client: client)) }
        }
        await serve(carrier, of: peer, name: name)
    }

    /// Answers everything that a peer asks over one carrier, until it ends.
    func serve(_ carrier: any Carrier, of peer: AdmittedPeer, name: CarrierID) async {
        defer { registry.detach(name) }
        do {
            try await carrier.serve { await self.router.handle($0, peer: peer, carrier: name) }
        } catch {
            logger.debug("a carrier ended", metadata: ["error": "\(error)"])
        }
    }
}
