import AccessPolicy
import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import NIOTunnel
import NIOUPnP
import NetworkTypes
import RemoteAccess
import Synchronization
import Testing
import TrustCore
import Tunnel
import UPnP

/// A lock with DeviceProtection, hosted on loopback in this process, and control points that call it over real
/// sockets and real TLS.
struct ProtectedLock {
    static let udn = "uuid:6a0c4d0e-0000-4000-8000-00000000d001"
    static let lockService = "urn:schemas-latchkey:service:DoorLock:1"
    static let lockServiceID = "urn:schemas-latchkey:serviceId:DoorLock"

    /// A control point with a certificate of its own.
    struct ControlPoint: Sendable {
        let name: String
        let id: DeviceProtectionID
        let identity: TunnelIdentity

        init(_ name: String) throws {
            var random = SystemRandomNumberGenerator()
            let made = try DeviceProtectionCertificate.make(commonName: name, now: Date(), using: &random)
            self.name = name
            self.id = DeviceProtectionID(certificateDER: made.chainDER[0])
            self.identity = try TunnelIdentity(chainDER: made.chainDER, privateKeyDER: made.privateKeyDER)
        }
    }

    let protection: DeviceProtectionService
    let host: DeviceHost
    let client: HTTPClient
    let clear: HTTPURL
    let secure: HTTPURL
    /// What became of the lock.
    let isLocked: HostedVariable<Bool>

    /// Hosts the lock while `body` runs.
    static func with<Result: Sendable>(
        acl: AccessControlList, store: any DeviceProtectionStore = InMemoryDeviceProtectionStore(),
        setup: any SetupProtocol = ClosedSetup(),
        configure: (inout DeviceProtectionService.Configuration) -> Void = { _ in },
        _ body: (ProtectedLock) async throws -> Result
    ) async throws -> Result {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var configuration = DeviceProtectionService.Configuration(udn: udn, name: "lock")
        configuration.initial = acl
        configuration.setup = setup
        configuration.roles = { _, action in
            switch action {
            case "SetLocked": ActionRoles([.basic, .admin], needsEntry: true)
            default: nil
            }
        }
        configure(&configuration)
        let protection = try await DeviceProtectionService.load(configuration, from: store, logger: logger)
        let locked = HostedVariable("Locked", true, evented: true)
        let device = HostedDevice(
            type: "urn:schemas-latchkey:device:DoorLock:1", name: "Lock", manufacturer: "Latchkey", model: "Test",
            udn: udn
        ) {
            HostedService(lockService, id: lockServiceID) {
                HostedAction("SetLocked", in: locked.argument("NewLocked")) { await locked.set($0) }
                HostedAction("GetLocked", out: locked.argument("Locked")) { locked.value }
            }
        }
        var hosting = DeviceHostConfiguration(interface: "lo", families: .ipv4)
        hosting.advertises = false
        hosting.security = protection.security
        hosting.authorizes = protection.authorizes
        let host = DeviceHost(
            configuration: hosting, devices: [protection.protecting(device)],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        let client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        defer { client.shutDown() }
        let (serving, isServing) = AsyncStream.makeStream(of: Void.self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await host.run { _ in isServing.yield() } }
            for await _ in serving { break }
            let lock = ProtectedLock(
                protection: protection, host: host, client: client, clear: try #require(host.locations.first),
                secure: try #require(host.secureLocations.first), isLocked: locked)
            let result = try await body(lock)
            group.cancelAll()
            while await group.nextResult() != nil {}
            return result
        }
    }

    /// TLS as a control point has it; `session` tells connections of one control point apart.
    func security(
        _ point: ControlPoint?, session: String = "1", accepts: @escaping @Sendable ([UInt8]) -> Bool = { _ in true }
    ) throws -> HTTPClientSecurity {
        let tls = try DeviceTLS(client: point?.identity, accepts: accepts)
        return HTTPClientSecurity(name: "\(point?.name ?? "stranger") \(session)") { try tls.prepare($0) }
    }

    /// The control URL of a service, as the description at `location` has it.
    private func controlURL(_ serviceType: String, at location: HTTPURL, _ security: HTTPClientSecurity?) async throws
        -> HTTPURL
    {
        let document = try await fetch(location, security)
        let root = try RootDescription(parsing: document.readableBytesView)
        let service = try #require(root.device.services.first { $0.serviceType == serviceType })
        return try #require(location.resolving(service.controlURL))
    }

    func fetch(_ url: HTTPURL, _ security: HTTPClientSecurity?) async throws -> ByteBuffer {
        let request = HTTPRequest(method: .get, scheme: nil, authority: url.authority, path: url.pathAndQuery)
        return try await client.withResponse(request, to: try #require(url.endpoint), security: security) {
            try await $1.collect(upTo: 1 << 20)
        }
    }

    /// Calls an action; throws the `UPnPFault` that it is answered with.
    @discardableResult
    func call(
        _ action: String, _ arguments: [(String, String)] = [],
        of serviceType: String = DeviceProtectionService.serviceType,
        as security: HTTPClientSecurity?
    ) async throws -> [String: String] {
        let location = security == nil ? clear : secure
        let url = try await controlURL(serviceType, at: location, security)
        let message = ActionRequest(
            serviceType: serviceType, action: action, arguments: arguments.map { ActionArgument($0.0, $0.1) })
        var request = HTTPRequest(method: .post, scheme: nil, authority: url.authority, path: url.pathAndQuery)
        request.headerFields[.contentType] = "text/xml; charset=\"utf-8\""
        request.headerFields[try #require(HTTPField.Name("SOAPACTION"))] = message.soapActionHeader
        var limits = HTTPClientLimits()
        limits.staysOnConnection = true
        let result = try await client.withResponse(
            request, body: ByteBuffer(string: message.serialized()), to: try #require(url.endpoint), limits: limits,
            security: security
        ) { head, body in
            try ControlResult.parse(
                status: head.status.code, body: try await body.collect(upTo: 1 << 20).readableBytesView)
        }
        switch result {
        case .response(let response):
            return Dictionary(response.arguments.map { ($0.name, $0.value) }) { first, _ in first }
        case .fault(let fault): throw fault
        }
    }

    /// The code that an action is refused with; nil when it is done.
    func code(
        _ action: String, _ arguments: [(String, String)] = [],
        of serviceType: String = DeviceProtectionService.serviceType,
        as security: HTTPClientSecurity?
    ) async throws -> Int? {
        do {
            try await call(action, arguments, of: serviceType, as: security)
            return nil
        } catch let fault as UPnPFault {
            return fault.code.rawValue
        }
    }

    /// Logs a user in as a control point does.
    func login(_ name: String, _ password: String, _ point: ControlPoint, as security: HTTPClientSecurity) async throws
    {
        let given = try await call("GetUserLoginChallenge", [("ProtocolType", "PKCS5"), ("Name", name)], as: security)
        let salt = Array(try #require(Data(base64Encoded: given["Salt"] ?? "")))
        let challenge = Array(try #require(Data(base64Encoded: given["Challenge"] ?? "")))
        let stored = UserLogin.stored(password: password, name: try #require(UserName(name)), salt: salt)
        let proof = UserLogin.authenticator(
            stored: stored, challenge: challenge, device: protection.id, controlPoint: point.id)
        try await call(
            "UserLogin",
            [
                ("ProtocolType", "PKCS5"), ("Challenge", Data(challenge).base64EncodedString()),
                ("Authenticator", Data(proof).base64EncodedString()),
            ], as: security)
    }
}
