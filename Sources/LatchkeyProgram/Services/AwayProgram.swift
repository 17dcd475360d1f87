import AccessPolicy
import Foundation
import Glibc
package import Logging
import NIOPosix
import NIOUPnP
import SQLiteStore
package import TrustCore

/// `latchkey away …`, beyond its arguments.
package enum AwayProgram {
    /// Makes the away client of a context.
    package typealias Factory = @Sendable (AwayContext) async throws -> any LiveAway
    /// Pairs: proves to know the code's secret and returns what is to be kept of the gateway.
    package typealias Pairing = @Sendable (PairingCode, _ deviceName: String, Logger) async throws -> PairedGateway

    /// Pairs with the gateway that made the code.
    package static func pair(
        _ source: PairingCodeSource, deviceName: String?, _ invocation: Invocation, pairing: Pairing = AwayFitting.pair
    ) async throws {
        let folder = try invocation.stateFolder()
        let code = try PairingCode(try source.read(), now: Date())
        try folder.create()
        let store = try SQLiteAwayStore(folder: folder.path)
        invocation.console.progress("pairing with \(code.gatewayName) …")
        defer { invocation.console.progress(nil) }
        let gateway = try await pairing(code, deviceName ?? hostName(), invocation.logger("away"))
        try await store.save(gateway)
        try store.close()
        try show(gateway, invocation)
    }

    /// Pairs with a gateway on this network, by the PIN that it shows.
    package static func pairOnLAN(
        pin: String?, gateway named: String?, deviceName: String?, _ invocation: Invocation
    ) async throws {
        let folder = try invocation.stateFolder()
        let configuration = try AwayConfiguration(invocation)
        let chosen = try DefaultInterface.resolve(configuration.interface, from: InterfaceFacts.all())
        let pin = try IntroductionPIN.read(pin, invocation.console)
        try folder.create()
        let store = try SQLiteAwayStore(folder: folder.path)
        let name = deviceName ?? hostName()
        // Another one for each pairing: one that was revoked before would stay refused.
        let identity = try StoredDeviceIdentity(commonName: name, now: Date())
        invocation.console.progress("looking for a gateway on \(chosen.name) …")
        defer { invocation.console.progress(nil) }
        let gateway = try await AwayFitting.pairOnLAN(
            pin, named: named, identity: identity, deviceName: name, interface: chosen.name,
            ssdp: SSDPConfiguration(group: configuration.ssdp.group), progress: { invocation.console.progress($0) },
            invocation.logger("away"))
        try await store.save(gateway)
        try await store.keep(identity, of: gateway.id)
        try store.close()
        try show(gateway, invocation)
    }

    private static func show(_ gateway: PairedGateway, _ invocation: Invocation) throws {
        let addresses = gateway.addresses.map(\.description)
        if invocation.json {
            try invocation.console.json(
                PairedReport(
                    gateway: gateway.name, id: "\(gateway.id)", client: gateway.subjectName, addresses: addresses)
            )
        } else {
            invocation.console.line(
                "paired with “\(gateway.name)” as “\(gateway.subjectName)”; it is reached at \(addresses.joined(separator: ", "))"
            )
        }
    }

    private struct PairedReport: Encodable {
        var gateway: String
        var id: String
        var client: String
        var addresses: [String]
    }

    /// Runs the away client until it is told to stop.
    package static func run(_ invocation: Invocation, make: Factory = AwayFitting.make) async throws {
        let configuration = try AwayConfiguration(invocation)
        let folder = configuration.state
        let path = try SocketPath(folder.awaySocket)
        guard SQLiteAwayStore.exists(in: folder.path) else { throw notPaired(folder) }
        try folder.create()
        let lock = try InstanceLock(besideSocket: path, role: "away")
        defer { withExtendedLifetime(lock) {} }
        let store = try SQLiteAwayStore(folder: folder.path)
        let paired = try choose(configuration.gateway, from: try await store.gateways(), folder)
        let chosen = try DefaultInterface.resolve(configuration.interface, from: InterfaceFacts.all())
        let logger = invocation.logger("away")
        let group = MultiThreadedEventLoopGroup.singleton
        let report = EventPrinter(console: invocation.console, json: invocation.json)
        let readiness = Readiness(["away", "control"]) { report(.ready) }
        let context = AwayContext(
            configuration: configuration,
            store: store,
            gateway: paired,
            interface: try NetworkInterface.named(chosen.name),
            eventLoopGroup: group,
            logger: logger,
            report: { report($0) },
            serving: { readiness.started("away") }
        )
        let away = try await make(context)
        let control = ControlSocketServer(
            path: path, handler: LiveAwayHandler(away: away, pid: getpid()), eventLoopGroup: group, logger: logger
        ) { readiness.started("control") }
        try await Daemon.run([control, away], console: invocation.console, logger: logger)
        try store.close()
    }

    /// Prints the newest head of its gateway's audit log that this client holds.
    package static func auditHead(_ invocation: Invocation) async throws {
        let configuration = try AwayConfiguration(invocation)
        let folder = configuration.state
        guard SQLiteAwayStore.exists(in: folder.path) else { throw notPaired(folder) }
        let store = try SQLiteAwayStore(folder: folder.path)
        let gateway = try choose(configuration.gateway, from: try await store.gateways(), folder)
        let head = try await store.auditHeads(of: gateway.id).last
        try store.close()
        guard let head else {
            throw ProgramError.failure(
                "this client holds no head of the audit log of “\(gateway.name)”: it gets them while it runs, if it was "
                    + "paired with --preset full")
        }
        if invocation.json {
            try invocation.console.json(["gateway": gateway.name, "head": head.description])
        } else {
            invocation.console.line(head.description)
        }
    }

    private static func choose(
        _ name: String?, from gateways: [PairedGateway], _ folder: StateFolder
    ) throws -> PairedGateway {
        guard !gateways.isEmpty else { throw notPaired(folder) }
        let meant = name.map { name in gateways.filter { $0.name == name || $0.id.rawValue == name } } ?? gateways
        if meant.count == 1 { return meant[0] }
        let names = gateways.map { "“\($0.name)”" }.joined(separator: ", ")
        guard let name else {
            throw ProgramError.usage("there are several gateways, \(names); choose one with --gateway NAME")
        }
        throw ProgramError.usage("--gateway “\(name)” is none of the paired gateways, or means several: \(names)")
    }

    private static func notPaired(_ folder: StateFolder) -> ProgramError {
        .failure("the state folder \(folder.path) is not paired with a gateway; pair it with: latchkey away pair CODE")
    }
}
