package import Logging
package import NIOCore
package import NIOUPnP
import NetworkTypes
package import Reachability
import ServiceLifecycle
import Synchronization
package import Traversal
import TrustCore

/// Makes the gateway reachable from outside, beside it: nothing that happens here ends the gateway.
package final class ReachabilityService: Service {
    private let configuration: GatewayConfiguration
    private let addresses: ReachableAddressBook
    private let report: @Sendable (ProgramEvent) -> Void
    private let logger: Logger
    private let mapper: PortMapper?
    private let ipv6: IPv6Reachability
    private let told = Mutex<Told>(Told())

    /// What the owner has been told last, so that each thing is told once.
    private struct Told {
        var grants: [MappingGrant] = []
        var failures: [MappingMethod: String] = [:]
        var refusals: [MappingTarget: String] = [:]
    }

    /// - Parameter controlPoint: Finds the router's UPnP device; nil where UPnP is not spoken.
    package init(
        _ configuration: GatewayConfiguration, addresses: ReachableAddressBook, controlPoint: ControlPoint?,
        eventLoopGroup: any EventLoopGroup, logger: Logger, report: @escaping @Sendable (ProgramEvent) -> Void
    ) {
        self.configuration = configuration
        self.addresses = addresses
        self.report = report
        self.logger = logger
        let ipv6 = IPv6Reachability(
            configuration, other: controlPoint, eventLoopGroup: eventLoopGroup, logger: logger, report: report)
        self.ipv6 = ipv6
        let file = configuration.state.path + "/mapping.json"
        let memory = MappingMemory(file: file)
        let methods = configuration.reachability.methods(hasAddresses: !configuration.addresses.isEmpty)
        let relay = StatusRelay()
        // Without a way that is wanted, what an earlier start has left behind is removed.
        if methods.isEmpty && memory.entries.isEmpty || configuration.listen.address.isLoopback {
            mapper = nil
        } else {
            let targets = configuration.mappingTargets
            var mapping = PortMapper.Configuration(targets: targets)
            mapping.methods = methods
            let interface = configuration.interface
            mapper = PortMapper(
                mapping, memory: memory, surroundings: { DefaultRoutes.surroundings(interface: interface) },
                make: PortMapper.workers(
                    targets: targets, controlPoint: controlPoint,
                    trustsOtherDevices: configuration.reachability.mapping == .igd, eventLoopGroup: eventLoopGroup),
                keep: { [logger] in
                    do {
                        try $0.write(to: file)
                    } catch {
                        logger.warning("what is mapped could not be noted", metadata: ["error": "\(error)"])
                    }
                }, changed: { relay.tell($0) })
        }
        relay.set { [weak self] in self?.changed($0) }
        addresses.setIPv6 { ipv6.endpoints }
    }

    /// How things stand with mappings; nil where none is wanted.
    package var mapping: MappingStatus? { mapper?.status }

    /// What is known of the way in, and what would improve it.
    package func diagnosis(_ publishing: PublishingService, nat: NATBehavior? = nil) -> DoctorReport {
        let place = DefaultRoutes.surroundings(interface: configuration.interface)
        var facts = GatewayDiagnosis(port: configuration.listen.port)
        facts.own = place.own?.address
        facts.router = place.router
        facts.publicIPv6 = place.publicIPv6.map(\.address)
        facts.ipv6 = ipv6.finding
        facts.ipv6Attempts = ipv6.attempts
        facts.configured = configuration.addresses.map(\.description)
        let isWanted = !configuration.reachability.methods(hasAddresses: !facts.configured.isEmpty).isEmpty
        facts.mapping = isWanted ? mapping : nil
        facts.isPublished = configuration.publishing.isOn
        facts.seenAt = nat?.outside?.address
        facts.nat = nat.map(DoctorReport.NAT.init)
        var report = DoctorReport(role: "gateway")
        facts.judge(&report)
        for (place, attempt) in publishing.attempts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            report.attempts.append(
                .init(what: "publishing by \(place.rawValue)", result: attempt.sentence, works: attempt.works))
        }
        return report
    }

    /// Works until the program stops, and then removes what was mapped.
    package func run() async throws {
        async let pinholes: Void = ipv6.run()
        if let mapper { await cancelWhenGracefulShutdown { await mapper.run() } }
        await pinholes
        // A service that ends ends the program.
        await Self.rest()
    }

    private static func rest() async {
        try? await cancelWhenGracefulShutdown {
            while true { try await Task.sleep(for: .seconds(86_400)) }
        }
    }

    private func changed(_ status: MappingStatus) {
        addresses.setMapped(status.grants.filter { $0.target.transport == .tcp }.map(\.external))
        let (grants, failures, refusals) = told.withLock { told in
            let grants = status.grants.filter { grant in
                !told.grants.contains { $0.target == grant.target && $0.external == grant.external }
            }
            told.grants = status.grants
            var failures: [MappingAttempt] = []
            for attempt in status.attempts where told.failures[attempt.method] != attempt.result {
                told.failures[attempt.method] = attempt.result
                if !attempt.works { failures.append(attempt) }
            }
            let refusals = status.refusals.filter { told.refusals[$0.key] != $0.value }
            told.refusals = status.refusals
            return (grants, failures, refusals)
        }
        for attempt in failures {
            report(
                ProgramEvent(
                    "not-mapped", "\(attempt.method.name): \(attempt.result)",
                    ["method": attempt.method.rawValue, "reason": attempt.result]))
        }
        for grant in grants { report(ProgramEvent(grant, status)) }
        for (target, reason) in refusals {
            report(
                ProgramEvent(
                    "not-mapped",
                    "\(target.transport.name) port \(target.port) is not mapped: \(reason); clients away use TLS over TCP",
                    ["transport": target.transport.name, "reason": reason]))
        }
    }
}

extension ProgramEvent {
    fileprivate init(_ grant: MappingGrant, _ status: MappingStatus) {
        let way = status.method.map { "by \($0.name)" } ?? ""
        let fields = [
            "address": grant.external.description, "method": status.method?.rawValue ?? "",
            "transport": grant.target.transport.name,
        ]
        // Where the address is good for nothing, the sentence about TCP has said so.
        if grant.target.transport == .udp {
            let isUsed = status.external?.port == grant.external.port
            self.init(
                "mapped-udp",
                "the router passes UDP \(grant.external) on, mapped \(way)"
                    + (isUsed ? "" : "; clients are told the port of TCP, so they do not use QUIC from outside"),
                fields)
            return
        }
        switch AddressReach(grant.external.address) {
        case .public:
            self.init("mapped", "reachable from outside at \(grant.external), mapped \(way)", fields)
        case .carrier:
            self.init(
                "mapped-behind-nat",
                "the router passes \(grant.external) on (\(way)), but that is an address between the provider's NAT and its "
                    + "customers: nobody outside reaches it", fields)
        case .private, .reserved:
            self.init(
                "mapped-behind-nat",
                "the router passes \(grant.external) on (\(way)), but stands behind another router itself: nobody outside "
                    + "reaches that address", fields)
        }
    }
}
