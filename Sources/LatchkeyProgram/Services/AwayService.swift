import Foundation
import Logging
import NIOCore
import NIOTunnel
import NIOTunnelQUIC
import NIOUPnP
import NetworkTypes
import RemoteAccess
import ServiceLifecycle
import Synchronization
import TrustCore
import Tunnel
import UPnP

/// The away client as one service.
struct AwayService: LiveAway, CustomStringConvertible {
    private let client: RemoteAccessClient
    private let context: AwayContext
    private let finding: GatewayFinding
    private let known: KnownGateway
    /// Nil where no direct path is looked for.
    private let nats: NATExchange?

    init(_ context: AwayContext) throws {
        self.context = context
        let known = try KnownGateway(context.gateway)
        self.known = known
        var configuration = RemoteAccessClient.Configuration(
            interface: context.interface.name, listen: context.configuration.listen)
        configuration.ssdp = SSDPConfiguration(group: context.configuration.ssdp.group)
        configuration.dialer.keepalive = .init(
            interval: min(.seconds(3), context.configuration.silence / 3), patience: context.configuration.silence)
        configuration.dialer.tls = TunnelTLS(minimum: .v13, environment: ProcessInfo.processInfo.environment)
        // Sharing without a list is with the network that the host stands in now, and with no other later.
        let allowed = context.configuration.allow
        let neighbours = Neighbourhood(
            own: Set(try NetworkInterface.all().flatMap(\.addresses).map(\.address)),
            shared: context.configuration.share,
            allowed: allowed.isEmpty ? context.interface.ipv4.map { [$0.prefix] } ?? [] : allowed)
        let (report, serving) = (context.report, context.serving)
        let store = context.store
        let logger = context.logger
        let group = context.eventLoopGroup
        configuration.pace = context.configuration.paths.pace
        let punching = context.configuration.traversal.punching()
        let nats = punching.map { NATExchange($0, eventLoopGroup: group) }
        self.nats = nats
        let carrier = context.configuration.carrier
        var dialling = QUICDialerConfiguration()
        dialling.keepalive = configuration.dialer.keepalive
        let quic = QUICDialer(configuration: dialling, eventLoopGroup: group, logger: logger)
        let finding = try GatewayFinding(
            file: "\(context.configuration.state.path)/finding-\(context.gateway.id.rawValue.prefix(16)).json",
            nameServer: context.configuration.nameServer, roots: context.configuration.webRoots,
            gateway: { known.current },
            found: { addresses in
                known.moved(to: addresses)
                do {
                    try await store.update(known.current.id, name: nil, addresses: addresses, pins: nil)
                } catch {
                    logger.warning("the gateway's addresses could not be kept", metadata: ["error": "\(error)"])
                }
            }, report: report, eventLoopGroup: context.eventLoopGroup, logger: logger)
        self.finding = finding
        self.client = RemoteAccessClient(
            configuration: configuration, neighbours: neighbours,
            target: {
                let (gateway, identity) = known.presented
                let verification = PairingClient.verification(pins: gateway.pins)
                let addresses = gateway.addresses.tunnelAddresses(pins: gateway.pins)
                var ways: [Way] = []
                if carrier.allowsQUIC {
                    ways.append(
                        .tunnel(
                            .direct, to: addresses.filter { $0.serverName == nil }, over: quic, identity: identity,
                            verifyServer: verification))
                }
                if carrier.allowsTLS {
                    ways += Way.tunnels(to: addresses, identity: identity, verifyServer: verification)
                }
                if let punching {
                    ways.append(
                        .punched(
                            punching, dialer: quic, identity: identity, eventLoopGroup: group,
                            verifyServer: verification))
                }
                return SessionKeeper.Target(ways: ways)
            },
            onPins: { pins in
                guard let pins = known.announced(pins) else { return }
                do {
                    try await store.update(known.current.id, name: nil, addresses: nil, pins: pins)
                } catch {
                    logger.warning("the gateway's pins could not be kept", metadata: ["error": "\(error)"])
                }
            },
            onEvent: { event in
                report(ProgramEvent(event))
                switch event {
                case .serving: serving()
                case .connected: finding.connected(true)
                case .disconnected, .waiting: finding.connected(false)
                default: break
                }
            },
            upkeep: Self.upkeep(store, known, finding, nats, report), eventLoopGroup: context.eventLoopGroup,
            logger: logger)
    }

    private static func upkeep(
        _ store: any AwayStore, _ known: KnownGateway, _ finding: GatewayFinding, _ nats: NATExchange?,
        _ report: @escaping @Sendable (ProgramEvent) -> Void
    ) -> @Sendable (Link) async -> Duration {
        let upkeep = ClientUpkeep(
            store: store, gateway: { known.current }, onRenewed: { known.renewed($0) },
            onNotice: { report(ProgramEvent($0)) })
        return { link in
            if let answer = await link.addresses() { await finding.learn(answer) }
            let pause = await upkeep.run(link)
            await nats?.run(over: link)
            return pause
        }
    }

    /// What the log calls the service.
    var description: String { "away client" }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await finding.run()
                // Its end is not the client's: it ends with it.
                try await Task.sleep(for: .seconds(3_600))
            }
            group.addTask {
                try await withGracefulShutdownHandler {
                    try await client.run()
                } onGracefulShutdown: {
                    client.beginGracefulShutdown()
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    func devices() async -> [DeviceReport] {
        await client.devices().map { device, silence in
            DeviceReport(
                udn: device.root.udn, name: device.friendlyName, type: device.root.deviceType, location: nil,
                state: silence.map { "silent: \($0)" } ?? "announced")
        }
    }

    func status() async -> StatusReport {
        StatusReport(
            role: "away", name: context.gateway.subjectName, state: client.status,
            details: [
                "gateway": context.gateway.name, "interface": context.interface.name,
                "role": client.roles.current?.role ?? "as granted",
                "path": client.paths.report.sentence,
            ])
    }

    func doctor() async -> DoctorReport {
        let traversal = context.configuration.traversal
        let gateway = known.current
        async let own = traversal.lookAtNAT(on: context.eventLoopGroup.next())
        async let peer = nats?.peer()
        var report = AwayDiagnosis(
            gateway: gateway.name, paths: client.paths.report, nat: await own, peerNAT: await peer,
            hasSTUN: !traversal.stunServers.isEmpty, hasTURN: traversal.turnServers.isConfigured,
            looksForDirectPaths: traversal.isEnabled
        ).report(now: Date())
        let list = gateway.addresses.map(\.description).joined(separator: ", ")
        report.findings.append("The gateway “\(gateway.name)”: \(client.status). It is tried at \(list).")
        finding.judge(&report)
        return report
    }

    func role(_ order: RoleOrder) async throws -> RoleReport {
        switch order {
        case .show: break
        case .layDown: client.roles.layDown()
        case .takeUp(let role, let seconds):
            do {
                _ = try await client.roles.takeUp(role, seconds: seconds)
            } catch let problem as Problem {
                throw ProgramError.failure(problem.title)
            }
        }
        return RoleReport(role: client.roles.current?.role, until: client.roles.current?.until)
    }
}

/// The gateway as it is known at the moment: its pins change when it announces a successor key.
private final class KnownGateway: Sendable {
    private let gateway: Mutex<PairedGateway>
    private let identity: Mutex<TunnelIdentity>

    init(_ gateway: PairedGateway) throws {
        self.gateway = Mutex(gateway)
        self.identity = Mutex(try Self.identity(of: gateway))
    }

    var current: PairedGateway { gateway.withLock { $0 } }

    /// The gateway, and as whom it is reached: with the newest certificate at each new carrier.
    var presented: (PairedGateway, TunnelIdentity) { (current, identity.withLock { $0 }) }

    /// It is reached elsewhere now.
    func moved(to addresses: [GatewayAddress]) { gateway.withLock { $0.addresses = addresses } }

    /// The certificate was renewed, and is kept.
    func renewed(_ renewed: PairedGateway) {
        // What cannot be presented was checked against its key before, and the old one is valid still.
        guard let presented = try? Self.identity(of: renewed) else { return }
        identity.withLock { $0 = presented }
        gateway.withLock { gateway in
            let (pins, addresses) = (gateway.pins, gateway.addresses)
            gateway = renewed
            gateway.pins = pins
            gateway.addresses = addresses
        }
    }

    private static func identity(of gateway: PairedGateway) throws -> TunnelIdentity {
        try TunnelIdentity(chainDER: gateway.chain.map(\.der), privateKeyDER: gateway.key.pkcs8DER)
    }

    /// Takes over announced pins; answers them when they are news.
    func announced(_ texts: [String]) -> [KeyPin]? {
        let pins = texts.prefix(4).compactMap { KeyPin(base64URL: $0) }
        return gateway.withLock { gateway in
            guard !pins.isEmpty, pins != gateway.pins else { return nil }
            gateway.pins = pins
            return pins
        }
    }
}

extension ProgramEvent {
    fileprivate init(_ notice: ClientUpkeep.Notice) {
        switch notice {
        case .renewed(let until):
            let day = until.formatted(.iso8601)
            self.init("certificate-renewed", "the certificate was renewed and is good until \(day)", ["until": day])
        case .notRenewed(let reason, let until):
            self.init(
                "certificate-not-renewed",
                "the certificate could not be renewed: \(reason); it ends at \(until.formatted(.iso8601))",
                ["reason": reason])
        case .auditContradicted(let reason):
            self.init(
                "audit-contradicted",
                "WARNING: the gateway's audit log was tampered with: \(reason). Do not trust the gateway before its "
                    + "owner has looked: latchkey away audit-head prints what this client holds, and on the gateway "
                    + "“latchkey audit verify --against” compares it", ["reason": reason])
        case .auditGap(let sequence):
            self.init(
                "audit-gap",
                "the gateway has removed the entries of its audit log that this client knew (up to \(sequence)): "
                    + "it cannot be compared with what was before", ["sequence": String(sequence)])
        }
    }

    init(_ event: RemoteAccessClient.Event) {
        switch event {
        case .serving(let endpoint):
            self.init("serving", "serving apps on \(endpoint)", ["address": endpoint.description])
        case .connected(let answer):
            self.init(
                "connected", "connected to “\(answer.gatewayName)” as “\(answer.clientName)”",
                ["gateway": answer.gatewayName, "client": answer.clientName, "resumed": String(answer.resumed)])
        case .path(let kind, let name):
            self.init(
                "path", "the home is reached \(kind.words) (\(name))", ["kind": "\(kind)", "way": name])
        case .disconnected(let reason):
            self.init("disconnected", "disconnected: \(reason)", ["reason": reason])
        case .waiting(let reason, let next):
            self.init(
                "waiting", "not connected: \(reason); next attempt in \(String(format: "%.1f", next.seconds)) s",
                ["reason": reason])
        case .mirror(.announce(let device)): self.init("announced", "announced \(device.friendlyName)", device)
        case .mirror(.refresh(let device)): self.init("refreshed", "announced \(device.friendlyName) anew", device)
        case .mirror(.withdraw(let udn, let byebye)):
            self.init(
                byebye ? "byebye" : "silent",
                byebye ? "byebye for \(udn)" : "silent about \(udn): it is announced here",
                ["udn": udn])
        case .mirror(.search(let udn)): self.init("searched", "asked this network for \(udn)", ["udn": udn])
        }
    }

    private init(_ name: String, _ sentence: String, _ device: MirroredDevice) {
        self.init(
            name, "\(sentence) (\(device.root.deviceType))",
            ["udn": device.root.udn, "name": device.friendlyName, "type": device.root.deviceType])
    }
}
