import Foundation
import Glibc
import NIOPosix
import NIOUPnP
import NetworkTypes
import RemoteAccess
import SQLiteStore
import UnixSignals

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
        // Before a folder is made for it: a file with a fault leaves nothing behind.
        if let path = configuration.policy { try PolicyProgram.parse(try PolicyProgram.read(path), of: path) }
        let folder = configuration.state
        let path = try SocketPath(folder.vlanSocket)
        try folder.create()
        let lock = try InstanceLock(besideSocket: path, role: "vlan")
        defer { withExtendedLifetime(lock) {} }
        let store = try SQLiteGatewayStore(folder: folder.path, audit: configuration.audit)
        let logger = invocation.logger("vlan")
        let group = MultiThreadedEventLoopGroup.singleton
        let report = EventPrinter(console: invocation.console, json: invocation.json)
        let ways = VLANWay.ways(configuration, networks)
        let readiness = Readiness(Set(ways.map(\.description) + ["control"])) { report(.ready) }
        let policies = PolicyControlHandler(store: store)
        let rights = StoreControlHandler(store: store, name: nil, policies: policies, fallbackAddresses: { [] })
        // The audit begins with the identity that signs it: the file's first version is to be in it.
        _ = try await rights.identity()
        let followed = configuration.policy.map { FollowedPolicy(path: $0, policies: policies) }
        try await followed?.read()
        let service = try await VLANService(
            ways, configuration: configuration, store: store, followed: followed, eventLoopGroup: group,
            logger: logger, report: { report($0) }, serving: { readiness.started($0.description) })
        let control = ControlSocketServer(
            path: path, handler: VLANControlHandler(service: service, store: rights, pid: getpid()),
            eventLoopGroup: group, logger: logger
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

/// Answers control requests while VLAN mode runs: its own, and about rights what a gateway answers.
struct VLANControlHandler: ControlRequestHandler {
    private let service: VLANService
    private let rights: LiveGatewayHandler
    private let pid: Int32

    init(service: VLANService, store: StoreControlHandler, pid: Int32) {
        self.service = service
        self.pid = pid
        rights = LiveGatewayHandler(gateway: service, store: store, pid: pid)
    }

    func handle(_ request: ControlRequest) async throws -> ControlReply {
        switch request {
        case .ping: return .pong(ProgramIdentity(role: "vlan", pid: pid))
        case .policy(.reload): return .policy(.stored(try await service.reloadPolicy()))
        case .status, .devices: return try await rights.handle(request)
        case _ where request.isAboutRights: return try await rights.handle(request)
        default: throw ProgramError.failure("only a gateway can answer this, and this is VLAN mode")
        }
    }
}

extension ControlRequest {
    /// Whether it is about clients and what they may do, of which VLAN mode has as much as a gateway.
    var isAboutRights: Bool {
        switch self {
        case .clients, .revoke, .policy, .consent: true
        default: false
        }
    }
}
