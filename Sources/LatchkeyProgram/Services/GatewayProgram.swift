import Glibc
import NIOCore
import NIOPosix
import NIOUPnP
import RemoteAccess
import SQLiteStore
import TrustCore

/// `latchkey gateway …`, beyond its arguments.
package enum GatewayProgram {
    /// Makes the gateway of a context.
    package typealias Factory = @Sendable (GatewayContext) async throws -> any LiveGateway

    /// Runs the gateway until it is told to stop.
    package static func run(_ invocation: Invocation, make: Factory = GatewayFitting.make) async throws {
        let configuration = try GatewayConfiguration(invocation)
        let folder = configuration.state
        let path = try SocketPath(folder.gatewaySocket)
        try folder.create()
        let lock = try InstanceLock(besideSocket: path, role: "gateway")
        defer { withExtendedLifetime(lock) {} }
        let store = try SQLiteGatewayStore(folder: folder.path, audit: configuration.audit)
        let logger = invocation.logger("gateway")
        let group = MultiThreadedEventLoopGroup.singleton
        let report = EventPrinter(console: invocation.console, json: invocation.json)
        let readiness = Readiness(["gateway", "control"]) { report(.ready) }
        var ssdp = SSDPConfiguration(group: configuration.ssdp.group)
        ssdp.userAgent = RemoteAccessClient.serverName
        let secureGroup = GroupService(
            configuration, store: store, ssdp: ssdp, eventLoopGroup: group, logger: invocation.logger("group"),
            report: { report($0) })
        let addresses = ReachableAddressBook(configuration)
        let offline = storeHandler(store, configuration, addresses, service: secureGroup)
        let interface = homeInterface(configuration, report)
        let controlPoint = interface.map {
            GatewayService.controlPoint(on: $0, ssdp: ssdp, eventLoopGroup: group, logger: logger)
        }
        let reachability = ReachabilityService(
            configuration, addresses: addresses, controlPoint: controlPoint, eventLoopGroup: group,
            logger: invocation.logger("reachability"), report: { report($0) })
        let publishing = try PublishingService(
            configuration.publishing, addresses: addresses, store: store, eventLoopGroup: group,
            logger: invocation.logger("publishing"), report: { report($0) })
        let context = GatewayContext(
            configuration: configuration,
            store: store,
            deviceProtection: store.deviceProtection,
            identity: try await offline.identity(),
            interface: interface,
            addresses: addresses,
            addressAnswers: { try await publishing.answer($0) },
            diagnosis: { reachability.diagnosis(publishing, nat: $0) },
            controlPoint: controlPoint,
            ssdp: ssdp,
            eventLoopGroup: group,
            logger: logger,
            report: { report($0) },
            serving: { readiness.started("gateway") }
        )
        let gateway = try await make(context)
        let control = ControlSocketServer(
            path: path,
            handler: LiveGatewayHandler(gateway: gateway, store: offline, pid: getpid()),
            eventLoopGroup: group,
            logger: logger
        ) { readiness.started("control") }
        do {
            try await Daemon.run(
                [control, gateway, secureGroup, reachability, publishing], console: invocation.console, logger: logger)
        } catch let error as IOError {
            throw ProgramError.failure(
                "clients cannot be served on \(configuration.listen): \(String(cString: strerror(error.errnoCode)))"
            )
        }
        try store.close()
    }

    /// Without an interface that speaks UPnP a gateway still pairs clients and answers commands.
    private static func homeInterface(
        _ configuration: GatewayConfiguration, _ report: EventPrinter
    ) -> NetworkInterface? {
        do {
            let chosen = try DefaultInterface.resolve(configuration.interface, from: InterfaceFacts.all())
            return try NetworkInterface.named(chosen.name)
        } catch {
            report(
                ProgramEvent(
                    "no-interface", "no devices can be found: \(error); pairing and commands are served",
                    ["reason": "\(error)"]
                )
            )
            return nil
        }
    }

    /// Makes a pairing code and prints it; at the first use this also makes the gateway's identity.
    package static func pair(_ order: PairingOrder, drawsQRCode: Bool, _ invocation: Invocation) async throws {
        var order = order
        order.addresses = try invocation.settings.gatewayAddresses().map(\.description)
        try await ask(.pair(order), invocation, drawsQRCode: drawsQRCode)
    }

    /// Asks the running gateway, else its store, and prints the answer.
    package static func ask(
        _ request: ControlRequest, _ invocation: Invocation, drawsQRCode: Bool = false
    ) async throws {
        try await ControlCommands.ask(
            request, of: .gateway, invocation,
            offline: { folder in try await askStore(request, folder, GatewayConfiguration(invocation)) },
            drawsQRCode: drawsQRCode
        )
    }

    /// Asks the running gateway, else its store.
    package static func reply(to request: ControlRequest, _ invocation: Invocation) async throws -> ControlReply {
        try await ControlCommands.reply(
            to: request, of: .gateway, invocation,
            offline: { folder in try await askStore(request, folder, GatewayConfiguration(invocation)) })
    }

    private static func askStore(
        _ request: ControlRequest, _ folder: StateFolder, _ configuration: GatewayConfiguration
    ) async throws -> ControlReply {
        if case .pair = request {
            try folder.create()
        } else if !SQLiteGatewayStore.exists(in: folder.path) {
            throw ProgramError.failure(
                "the state folder \(folder.path) holds no gateway; start one with: "
                    + "latchkey gateway run --state \(folder.path)"
            )
        }
        let store = try SQLiteGatewayStore(folder: folder.path, audit: configuration.audit)
        do {
            let reply = try await storeHandler(store, configuration, ReachableAddressBook(configuration))
                .handle(request)
            try store.close()
            return reply
        } catch {
            try? store.close()
            throw error
        }
    }

    static func storeHandler(
        _ store: SQLiteGatewayStore, _ configuration: GatewayConfiguration, _ addresses: ReachableAddressBook,
        service: GroupService? = nil
    ) -> StoreControlHandler {
        StoreControlHandler(
            store: store, name: configuration.name, groups: GroupControlHandler(store: store, service: service),
            policies: PolicyControlHandler(store: store),
            protections: ProtectionControlHandler(store: store), relays: configuration.relays.map(\.address)
        ) { addresses.current() }
    }
}
