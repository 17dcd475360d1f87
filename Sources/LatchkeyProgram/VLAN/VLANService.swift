import Foundation
import Logging
import NIOCore
import NIOUPnP
import NetworkTypes
import RemoteAccess
import SQLiteStore
import ServiceLifecycle
import TrustCore
import UnixSignals

/// One direction: the devices of one network, shown on another.
struct VLANWay: Hashable, Sendable, CustomStringConvertible {
    /// Whose devices are shown.
    let home: NetworkInterface
    /// Where they are shown.
    let away: NetworkInterface
    /// The name of the subject that stands for everybody on `away`.
    let subject: String
    /// The neighbours on `away` that are served.
    let allowed: [IPPrefix]

    var description: String { "\(home.name) on \(away.name)" }

    /// The directions of a configuration; `networks` are those of `--between` and of `--and`.
    static func ways(_ configuration: VLANConfiguration, _ networks: [NetworkInterface]) -> [VLANWay] {
        let (shownOn, shown) = (networks[0], networks[1])
        let forth = VLANWay(
            home: shown, away: shownOn, subject: configuration.subject,
            allowed: configuration.allow.isEmpty ? shownOn.ipv4.map { [$0.prefix] } ?? [] : configuration.allow)
        guard configuration.bothWays else { return [forth] }
        let back = VLANWay(
            home: shownOn, away: shown, subject: configuration.subject + "-back",
            allowed: shown.ipv4.map { [$0.prefix] } ?? [])
        return [forth, back]
    }
}

/// VLAN mode as one service: a gateway and an away client for each direction, and nothing between them but policy.
struct VLANService: LiveGateway, CustomStringConvertible {
    struct Direction: Sendable {
        let way: VLANWay
        let trust: GatewayTrust
        let server: RemoteAccessServer
        let client: RemoteAccessClient
    }

    let directions: [Direction]
    let followed: FollowedPolicy?
    private let audit: AuditWriter
    let logger: Logger
    private let report: @Sendable (ProgramEvent) -> Void
    let startedAt = ContinuousClock.now

    init(
        _ ways: [VLANWay], configuration: VLANConfiguration, store: SQLiteGatewayStore, followed: FollowedPolicy?,
        eventLoopGroup: any EventLoopGroup, logger: Logger, report: @escaping @Sendable (ProgramEvent) -> Void,
        serving: @escaping @Sendable (VLANWay) -> Void
    ) async throws {
        self.report = report
        self.followed = followed
        self.logger = logger
        let audit = AuditWriter(store: store, logger: logger)
        self.audit = audit
        var random = SystemRandomNumberGenerator()
        let sealingKey = try await store.secret(named: "url-sealing", orStore: random.bytes(32))
        // One record of what this process says, so that neither direction finds what the other shows.
        var ssdp = SSDPConfiguration(group: configuration.ssdp.group)
        ssdp.userAgent = RemoteAccessClient.serverName
        var directions: [Direction] = []
        for way in ways {
            let trust = try await GatewayTrust.load(
                from: store, policies: PolicySource(of: store), name: hostName(), logger: logger)
            let entrance = LocalEntrance(subject: try await Self.subject(of: way, configuration, trust))
            // Nobody announces it, so no network is ever taken for the gateway's own.
            let udn = "uuid:\(UUID().uuidString.lowercased())"
            let desk = try await RemoteAccessDesk.load(gatewayUDN: udn, from: store, logger: logger)
            directions.append(
                Direction(
                    way: way, trust: trust,
                    server: try RemoteAccessServer(
                        configuration: .init(entrance: entrance), trust: trust,
                        home: Self.home(
                            of: way, eventsPort: configuration.eventsPort, ssdp: ssdp, eventLoopGroup, logger),
                        sealingKey: sealingKey, gatewayUDN: udn, desk: desk,
                        observer: AuditObserver(writer: audit, name: { trust.name(of: $0) }),
                        eventLoopGroup: eventLoopGroup, logger: logger),
                    client: try Self.client(
                        of: way, entrance: entrance, ssdp: ssdp, eventLoopGroup, logger,
                        onEvent: { event in
                            if let told = ProgramEvent(event, of: way) { report(told) }
                            if case .serving = event { serving(way) }
                        })))
        }
        self.directions = directions
    }

    private static func subject(
        of way: VLANWay, _ configuration: VLANConfiguration, _ trust: GatewayTrust
    ) async throws -> SubjectID {
        do {
            return try await trust.localSubject(
                named: way.subject, scope: configuration.scopes.scope, orNew: configuration.scopes.fresh)
        } catch let problem as Problem {
            throw ProgramError.failure("\(problem.title) The option is --subject NAME")
        }
    }

    private static func home(
        of way: VLANWay, eventsPort: UInt16, ssdp: SSDPConfiguration, _ group: any EventLoopGroup, _ logger: Logger
    ) -> RemoteAccessServer.Home {
        var configuration = ControlPointConfiguration(interface: way.home.name, ssdp: ssdp)
        // As a gateway: mirrored over IPv4, with what vendors add to descriptions.
        configuration.families = .ipv4
        configuration.keepsDocuments = true
        configuration.eventPort = eventsPort
        let reach = HomeReachCache(interface: way.home.name)
        return RemoteAccessServer.Home(
            controlPoint: ControlPoint(configuration: configuration, eventLoopGroup: group, logger: logger),
            reach: { reach.current() })
    }

    private static func client(
        of way: VLANWay, entrance: LocalEntrance, ssdp: SSDPConfiguration, _ group: any EventLoopGroup,
        _ logger: Logger, onEvent: @escaping @Sendable (RemoteAccessClient.Event) -> Void
    ) throws -> RemoteAccessClient {
        var configuration = RemoteAccessClient.Configuration(interface: way.away.name)
        configuration.ssdp = ssdp
        let neighbours = Neighbourhood(
            own: Set(try NetworkInterface.all().flatMap(\.addresses).map(\.address)), shared: true,
            allowed: way.allowed)
        return RemoteAccessClient(
            configuration: configuration, neighbours: neighbours,
            target: { SessionKeeper.Target(entrance: entrance) }, onPins: { _ in }, onEvent: onEvent,
            eventLoopGroup: group, logger: logger)
    }

    /// What the log calls the service.
    var description: String { "vlan mode" }

    func run() async throws {
        // Trapped before anybody is told that the program is ready.
        let signals = followed == nil ? nil : await UnixSignalsSequence(trapping: .sighup)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runDirections() }
            group.addTask {
                await audit.run()
                // Its end is not the program's: it ends with it.
                try await Task.sleep(for: .seconds(3_600))
            }
            if let followed, let signals {
                group.addTask {
                    await followed.follow(signals, changed: { await storeChanged() }, report: report)
                    try await Task.sleep(for: .seconds(3_600))
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func runDirections() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingDiscardingTaskGroup { group in
                for direction in directions { group.addTask { try await run(direction) } }
            }
        } onGracefulShutdown: {
            // What is shown says byebye; then the gateways have nobody left to serve.
            for direction in directions { direction.client.beginGracefulShutdown() }
        }
    }

    private func run(_ direction: Direction) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await direction.server.run { [report] event in
                    if case .connected = event { return }
                    if case .disconnected = event { return }
                    report(ProgramEvent(event))
                }
            }
            group.addTask { try await direction.client.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

extension ProgramEvent {
    /// What the owner is told of a direction's away client; nil for what is of no interest within one process.
    fileprivate init?(_ event: RemoteAccessClient.Event, of way: VLANWay) {
        switch event {
        case .connected, .disconnected, .path, .mirror(.search): return nil
        case .serving, .waiting, .mirror:
            self.init(event)
            fields["network"] = way.away.name
        }
    }
}
