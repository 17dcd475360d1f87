import Foundation
import Glibc
import NIOPosix
import NIOUPnP
import NetworkTypes
import RemoteAccess
import SQLiteStore

/// `latchkey vlan …`, beyond its arguments.
package enum VLANProgram {
    /// Runs between two networks until it is told to stop.
    package static func run(_ invocation: Invocation) async throws {
        let configuration = try VLANConfiguration(invocation)
        let facts = InterfaceFacts.all()
        let networks = try [configuration.shownOn, configuration.shown].map {
            try NetworkInterface.named(try DefaultInterface.resolve($0, from: facts).name)
        }
        try refuseOneNetwork(networks)
        let folder = configuration.state
        let path = try SocketPath(folder.vlanSocket)
        try folder.create()
        let lock = try InstanceLock(besideSocket: path, role: "vlan")
        defer { withExtendedLifetime(lock) {} }
        let store = try SQLiteGatewayStore(folder: folder.path)
        let logger = invocation.logger("vlan")
        let group = MultiThreadedEventLoopGroup.singleton
        let report = EventPrinter(console: invocation.console, json: invocation.json)
        let ways = VLANWay.ways(configuration, networks)
        let readiness = Readiness(Set(ways.map(\.description) + ["control"])) { report(.ready) }
        let service = try await VLANService(
            ways, configuration: configuration, store: store, eventLoopGroup: group, logger: logger,
            report: { report($0) }, serving: { readiness.started($0.description) })
        let control = ControlSocketServer(
            path: path, handler: VLANControlHandler(service: service, pid: getpid()), eventLoopGroup: group,
            logger: logger
        ) { readiness.started("control") }
        try await Daemon.run([control, service], console: invocation.console, logger: logger)
        try store.close()
    }

    /// Two interfaces in one network are one network: there is nothing between them.
    private static func refuseOneNetwork(_ networks: [NetworkInterface]) throws {
        let addresses = networks.compactMap(\.ipv4)
        guard addresses.count == 2, addresses[0].prefix.contains(addresses[1].address) else { return }
        throw ProgramError.failure(
            "\(networks[0].name) and \(networks[1].name) are both in \(addresses[0].prefix); two networks are needed")
    }
}

/// Answers control requests while VLAN mode runs.
struct VLANControlHandler: ControlRequestHandler {
    let service: VLANService
    let pid: Int32

    func handle(_ request: ControlRequest) async throws -> ControlReply {
        switch request {
        case .ping: return .pong(ProgramIdentity(role: "vlan", pid: pid))
        case .status: return .status(service.status)
        case .devices: return .devices(await service.devices)
        default: throw ProgramError.failure("only a gateway can answer this, and this is VLAN mode")
        }
    }
}
