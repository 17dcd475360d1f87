import Foundation
package import Logging
package import NIOCore
package import NIOTunnel
package import NIOUPnP
package import NetworkTypes
import Synchronization
import Tunnel
import UPnP

/// The away client (the standard's Remote Access Client): the home's permitted devices, where it stands.
///
/// ```
///   apps ◀── SSDPAdvertiser ◀── MirrorDriver ◀──────┐
///   apps ──▶ HTTPServer ──▶ LocalFrontend ──▶ TunnelLink ◀── SessionKeeper ──▶ gateway
///   apps ◀── EventPublishing ◀── EventFrontend ◀────┘
/// ```
package final class RemoteAccessClient: Sendable {
    /// `SERVER` of what the away client answers and announces (UDA 2.0 §1.2.2).
    package static let serverName = "Linux/6 UPnP/2.0 Latchkey/1"
    /// `SERVER` of mirrored devices, by which a gateway knows one: what is mirrored is never mirrored again.
    package static let mirrorServerName = "Linux/6 UPnP/2.0 Latchkey-Mirror/1"

    /// What an away client can be told.
    package struct Configuration: Sendable {
        /// The interface that it announces on.
        package var interface: String
        /// The address and port that it serves apps on; without an address it is the interface's of the moment,
        /// followed when it changes.
        package var listen: SocketEndpoint?
        /// How often the interface's address is looked at.
        package var addressPollInterval = Duration.seconds(2)
        package var ssdp = SSDPConfiguration()
        package var dialer = TunnelDialerConfiguration()
        package var mirror = MirrorState.Configuration()
        package var frontend = LocalFrontend.Limits()
        package var pace = SessionKeeper.Pace()
        package var server = HTTPServerLimits()

        /// Defaults for everything but the place.
        package init(interface: String, listen: SocketEndpoint? = nil) {
            self.interface = interface
            self.listen = listen
            // A player opens many connections when it seeks, and keeps a paused one for long.
            self.server.connectionsPerAddress = 128
        }
    }

    /// What the owner is told while it runs.
    package enum Event: Sendable {
        case serving(SocketEndpoint)
        case connected(SessionAnswer)
        case disconnected(String)
        /// The session goes over this way from now on.
        case path(PathKind, String)
        case waiting(reason: String, next: Duration)
        case mirror(MirrorState.Action)
    }

    private let configuration: Configuration
    private let neighbours: Neighbourhood
    private let target: @Sendable () -> SessionKeeper.Target
    private let onPins: @Sendable ([String]) async -> Void
    private let onEvent: @Sendable (Event) -> Void
    private let upkeep: (@Sendable (Link) async -> Duration)?
    private let group: any EventLoopGroup
    private let logger: Logger
    private let link = TunnelLink()
    /// How the gateway is reached, and what was tried.
    package let paths = PathBook()
    /// The role that the owner has taken up.
    package let roles: RoleHolder
    private let stop = AsyncStream<Void>.makeStream()
    private let state = Mutex<(driver: MirrorDriver?, status: String)>((nil, "starting"))

    /// - Parameters:
    ///   - neighbours: Who is served.
    ///   - target: Whom to reach; asked before each attempt.
    ///   - onPins: Told the pins that the gateway announces inside the tunnel, to be kept durably.
    ///   - upkeep: What the client does for itself while it is connected; answers when it is to be called again.
    package init(
        configuration: Configuration, neighbours: Neighbourhood,
        target: @escaping @Sendable () -> SessionKeeper.Target, onPins: @escaping @Sendable ([String]) async -> Void,
        onEvent: @escaping @Sendable (Event) -> Void, upkeep: (@Sendable (Link) async -> Duration)? = nil,
        eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.roles = RoleHolder(link: link)
        self.upkeep = upkeep
        self.configuration = configuration
        self.neighbours = neighbours
        self.target = target
        self.onPins = onPins
        self.onEvent = onEvent
        self.group = eventLoopGroup
        self.logger = logger
    }

    /// Runs until the task is cancelled or it was asked to stop; then everything announced says byebye.
    ///
    /// A host that moves to another network goes on there, with its address there.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled { try await self.serve(on: try await self.nextEndpoint()) }
            }
            group.addTask { for await _ in self.stop.stream { break } }
            defer {
                group.cancelAll()
                roles.layDown()
            }
            // Whatever ends first ends the rest: a failure, or the wish to stop.
            try await group.next()
            await self.state.withLock { $0.driver }?.lost()
        }
    }

    /// Where to serve; waits while the interface has no address.
    private func nextEndpoint() async throws -> SocketEndpoint {
        if let listen = configuration.listen { return listen }
        while true {
            if let address = ownAddress { return SocketEndpoint(address, port: 0) }
            try await Task.sleep(for: configuration.addressPollInterval)
        }
    }

    private var ownAddress: IPAddress? {
        // An interface that is gone for the moment has no address.
        (try? NetworkInterface.named(configuration.interface))?.ipv4?.address
    }

    /// Serves until the interface has another address.
    private func serve(on endpoint: SocketEndpoint) async throws {
        let (bound, bind) = AsyncStream<SocketEndpoint>.makeStream()
        let client = HTTPClient(eventLoopGroup: group, logger: logger)
        defer { client.shutDown() }
        let events = EventFrontend(link: link, client: client, callbackRule: callbackRule, logger: logger)
        let frontend = LocalFrontend(
            link: link, events: events, neighbours: neighbours, limits: configuration.frontend, logger: logger)
        let server = HTTPServer(limits: configuration.server, eventLoopGroup: group, logger: logger)
        var ssdp = configuration.ssdp
        // The mirror's own server listens on IPv4.
        ssdp.families = .ipv4
        // A mirror stands in for a device that may itself be on the link, whose byebye this would seem to be.
        ssdp.advertiser.byebyeFirst = false
        let advertiser = SSDPAdvertiser(
            interface: configuration.interface, configuration: ssdp,
            scope: neighbours.isShared ? .link : .ownHost, eventLoopGroup: group, logger: logger,
            accepts: { [neighbours] in neighbours.serves($0.address) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await server.run(
                    on: endpoint, onBound: { bind.yield($0) },
                    accepts: { self.neighbours.serves($0.address) }, handler: { try await frontend.handle($0) })
            }
            group.addTask { try await advertiser.run() }
            group.addTask {
                for await endpoint in bound {
                    self.onEvent(.serving(endpoint))
                    try await self.mirror(at: endpoint, advertiser: advertiser, events: events)
                }
            }
            group.addTask { try await self.waitForAnotherAddress(than: endpoint.address) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func waitForAnotherAddress(than address: IPAddress) async throws {
        while true {
            try await Task.sleep(for: configuration.addressPollInterval)
            let own = Set(((try? NetworkInterface.all()) ?? []).flatMap(\.addresses).map(\.address))
            if !own.isEmpty { neighbours.setOwn(own) }
            if configuration.listen == nil, let current = ownAddress, current != address { return }
        }
    }

    /// Says byebye for everything, and then ends `run`.
    package func beginGracefulShutdown() {
        stop.continuation.finish()
    }

    private func mirror(at endpoint: SocketEndpoint, advertiser: SSDPAdvertiser, events: EventFrontend) async throws {
        let doors = SecureDoors(
            address: endpoint.address, link: link, neighbours: neighbours, eventLoopGroup: group, logger: logger)
        defer { doors.closeAll() }
        let driver = MirrorDriver(
            advertiser: advertiser, authority: endpoint.description,
            bootID: UInt32(truncatingIfNeeded: Int(Date().timeIntervalSince1970)) & 0x7FFF_FFFF,
            configuration: configuration.mirror, secureLocation: { doors.location(of: $0) },
            onChange: { [onEvent] in onEvent(.mirror($0)) })
        state.withLock { $0.driver = driver }
        let keeper = SessionKeeper(
            dialer: TunnelDialer(configuration: configuration.dialer, eventLoopGroup: group, logger: logger),
            link: link,
            observer: ClientObserver(
                driver: driver, doors: doors, events: events, onPins: onPins,
                onEvent: { [weak self, onEvent] event in
                    self?.note(event)
                    onEvent(event)
                }), pace: configuration.pace, book: paths, logger: logger)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await driver.run() }
            group.addTask { try await keeper.run(authority: endpoint.description, target: self.target) }
            group.addTask { try await self.keepUp() }
        }
    }

    /// Calls `upkeep` over each carrier, and again when its time has come.
    private func keepUp() async throws {
        guard let upkeep else { return }
        try await link.overEachCarrier(upkeep)
    }

    private var callbackRule: @Sendable () -> CallbackRule? {
        let name = configuration.interface
        return {
            // An interface that is gone has nowhere to send events to.
            (try? NetworkInterface.named(name))?.ipv4.map { CallbackRule(interface: $0) }
        }
    }

    private func note(_ event: Event) {
        let status: String? =
            switch event {
            case .connected(let answer): "connected to \(answer.gatewayName) as \(answer.clientName)"
            case .disconnected(let reason): "not connected: \(reason)"
            case .waiting(let reason, _): "not connected: \(reason)"
            case .serving, .mirror, .path: nil
            }
        if let status { state.withLock { $0.status = status } }
    }

    /// How the tunnel stands, in words.
    package var status: String { state.withLock { $0.status } }

    /// The devices that the home shows, and why one of them is silent.
    package func devices() async -> [(device: MirroredDevice, silence: String?)] {
        guard let driver = state.withLock({ $0.driver }) else { return [] }
        return await driver.overview
    }
}

/// Tells the parts of an away client what the session says.
private struct ClientObserver: SessionObserver {
    let driver: MirrorDriver
    let doors: SecureDoors
    let events: EventFrontend
    let onPins: @Sendable ([String]) async -> Void
    let onEvent: @Sendable (RemoteAccessClient.Event) -> Void

    func opened(_ answer: SessionAnswer) async {
        await onPins(answer.pins)
        onEvent(.connected(answer))
        await driver.opened(gatewayUDN: answer.gatewayUDN)
    }

    func received(_ event: SessionEvent) async {
        switch event.content {
        case .snapshot(let devices, let subscriptions):
            doors.keep(only: devices)
            await doors.open(devices)
            await driver.snapshot(devices)
            await events.snapshot(subscriptions)
        case .appeared(let device):
            await doors.open(device)
            await driver.appeared(device)
        case .disappeared(let udn):
            await driver.disappeared(udn: udn)
            doors.close(udn: udn)
        case .properties(let subscription, let changes):
            await events.received(changes, of: subscription, at: event.cursor)
        case .subscriptionEnded(let subscription): await events.ended(subscription)
        case .stopping: await driver.lost()
        }
    }

    func lost(_ reason: String) async {
        onEvent(.disconnected(reason))
        await driver.lost()
    }

    func uses(_ way: Way.Reached) async {
        let (kind, name) = way.now()
        onEvent(.path(kind, name))
    }

    func waiting(_ reason: String, next: Duration) async {
        onEvent(.waiting(reason: reason, next: next))
    }
}
