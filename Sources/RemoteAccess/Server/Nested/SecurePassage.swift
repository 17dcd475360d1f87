import AccessPolicy
import HTTPTypes
import Logging
import NIOCore
import NIOUPnP
import NetworkTypes
import TrustCore
import Tunnel
import UPnP

/// A client's own TLS to a protected device, carried through the tunnel as bytes that the gateway cannot read.
///
/// The identity that the device sees is the client's, and so are a user's name and password: a gateway that somebody
/// has taken over can break such a connection, and do nothing in its name. What it decides is whether the connection
/// may be: the policy is asked for `Connect` of the service ``serviceType``, which no device has and no preset but
/// `full` includes, and it leads to the device's SECURELOCATION, at the device's own address, and nowhere else.
///
/// What the device says inside is not translated: it may name addresses of the home. That is why a rule or a grant
/// has to name it.
struct SecurePassage: Sendable {
    /// What the policy is asked about.
    static let serviceType = "urn:schemas-latchkey:service:EndToEnd:1"
    /// The action that it is asked about.
    static let action = "Connect"
    /// Passages at one time, all clients together.
    static let maximum = 128

    let eventLoopGroup: any EventLoopGroup
    let reach: @Sendable () -> HomeReach
    let logger: Logger

    /// What the policy is asked.
    private static let request = ActionRequest(serviceType: serviceType, action: action)

    /// Whether a session may be shown that the device can be reached so.
    static func isOffered(_ device: KnownDevice, _ context: AccessContext) -> Bool {
        device.isProtected && device.device.secureLocation != nil
            && context.permits(passageTo: device)
    }

    /// Carries bytes between an exchange and a device until either ends.
    func serve(_ exchange: any InboundExchange, of device: KnownDevice, context: AccessContext) async throws {
        let decision = context.decide(.control, on: device, service: Self.serviceType, action: Self.request)
        guard decision.permitted else { throw Problem(.denied, decision.reason, status: 403) }
        guard device.isProtected, let location = device.device.secureLocation, let endpoint = location.endpoint else {
            throw Problem(.notFound, "\(device.name) has no DeviceProtection of its own.", status: 404)
        }
        if let refusal = reach().refusal(of: location, for: device) {
            throw Problem(.denied, "The gateway does not connect to \(device.name): \(refusal).", status: 403)
        }
        do {
            try await ByteStreams.withConnection(
                to: endpoint, from: device.device.interface.address, eventLoopGroup: eventLoopGroup
            ) { inbound, outbound in
                var response = HTTPResponse(status: .ok)
                response.headerFields[.contentType] = "application/octet-stream"
                try await exchange.respond(response)
                try await carry(exchange, inbound, outbound) {
                    // The policy of the moment, for each piece: a right that ends takes its passages along.
                    context.permits(passageTo: device)
                }
            }
        } catch let error as HTTPTransportError {
            throw Problem(.device, "\(device.name) did not answer over HTTPS: \(error.code.rawValue).", status: 502)
        }
    }

    private func carry(
        _ exchange: any InboundExchange, _ inbound: ByteStreams.Inbound, _ outbound: ByteStreams.Outbound,
        while permitted: @escaping @Sendable () -> Bool
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for try await chunk in exchange.body {
                    guard permitted() else { throw ExchangeReset(.revoked) }
                    try await outbound.write(chunk)
                }
                outbound.finish()
            }
            group.addTask {
                for try await chunk in inbound {
                    guard permitted() else { throw ExchangeReset(.revoked) }
                    try await exchange.send(chunk)
                }
                try await exchange.finish()
            }
            group.addTask {
                // A connection on which nothing moves ends, too, when the right to it does.
                while permitted() { try await Task.sleep(for: .milliseconds(200)) }
                throw ExchangeReset(.revoked)
            }
            defer { group.cancelAll() }
            for _ in 0..<2 { try await group.next() }
        }
    }
}

extension AccessContext {
    /// Whether the policy of the moment lets the client reach the device end to end; nobody is told that it was asked.
    func permits(passageTo device: KnownDevice) -> Bool {
        policy.decide(
            AccessRequest(
                subject: session.subject.id, via: via, device: device.facts, operation: .control,
                service: SecurePassage.serviceType, action: SecurePassage.action)
        ).permitted
    }
}
