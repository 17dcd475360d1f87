import AccessPolicy
import HTTPTypes
import Logging
import NIOCore
import NIOUPnP
import Tunnel
import UPnP

/// The second walk of the design: an action from an app to a device, decided on what its body says.
///
/// What is forwarded is what was decided on, written anew from the parsed values: a body that two parsers
/// could read differently never reaches the device.
struct ControlProxy: Sendable {
    let requester: HomeRequester
    let limits: WireLimits
    let logger: Logger

    /// Runs the action that `body` asks for at the service behind `resource`.
    func run(
        _ body: [UInt8], soapAction: String?, at resource: SealedResource, of device: KnownDevice,
        context: AccessContext
    ) async -> RemoteSession.Answer {
        context.session.count { $0.actions += 1 }
        do {
            let request = try Self.parse(body, soapAction: soapAction)
            return try await invoke(request, at: resource, of: device, context: context)
        } catch let fault as UPnPFault {
            return Self.answer(fault)
        } catch let error as ControlError {
            return Self.answer(error.fault)
        } catch let refusal as RefusedURL {
            context.session.count { $0.refusals += 1 }
            return Self.answer(UPnPFault(.argumentValueInvalid, description: refusal.description))
        } catch let problem as Problem {
            return Self.answer(UPnPFault(.actionFailed, description: problem.title))
        } catch {
            logger.debug("an action failed", metadata: ["error": "\(error)"])
            return Self.answer(UPnPFault(.actionFailed, description: "The device's answer could not be passed on."))
        }
    }

    private static func parse(_ body: [UInt8], soapAction: String?) throws(ControlError) -> ActionRequest {
        guard let soapAction else { return try ActionRequest(parsing: body) }
        return try ActionRequest(parsing: body, soapActionHeader: soapAction)
    }

    private func invoke(
        _ request: ActionRequest, at resource: SealedResource, of device: KnownDevice, context: AccessContext
    ) async throws -> RemoteSession.Answer {
        guard let service = device.service(controlledAt: resource.url) else {
            throw Problem(.notFound, "\(device.name) no longer has this service.", status: 404)
        }
        let decision = context.decide(.control, on: device, service: request.serviceType, action: request)
        guard decision.permitted, service.provides(request.serviceType) else {
            context.session.count { $0.refusals += 1 }
            let reason = decision.permitted ? "This service is not \(request.serviceType)." : decision.reason
            throw UPnPFault(.actionNotAuthorized, description: reason)
        }
        let translation = context.translation(of: device)
        let inbound = try InboundTranslator(translation).request(request)
        let (head, body) = try await post(inbound, to: resource, of: device, context: context)
        let outbound = OutboundTranslator(translation)
        switch try ControlResult.parse(status: head.status.code, body: body.readableBytesView) {
        case .response(let response):
            return .init(status: 200, body: try outbound.checked(outbound.response(response).serialized()))
        case .fault(let fault):
            return .init(status: 500, body: try outbound.checked(outbound.fault(fault).serialized()))
        }
    }

    private func post(
        _ request: ActionRequest, to resource: SealedResource, of device: KnownDevice, context: AccessContext
    ) async throws -> (HTTPResponse, ByteBuffer) {
        var limits = HTTPClientLimits()
        limits.totalTime = .seconds(35)
        let fields: HTTPFields = [
            .contentType: "text/xml; charset=\"utf-8\"", .soapAction: request.soapActionHeader,
        ]
        return try await requester.withResponse(
            .post, resource, of: device, in: context.home, fields: fields,
            body: ByteBuffer(string: request.serialized()), limits: limits
        ) { head, body in
            (head, try await body.collect(upTo: self.limits.documentBytes))
        }
    }

    private static func answer(_ fault: UPnPFault) -> RemoteSession.Answer {
        .init(status: 500, body: fault.serialized())
    }
}

extension HomeService {
    /// Whether the service can be called by this type: its own, or an older version of it (UDA 2.0 §3.1.1).
    func provides(_ requested: String) -> Bool {
        guard let own = serviceType.lastIndex(of: ":"), let other = requested.lastIndex(of: ":"),
            serviceType[..<own] == requested[..<other],
            let version = Int(serviceType[own...].dropFirst()), let wanted = Int(requested[other...].dropFirst())
        else { return serviceType == requested }
        return (1...version).contains(wanted)
    }
}
