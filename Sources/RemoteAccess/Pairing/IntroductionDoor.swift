import AccessPolicy
import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOTunnel
import NIOUPnP
import NetworkTypes
import Synchronization
import TrustCore
import Tunnel
import UPnP

/// The gateway's DeviceProtection and RemoteAccess services over one TLS connection, for one introduction.
final class IntroductionDoor: Sendable {
    private struct Services {
        var protection: HTTPURL
        var access: HTTPURL
    }

    private let gateway: IntroductionClient.Gateway
    private let endpoint: SocketEndpoint
    private let client: HTTPClient
    private let security: HTTPClientSecurity
    /// The certificate that was seen first; no other one is accepted after it.
    private let seen: Seen
    private let services = Mutex<Services?>(nil)

    private final class Seen: Sendable {
        private let der = Mutex<[UInt8]?>(nil)
        var certificate: [UInt8]? { der.withLock { $0 } }
        func accepts(_ other: [UInt8]) -> Bool {
            der.withLock { der in
                if der == nil { der = other }
                return der == other
            }
        }
    }

    init(
        _ gateway: IntroductionClient.Gateway, identity: TunnelIdentity, eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) throws {
        guard let endpoint = gateway.location.endpoint, gateway.location.scheme == "https" else {
            throw IntroductionError(.unreachable, "“\(gateway.name)” announces no address for HTTPS")
        }
        let seen = Seen()
        let tls = try DeviceTLS(client: identity) { seen.accepts($0) }
        self.gateway = gateway
        self.endpoint = endpoint
        self.seen = seen
        self.client = HTTPClient(eventLoopGroup: eventLoopGroup, logger: logger)
        self.security = HTTPClientSecurity(name: "introduction") { try tls.prepare($0) }
    }

    func close() { client.shutDown() }

    /// Reads the description over TLS; answers who the gateway is to DeviceProtection.
    func open() async throws -> DeviceProtectionID {
        let location = gateway.location
        let request = HTTPRequest(
            method: .get, scheme: "https", authority: location.authority, path: location.pathAndQuery)
        let document = try await send(request, nil) { try await $1.collect(upTo: 1 << 20) }
        guard let der = seen.certificate, let root = try? RootDescription(parsing: document.readableBytesView),
            root.device.udn.lowercased() == gateway.udn.lowercased()
        else { throw IntroductionError(.unreachable, "“\(gateway.name)” describes itself otherwise over HTTPS") }
        func controlURL(_ type: String) throws -> HTTPURL {
            guard let service = root.device.services.first(where: { $0.serviceType == type }),
                let url = location.resolving(service.controlURL), url.scheme == "https",
                url.endpoint == endpoint
            else { throw IntroductionError(.unreachable, "“\(gateway.name)” cannot be paired with over the network") }
            return url
        }
        let found = Services(
            protection: try controlURL(DeviceProtectionService.serviceType),
            access: try controlURL(RemoteAccessService.serviceType))
        services.withLock { $0 = found }
        return DeviceProtectionID(certificateDER: der)
    }

    /// Sends a message of the introduction; answers the gateway's.
    func setupMessage(_ message: [UInt8]) async throws -> [UInt8] {
        let answer = try await call(
            ActionRequest(
                serviceType: DeviceProtectionService.serviceType, action: "SendSetupMessage",
                arguments: [
                    ActionArgument("ProtocolType", "WPS"),
                    ActionArgument("InMessage", Data(message).base64EncodedString()),
                ]), at: services.withLock { $0?.protection })
        guard let text = answer.arguments.first(where: { $0.name == "OutMessage" })?.value,
            let bytes = Data(base64Encoded: text)
        else { throw IntroductionError(.notAuthentic, "“\(gateway.name)” answered with no message") }
        return Array(bytes)
    }

    /// Fetches the pairing code that waits for who was introduced.
    func pairingCode() async throws -> PairingCode {
        let answer = try await call(
            ActionRequest(serviceType: RemoteAccessService.serviceType, action: "GetPairingCode", arguments: []),
            at: services.withLock { $0?.access })
        let text = answer.arguments.first { $0.name == "PairingCode" }?.value ?? ""
        do {
            return try PairingCode(text, now: Date())
        } catch {
            throw IntroductionError(.refused, "the code that “\(gateway.name)” handed over is none: \(error)")
        }
    }

    private func call(_ message: ActionRequest, at url: HTTPURL?) async throws -> ActionResponse {
        guard let url else { throw IntroductionError(.unreachable, "“\(gateway.name)” was not read yet") }
        var request = HTTPRequest(method: .post, scheme: "https", authority: url.authority, path: url.pathAndQuery)
        request.headerFields = [.contentType: "text/xml; charset=\"utf-8\"", .soapAction: message.soapActionHeader]
        let result = try await send(request, ByteBuffer(string: message.serialized())) { head, body in
            try ControlResult.parse(
                status: head.status.code, body: try await body.collect(upTo: 1 << 20).readableBytesView)
        }
        switch result {
        case .response(let response): return response
        case .fault(let fault) where fault.code.rawValue == DeviceProtectionError.Code.busy.rawValue:
            throw IntroductionError(
                .closed,
                "“\(gateway.name)” introduces nobody at the moment: run “latchkey gateway pair --lan” on it, or try "
                    + "again when the other introduction is over")
        case .fault(let fault):
            throw IntroductionError(.refused, "“\(gateway.name)” refused: \(fault.description)")
        }
    }

    private func send<Result: Sendable>(
        _ request: HTTPRequest, _ body: ByteBuffer?, _ use: (HTTPResponse, HTTPBody) async throws -> Result
    ) async throws -> Result {
        var limits = HTTPClientLimits()
        limits.totalTime = .seconds(20)
        // An introduction belongs to its connection.
        limits.staysOnConnection = true
        do {
            return try await client.withResponse(
                request, body: body, to: endpoint, limits: limits, security: security, use)
        } catch let error as HTTPTransportError {
            throw IntroductionError(
                .unreachable, "“\(gateway.name)” did not answer over HTTPS: \(error.code.rawValue)")
        }
    }
}
