import AccessPolicy
import Logging
import NIOPosix
import NIOUPnP
import NetworkTypes
import PolicyFile
import Testing
import TrustCore
import UPnP

@testable import RemoteAccess

/// The gateway's device on loopback, over real sockets and TLS, with an administrator and a reader in its ACL.
@Suite("The gateway's services under DeviceProtection", .timeLimit(.minutes(1)))
struct ProtectedServicesTests {
    private static let udn = "uuid:6a0c4d0e-0000-4000-8000-00000000d002"
    private let admin: ProtectedLock.ControlPoint
    private let reader: ProtectedLock.ControlPoint
    private let policies = InMemoryPolicyStore()

    init() throws {
        admin = try .init("Ann's tablet")
        reader = try .init("wall display")
    }

    private func withServices(
        _ body: @escaping @Sendable (ProtectedLock, RemoteAccessServer) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let group = MultiThreadedEventLoopGroup.singleton
        let store = InMemoryGatewayStore()
        let trust = try await GatewayTrust.load(
            from: store, policies: PolicySource(store: policies, parse: { try PolicyText.parse($0) }), name: "Home",
            logger: logger)
        let server = try RemoteAccessServer(
            configuration: .init(listen: SocketEndpoint(.v4(.loopback), port: 0)), trust: trust, home: nil,
            sealingKey: Array(repeating: 7, count: 32), gatewayUDN: Self.udn,
            desk: try await .load(gatewayUDN: Self.udn, from: store, logger: logger), eventLoopGroup: group,
            logger: logger)
        var configuration = StandardServices.Hosting.protection(udn: Self.udn, name: "Home")
        var acl = AccessControlList()
        try acl.put(.init(id: admin.id, name: admin.name, introduced: true, roles: [.admin]))
        try acl.put(.init(id: reader.id, name: reader.name, introduced: true, roles: [.basic]))
        configuration.initial = acl
        let protection = try await DeviceProtectionService.load(
            configuration, from: InMemoryDeviceProtectionStore(), logger: logger)
        var hosting = StandardServices.Hosting(interface: "lo", ssdp: SSDPConfiguration(), bootID: 1)
        hosting.protect(by: protection)
        hosting.configuration.advertises = false
        let services = StandardServices(
            name: "Home", udn: Self.udn, port: 4433, server: server, trust: trust,
            administration: GatewayAdministration(trust: trust, addresses: { [] }), hosting: hosting,
            eventLoopGroup: group, logger: logger)
        let host = DeviceHost(
            configuration: hosting.configuration, devices: [services.device], eventLoopGroup: group, logger: logger)
        let client = HTTPClient(eventLoopGroup: group, logger: logger)
        defer { client.shutDown() }
        let (serving, isServing) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await host.run { _ in isServing.yield() } }
            for await _ in serving { break }
            let device = ProtectedLock(
                protection: protection, host: host, client: client, clear: try #require(host.locations.first),
                secure: try #require(host.secureLocations.first), isLocked: HostedVariable("Locked", true))
            try await body(device, server)
            tasks.cancelAll()
            while await tasks.nextResult() != nil {}
        }
    }

    private static let filters = "urn:schemas-upnp-org:service:RADAConfig:2"

    @Test func `an administrator edits a filter over TLS, and nobody else does`() async throws {
        let (admin, reader) = (admin, reader)
        try await withServices { device, server in
            let filter = DADSDocument.filterList([
                RADAFilter(
                    target: server.desk.uuid, controlMode: .denyList, update: .add,
                    devices: [RADADeviceInfo(uuid: "light")])
            ]).serialized()
            let order = [("Filter", filter)]
            let anybody = try #require(SubjectID("anybody"))
            for security in [nil, try device.security(nil), try device.security(reader)] {
                #expect(try await device.code("EditFilter", order, of: Self.filters, as: security) == 606)
            }
            #expect(server.desk.exports("uuid:light", to: anybody))
            #expect(
                try await device.code("EditFilter", order, of: Self.filters, as: try device.security(admin)) == nil)
            #expect(!server.desk.exports("uuid:light", to: anybody))
            // Who reads sees that something was set.
            let info = try await device.call(
                "GetSystemInfo", [("ID", "*")], of: Self.filters, as: try device.security(reader))
            guard case .systemInfo(let read)? = try info["SystemInfo"].map({ try DADSDocument(parsing: $0.utf8) })
            else { throw RemoteAccessDocumentError.missing("systemInfo") }
            #expect(read.updateID == 1)
        }
    }

    @Test func `an administrator sets the policy over TLS, and the history names the certificate`() async throws {
        let (admin, reader, policies) = (admin, reader, policies)
        try await withServices { device, _ in
            let service = RemoteAccessService.serviceType
            func order(_ text: String) -> [(String, String)] { [("Policy", text), ("ExpectedVersion", "0")] }
            let text = "policy: 1\nrules:\n  - {name: films, preset: watch}\n"
            for security in [nil, try device.security(nil), try device.security(reader)] {
                #expect(try await device.code("SetPolicy", order(text), of: service, as: security) == 606)
                #expect(try await device.code("GetPolicy", of: service, as: security) == 606)
            }
            let secure = try device.security(admin)
            await #expect {
                try await device.call("SetPolicy", order("policy: 1\nrules:\n  - {}\n"), of: service, as: secure)
            } throws: { error in
                (error as? UPnPFault).map { $0.code.rawValue == 703 && $0.description.contains("line 3") } ?? false
            }
            #expect(try await device.call("SetPolicy", order(text), of: service, as: secure)["NewVersion"] == "1")
            #expect(try await device.code("SetPolicy", order(text), of: service, as: secure) == 704)
            #expect(try await device.call("GetPolicy", of: service, as: secure)["Policy"] == text)
            #expect(try await policies.storedPolicy()?.author == "Ann's tablet")
        }
    }
}
