import AccessPolicy
import Logging
import NIOPosix
import NetworkTypes
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import NIOUPnP
@testable import RemoteAccess

/// Everybody who calls has these roles.
struct FixedRoles: CallerRoles {
    var names: Set<RoleName>

    func roles(of call: ActionInvocation) -> Set<RoleName> { names.union([.public]) }
}

/// The gateway's own services, called without a network.
struct ServicesFixture {
    let store = InMemoryGatewayStore()
    let trust: GatewayTrust
    let server: RemoteAccessServer
    let services: StandardServices

    init(
        _ roles: RoleName..., restoring store: InMemoryGatewayStore? = nil, policies: PolicySource? = nil
    ) async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let group = MultiThreadedEventLoopGroup.singleton
        let store = store ?? self.store
        trust = try await GatewayTrust.load(from: store, policies: policies, name: "Home", logger: logger)
        server = try RemoteAccessServer(
            configuration: .init(listen: SocketEndpoint(.v4(.loopback), port: 0)), trust: trust, home: nil,
            sealingKey: Array(repeating: 7, count: 32), gatewayUDN: "uuid:gateway",
            desk: try await .load(gatewayUDN: "uuid:gateway", from: store, logger: logger), eventLoopGroup: group,
            logger: logger)
        var hosting = StandardServices.Hosting(interface: "none", ssdp: SSDPConfiguration(), bootID: 1)
        hosting.callers = FixedRoles(names: Set(roles))
        services = StandardServices(
            name: "Home", udn: "uuid:gateway", port: 4433, server: server, trust: trust,
            administration: GatewayAdministration(
                trust: trust, addresses: { [GatewayAddress("home.example.org:4433")].compactMap(\.self) }),
            hosting: hosting, eventLoopGroup: group, logger: logger)
    }

    func service(_ name: String) throws -> HostedService {
        try #require(services.device.services.first { $0.serviceType.contains(":\(name):") })
    }

    /// Calls an action as a control point's request would.
    func call(
        _ name: String, _ action: String, _ arguments: (String, String)...
    ) async throws -> ActionResponse {
        let service = try service(name)
        return try await service.invoke(
            ActionRequest(
                serviceType: service.serviceType, action: action,
                arguments: arguments.map { ActionArgument($0.0, $0.1) }),
            peer: SocketEndpoint(.v4(.loopback), port: 9), resourceURL: { _ in nil })
    }

    /// The error that an action is answered with.
    func error(
        _ name: String, _ action: String, _ arguments: (String, String)...
    ) async throws -> Int? {
        let service = try service(name)
        return try await code(
            ActionRequest(
                serviceType: service.serviceType, action: action,
                arguments: arguments.map { ActionArgument($0.0, $0.1) }), at: service)
    }

    /// The fault that an action is answered with.
    func fault(_ name: String, _ action: String, _ arguments: (String, String)...) async throws -> UPnPFault? {
        let service = try service(name)
        let request = ActionRequest(
            serviceType: service.serviceType, action: action,
            arguments: arguments.map { ActionArgument($0.0, $0.1) })
        do throws(UPnPFault) {
            _ = try await service.invoke(
                request, peer: SocketEndpoint(.v4(.loopback), port: 9), resourceURL: { _ in nil })
            return nil
        } catch { return error }
    }

    func code(_ request: ActionRequest, at service: HostedService) async throws -> Int? {
        do {
            _ = try await service.invoke(
                request, peer: SocketEndpoint(.v4(.loopback), port: 9), resourceURL: { _ in nil })
            return nil
        } catch { return error.code.rawValue }
    }
}
