import AccessPolicy
import Foundation
import Logging
import NIOCore
import NIOTunnel
import NIOTunnelQUIC
import NIOUPnP
import NetworkTypes
import Reachability
import RemoteAccess
import SQLiteStore
import ServiceLifecycle
import TrustCore
import Tunnel
import UPnP

/// The gateway as one service: the home on one side, clients on the other.
struct GatewayService: LiveGateway, CustomStringConvertible {
    private let server: RemoteAccessServer
    private let nested: NestedAuthorization?
    /// How the gateway is announced at home; nil where it stands on no network.
    private let presence: (@Sendable () async throws -> Void)?
    /// DeviceProtection of the gateway's own services; nil where they are not hosted.
    let protection: DeviceProtectionService?
    let trust: GatewayTrust
    /// Pairing on the home's own network; nil where the gateway has no DeviceProtection.
    let introduction: PairingIntroduction?
    private let audit: AuditWriter
    let context: GatewayContext
    private let startedAt = ContinuousClock.now

    init(_ context: GatewayContext) async throws {
        let logger = context.logger
        self.context = context
        self.trust = try await GatewayTrust.load(
            from: context.store, policies: PolicySource(of: context.store), name: context.identity.name,
            lifetimes: context.configuration.lifetimes, logger: logger)
        self.audit = AuditWriter(store: context.store, logger: logger)
        var random = SystemRandomNumberGenerator()
        let sealingKey = try await context.store.secret(named: "url-sealing", orStore: random.bytes(32))
        let udn = trust.identity.udn
        var protection = StandardServices.Hosting.protection(udn: udn, name: context.identity.name)
        let introduction = try await Self.introduction(protection, context)
        if let introduction { protection.setup = introduction }
        protection.audits = { [audit] in audit.record($0, pace: $0.outcome == .denied ? .refusals : .each) }
        self.introduction = introduction
        var configuration = RemoteAccessServer.Configuration(listen: context.configuration.listen)
        configuration.relays = context.configuration.relays.map {
            $0.registrar(invitation: context.configuration.relayInvitation)
        }
        trust.addresses.open(context.addressAnswers)
        let sessions = context.configuration.maxSessions
        configuration.sessions.sessions = sessions
        // A session has a media connection too, and a household comes from one address.
        configuration.listener.maximumConnections = max(1_024, 2 * sessions + 64)
        configuration.listener.maximumConnectionsPerAddress = max(64, 2 * sessions)
        if context.configuration.carrier.allowsQUIC {
            configuration.listenQUIC = context.configuration.listen
            configuration.quic.maximumConnections = configuration.listener.maximumConnections
            configuration.quic.maximumConnectionsPerAddress = configuration.listener.maximumConnectionsPerAddress
        }
        if context.configuration.servesIPv6, context.configuration.listensOnIPv4 {
            configuration.listener.alsoIPv6 = true
            configuration.ipv6 = { [place = context.configuration] in place.placeIPv6.publicIPv6.map(\.address) }
        }
        configuration.listener.tls = TunnelTLS(
            minimum: context.configuration.minimumTLS, environment: ProcessInfo.processInfo.environment)
        configuration.punching = context.configuration.traversal.punching()
        let store = context.store
        let nested = context.deviceProtection.map {
            NestedAuthorization(
                store: $0, pin: { try await store.secret(named: $0, orStore: $1) },
                eventLoopGroup: context.eventLoopGroup, logger: logger)
        }
        self.nested = nested
        self.server = try RemoteAccessServer(
            configuration: configuration, trust: trust,
            home: Self.home(context), sealingKey: sealingKey,
            gatewayUDN: udn,
            desk: try await RemoteAccessDesk.load(gatewayUDN: udn, from: context.store, logger: logger),
            nested: nested, introduction: introduction,
            observer: AuditObserver(writer: audit, name: { [trust] in trust.name(of: $0) }),
            eventLoopGroup: context.eventLoopGroup, logger: logger)
        self.protection = try await Self.protection(protection, trust: trust, context)
        self.presence = Self.presence(
            udn: udn, server: server, trust: trust, protection: self.protection, introduction, context)
    }

    private static func home(_ context: GatewayContext) -> RemoteAccessServer.Home? {
        guard let interface = context.interface, let controlPoint = context.controlPoint else { return nil }
        let reach = HomeReachCache(interface: interface.name)
        return RemoteAccessServer.Home(controlPoint: controlPoint, reach: { reach.current() })
    }

    /// Finds the home's devices, for clients and for the gateway itself.
    static func controlPoint(
        on interface: NetworkInterface, ssdp: SSDPConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger
    ) -> ControlPoint {
        var configuration = ControlPointConfiguration(interface: interface.name, ssdp: ssdp)
        // Homes are mirrored over IPv4, and what vendors add to descriptions is mirrored too.
        configuration.families = .ipv4
        configuration.keepsDocuments = true
        return ControlPoint(configuration: configuration, eventLoopGroup: eventLoopGroup, logger: logger)
    }

    /// What the log calls the service.
    var description: String { "gateway" }

    func run() async throws {
        let report = context.report
        let serving = context.serving
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await withGracefulShutdownHandler {
                    try await server.run { [audit] event in
                        report(ProgramEvent(event))
                        if let event = AuditEvent(event) { audit.record(event) }
                        guard case .listening = event else { return }
                        report(ProgramEvent(howToPairWith: context.configuration.state))
                        serving()
                    }
                } onGracefulShutdown: {
                    server.beginGracefulShutdown()
                }
            }
            group.addTask {
                await audit.run()
                // Its end is not the gateway's: it ends with it.
                try await Task.sleep(for: .seconds(3_600))
            }
            if let presence { group.addTask { try await announce(presence) } }
            defer { group.cancelAll() }
            // The server's end is the gateway's end.
            try await group.next()
        }
    }

    /// Without its announcement a gateway still serves; its clients do not notice when they come home.
    private func announce(_ presence: @Sendable () async throws -> Void) async throws {
        do {
            try await presence()
        } catch let error where !(error is CancellationError) {
            context.report(
                ProgramEvent("not-announced", "the gateway is not announced at home: \(error)", ["reason": "\(error)"]))
            while true { try await Task.sleep(for: .seconds(3_600)) }
        }
    }

    func sessions() async -> [SessionReport] {
        server.sessions.map { session in
            SessionReport(
                id: session.id, client: session.name, peer: session.paths.joined(separator: ", "),
                since: Date() - session.openedAt.duration(to: .now).seconds, devices: session.devices,
                bytesOut: session.table.bytesOut, bytesIn: session.table.bytesIn,
                nat: session.nat.map(DoctorReport.NAT.init))
        }
    }

    func devices() async -> [DeviceReport] {
        server.devices.map { device, refusal in
            DeviceReport(
                udn: device.udn, name: device.name, type: device.facts.deviceType,
                location: device.device.location.description, state: refusal.map { "not reached: \($0)" } ?? "present")
        }
    }

    func deviceFacts() async -> [DeviceFacts] { server.devices.map(\.0.facts) }

    func doctor() async -> DoctorReport {
        let loop = context.eventLoopGroup.next()
        let nat = await context.configuration.traversal.lookAtNAT(on: loop)
        var report = context.diagnosis(nat)
        report.paths = server.sessions.map { session in
            .init(
                peer: session.name, path: session.paths.joined(separator: ", "),
                since: Date() - session.openedAt.duration(to: .now).seconds,
                nat: session.nat.map(DoctorReport.NAT.init),
                hole: NATPair(own: nat, peer: session.nat).sentence(own: "the home's", peer: "the client's"))
        }
        return report
    }

    func status() async -> StatusReport {
        StatusReport(
            role: "gateway", name: trust.identity.name, state: "serving",
            details: [
                "listen": context.configuration.listen.description, "sessions": String(server.sessions.count),
                "sessions-limit": String(context.configuration.maxSessions), "devices": String(server.devices.count),
                "interface": context.interface?.name ?? "none",
                "addresses": context.addresses.current().map(\.description).joined(separator: " "),
                "device-roles": nested.map { $0.rolesInUse.sorted().map(\.rawValue).joined(separator: " ") } ?? "",
                "uptime-seconds": String(startedAt.duration(to: .now).components.seconds),
            ])
    }

    func storeChanged() async {
        do {
            try await trust.reload()
            // A device's certificate may have been forgotten.
            nested?.forgetDoors()
            try await protection?.reload()
            // Who lost their rights leave the ACL durably, should an entry of it name them.
            try await protection?.change { _ in }
        } catch {
            context.logger.warning("the store could not be read", metadata: ["error": "\(error)"])
        }
    }

    func endSessions(of subject: SubjectID) async -> Int { await server.endSessions(of: subject) }
}

extension AuditEvent {
    /// What of the gateway's events goes into the audit log. Where a client connects from does not.
    fileprivate init?(_ event: RemoteAccessServer.Event) {
        switch event {
        case .connected(let client, _, _): self.init(.sessionOpened, client: client)
        case .disconnected(let client): self.init(.sessionEnded, client: client)
        default: return nil
        }
    }
}

extension ProgramEvent {
    init(_ event: RemoteAccessServer.Event) {
        switch event {
        case .listening(let endpoint):
            self.init("listening", "serving clients on \(endpoint)", ["address": endpoint.description])
        case .listeningQUIC(let endpoint):
            self.init(
                "listening-quic", "serving clients on \(endpoint) by QUIC", ["address": endpoint.description])
        case .device(.appeared(let device)): self.init("device-appeared", "found \(device.name)", device)
        case .device(.changed(let device)): self.init("device-changed", "changed: \(device.name)", device)
        case .device(.disappeared(let device)): self.init("device-disappeared", "gone: \(device.name)", device)
        case .connected(let client, let remote, nil):
            self.init(
                "client-connected", "\(client) connected from \(remote)",
                ["client": client, "from": remote.description])
        case .connected(let client, let remote, let relay?):
            self.init(
                "client-connected", "\(client) connected from \(remote), through the relay \(relay)",
                ["client": client, "from": remote.description, "relay": relay.description])
        case .relay(let relay, let event): self.init(relay, event)
        case .consentAsked(let question):
            let command = "latchkey gateway consent allow \(question.client) \(question.rule)"
            self.init(
                "consent-asked",
                "\(question.client) asks to use \(question.device) (\(question.action)); allow it with: \(command)",
                [
                    "client": question.client, "device": question.device, "action": question.action,
                    "rule": question.rule,
                ])
        case .homeLost(let reason):
            self.init(
                "no-home", "devices can no longer be found: \(reason); pairing and commands are served",
                ["reason": reason])
        case .disconnected(let client):
            self.init("client-disconnected", "\(client) disconnected", ["client": client])
        }
    }

    /// What a person who starts a gateway wants to know next.
    fileprivate init(howToPairWith state: StateFolder) {
        let command = "latchkey gateway pair --state \(state.path) --name NAME --preset media"
        self.init("how-to-pair", "pair a client with: \(command)", ["command": command])
    }

    private init(_ name: String, _ sentence: String, _ device: KnownDevice) {
        self.init(
            name, "\(sentence) (\(device.facts.deviceType))",
            ["udn": device.udn, "name": device.name, "type": device.facts.deviceType])
    }
}

extension Duration {
    /// The duration in seconds, as Foundation's dates count them.
    var seconds: TimeInterval { TimeInterval(components.seconds) + TimeInterval(components.attoseconds) / 1e18 }
}
