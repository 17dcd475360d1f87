import Foundation
import GroupKeys
import Groups
import NIOPosix
import NIOUPnP
import NetworkTypes
import SUPnP
import Testing

/// A group with a controller and members, all on sockets.
struct LiveGroup: Sendable {
    let configuration: GroupControllerConfiguration
    let store: MemoryRegister
    let links: [InterfaceAddress]

    init(
        families: AddressFamilies = .ipv4, store: MemoryRegister = MemoryRegister(),
        adjust: (inout GroupControllerConfiguration) -> Void = { _ in }
    ) async throws {
        var random = SystemRandomNumberGenerator()
        let identity = try await store.establish(
            GroupIdentity(createdAt: Int64(Date().timeIntervalSince1970), using: &random))
        var configuration = GroupControllerConfiguration(
            identity: identity, interfaces: ControllerNetwork.selection, families: families)
        configuration.keyManagerPort = try await ControllerNetwork.port()
        configuration.forwarderPort = try await ControllerNetwork.port()
        configuration.multicastPort = try await ControllerNetwork.port()
        configuration.announcement = nil
        // Many devices share one address here.
        configuration.registrar.sourceBurst = 1_000
        configuration.registrar.sourceRate = 1_000
        adjust(&configuration)
        self.configuration = configuration
        self.store = store
        links = try ControllerNetwork.links(families)
    }

    /// Where members reach the key manager.
    var address: SocketEndpoint {
        get throws { try #require(links.first).endpoint(port: configuration.keyManagerPort) }
    }

    /// Runs a controller beside `body`, and ends it without a farewell.
    func withController(
        _ body: @escaping @Sendable (GroupController, Happenings<GroupControllerEvent>) async throws -> Void
    ) async throws {
        let controller = GroupController(
            configuration, store: store, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: ControllerNetwork.quiet)
        let events = Happenings<GroupControllerEvent>()
        try await withRunning([{ try await controller.run { events.add($0) } }]) {
            try await events.first("serving") { if case .serving = $0 { true } else { false } }
            try await body(controller, events)
        }
    }

    /// A record and its code.
    func device(
        _ name: String, roles: DeviceRoles, allows: [String] = []
    ) throws -> (record: CredentialRecord, code: SetupCode) {
        var random = SystemRandomNumberGenerator()
        let code = SetupCode(using: &random)
        let id = try #require(DeviceID(name))
        var record = try #require(
            CredentialRecord.provision(
                id: id, code: code, groupID: configuration.identity.groupID.bytes,
                roles: roles, derivation: .testOnly, using: &random))
        record.servicePatterns = allows
        return (record, code)
    }
}

/// Runs services beside a test and cancels them after it; a service's error fails the test.
func withRunning(
    _ services: [@Sendable () async throws -> Void], _ body: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        for service in services {
            group.addTask {
                try await service()
                return false
            }
        }
        group.addTask {
            try await body()
            return true
        }
        do {
            for try await isBody in group where isBody { group.cancelAll() }
        } catch let error where error is CancellationError {
            // How the services end.
        }
    }
}
