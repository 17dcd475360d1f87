import Logging
import NIOCore
import NIOUPnP
import NetworkTypes
import Reachability
import ServiceLifecycle
import Synchronization
import Traversal
import Tunnel

/// The gateway's way in over IPv6, where nothing is translated: the router's firewall is asked to let clients in.
final class IPv6Reachability: Sendable {
    private let configuration: GatewayConfiguration
    private let report: @Sendable (ProgramEvent) -> Void
    private let controlPoint: ControlPoint?
    private let mapper: PortMapper?
    /// Whether the owner wants the router to be asked.
    private let isWanted: Bool
    private let told: Mutex<Told>
    /// The own address that is used for as long as this host has it.
    private let chosen: ChosenAddress

    private struct Told {
        var open: MappingGrant?
        var failures: [MappingMethod: String] = [:]
    }

    private final class ChosenAddress: Sendable {
        private let address = Mutex<IPAddress?>(nil)
        private let look: @Sendable () -> Surroundings

        init(_ look: @escaping @Sendable () -> Surroundings) { self.look = look }

        func side() -> Surroundings {
            let place = look()
            return address.withLock { address in
                let side = place.ipv6Side(keeping: address)
                address = side.own?.address
                return side
            }
        }
    }

    /// - Parameter other: The control point over IPv4, for a router that is no UPnP device over IPv6.
    init(
        _ configuration: GatewayConfiguration, other: ControlPoint?, eventLoopGroup: any EventLoopGroup, logger: Logger,
        report: @escaping @Sendable (ProgramEvent) -> Void
    ) {
        self.configuration = configuration
        self.report = report
        let file = configuration.state.path + "/pinholes.json"
        let memory = MappingMemory(file: file)
        let methods = configuration.reachability.methods(hasAddresses: !configuration.addresses.isEmpty)
            .filter { $0 != .natpmp }
        chosen = ChosenAddress { configuration.placeIPv6 }
        told = Mutex(Told())
        isWanted = !methods.isEmpty && configuration.servesIPv6
        // Without a way that is wanted, what an earlier start has left open is closed.
        guard isWanted || !memory.entries.isEmpty else {
            controlPoint = nil
            mapper = nil
            return
        }
        let controlPoint = other.map { other in
            var settings = ControlPointConfiguration(interfaces: other.configuration.interfaces, families: .ipv6)
            settings.userAgent = other.configuration.userAgent
            return ControlPoint(configuration: settings, eventLoopGroup: eventLoopGroup, logger: logger)
        }
        self.controlPoint = controlPoint
        let targets = configuration.mappingTargets
        var mapping = PortMapper.Configuration(targets: targets)
        mapping.methods = isWanted ? methods : []
        let relay = StatusRelay()
        mapper = PortMapper(
            mapping, memory: memory, surroundings: { [chosen] in chosen.side() },
            make: PortMapper.pinholeWorkers(
                targets: targets, controlPoint: controlPoint, other: other, eventLoopGroup: eventLoopGroup),
            keep: {
                do {
                    try $0.write(to: file)
                } catch {
                    logger.warning("what is open could not be noted", metadata: ["error": "\(error)"])
                }
            }, changed: { relay.tell($0) })
        relay.set { [weak self] in self?.changed($0) }
    }

    /// How things stand; nil where this host has no public address, or does not serve clients over IPv6.
    var finding: DoctorReport.IPv6? {
        guard configuration.servesIPv6, let own = chosen.side().own?.address else { return nil }
        guard isWanted, let status = mapper?.status else {
            return .init(address: "\(own)", state: .unknown, reason: "the router is not asked (gateway.mapping)")
        }
        return .init(own, status)
    }

    /// What was tried.
    var attempts: [MappingAttempt] {
        isWanted && chosen.side().own != nil ? mapper?.status.attempts ?? [] : []
    }

    /// What clients are told: nothing where the firewall is known to be closed.
    var endpoints: [SocketEndpoint] {
        guard isWanted, let own = chosen.side().own?.address, let finding, finding.state != .closed else { return [] }
        let external = mapper?.status.external.flatMap { AddressReach($0.address) == .public ? $0 : nil }
        return [external ?? SocketEndpoint(own, port: configuration.listen.port)]
    }

    /// Works until the program stops, and then closes what was opened.
    func run() async {
        guard let mapper else { return }
        await withTaskGroup(of: Void.self) { group in
            // It ends after the mapper, which closes pinholes by it.
            if let controlPoint { group.addTask { try? await controlPoint.run() } }
            await cancelWhenGracefulShutdown { await mapper.run() }
            group.cancelAll()
        }
    }

    private func changed(_ status: MappingStatus) {
        guard chosen.side().own != nil else { return }
        let open = status.grants.first { $0.target.transport == .tcp }
        let (isNews, failures) = told.withLock { told in
            defer { told.open = open }
            let failures = status.attempts.filter { told.failures[$0.method] != $0.result && !$0.works }
            for attempt in status.attempts { told.failures[attempt.method] = attempt.result }
            return (open.map { $0.external != told.open?.external } ?? false, failures)
        }
        for attempt in failures {
            report(
                ProgramEvent(
                    "no-pinhole", "IPv6, \(attempt.method.name): \(attempt.result)",
                    ["method": attempt.method.rawValue, "reason": attempt.result]))
        }
        guard isNews, let open, let method = status.method else { return }
        report(
            ProgramEvent(
                "pinhole", "the router's IPv6 firewall lets clients in to \(open.external), opened by \(method.name)",
                ["address": open.external.description, "method": method.rawValue]))
    }
}

extension DoctorReport.IPv6 {
    init(_ own: IPAddress, _ status: MappingStatus) {
        let reasons = status.attempts.filter { !$0.works }.map { "\($0.method.name): \($0.result)" }
        if let method = status.method {
            self.init(address: "\(own)", state: .open, reason: "opened by \(method.name)")
        } else if let denied = status.attempts.first(where: { $0.denial != nil }) {
            self.init(address: "\(own)", state: .closed, reason: "\(denied.method.name): \(denied.result)")
        } else {
            self.init(
                address: "\(own)", state: .unknown, reason: reasons.isEmpty ? nil : reasons.joined(separator: "; "))
        }
    }
}

extension GatewayConfiguration {
    /// Whether clients are served over IPv6 at public addresses: unless the owner has named an address of the other kind.
    var servesIPv6: Bool {
        guard listen.port != 0 else { return false }
        return listen.address.isUnspecified || AddressReach(listen.address) == .public && !listensOnIPv4
    }

    /// Whether `listen` itself is IPv4.
    var listensOnIPv4: Bool { if case .v4 = listen.address { true } else { false } }

    /// Where the gateway stands, with the IPv6 addresses alone at which it serves clients.
    var placeIPv6: Surroundings {
        var place = DefaultRoutes.surroundings(interface: interface)
        if !listen.address.isUnspecified { place.publicIPv6.removeAll { $0.address != listen.address } }
        return place
    }

    /// What a router is asked to let in. QUIC listens on the UDP port of the same number; pairing needs TCP, so that one
    /// counts.
    var mappingTargets: [MappingTarget] {
        [MappingTarget(.tcp, port: listen.port)] + (carrier.allowsQUIC ? [MappingTarget(.udp, port: listen.port)] : [])
    }
}

/// Hands on what is told to an object that does not exist yet.
final class StatusRelay: Sendable {
    private let target = Mutex<(@Sendable (MappingStatus) -> Void)?>(nil)

    func set(_ body: @escaping @Sendable (MappingStatus) -> Void) { target.withLock { $0 = body } }

    func tell(_ status: MappingStatus) {
        let body = target.withLock { $0 }
        body?(status)
    }
}
