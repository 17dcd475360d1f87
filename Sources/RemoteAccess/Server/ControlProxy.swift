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
    let ancestors = AncestryResolver()
    let descriptions: ServiceDescriptions
    let consents: ConsentDesk
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
        guard service.provides(request.serviceType) else {
            context.session.count { $0.refusals += 1 }
            throw UPnPFault(.actionNotAuthorized, description: "This service is not \(request.serviceType).")
        }
        let call = Call(resource: resource, service: service, device: device, context: context)
        let outbound = OutboundTranslator(context.translation(of: device))
        do {
            let (decision, ancestries) = try await authorized(request, call)
            let checked = try await described(request, call)
            let response: ActionResponse
            if let filter = decision.resultFilter {
                // What a view asks for besides is decided on like what the client asked for.
                let view = ContentView(
                    filter: filter,
                    ancestry: { id in
                        if let known = ancestries[id] { return known }
                        return await self.ancestry(of: id, call)
                    },
                    run: { request in
                        _ = try await self.authorized(request, call)
                        return try await self.perform(request, call)
                    })
                response = try await view.answer(checked)
            } else {
                response = try await perform(checked, call)
            }
            return .init(status: 200, body: try outbound.checked(outbound.response(response).serialized()))
        } catch let fault as DeviceFault {
            return .init(status: 500, body: try outbound.checked(outbound.fault(fault.fault).serialized()))
        }
    }

    /// What a request is about.
    private struct Call: Sendable {
        let resource: SealedResource
        let service: HomeService
        let device: KnownDevice
        let context: AccessContext
    }

    /// What the device refused, which is translated before it is passed on.
    private struct DeviceFault: Error {
        let fault: UPnPFault
    }

    /// Decides, after finding out what the decision needs, and throws what the app is told when it may not be done.
    private func authorized(
        _ request: ActionRequest, _ call: Call
    ) async throws -> (decision: Decision, ancestries: [String: Ancestry]) {
        let context = call.context
        var question = context.request(
            .control, on: call.device, service: request.serviceType, action: request)
        var decision = context.policy.decide(question)
        // Each round finds out about one object; a rule may name 256 containers.
        for _ in 0..<512 {
            guard case .ancestry(let id)? = decision.needs, question.ancestries[id] == nil else { break }
            question.ancestries[id] = await ancestry(of: id, call)
            decision = context.policy.decide(question)
        }
        context.observer.observed(decision, of: question, session: context.session.id)
        guard decision.permitted else {
            context.session.count { $0.refusals += 1 }
            var reason = decision.reason
            if case .consent(let rule)? = decision.needs {
                reason = consents.ask(rule: rule, for: context.session.subject, of: call.device, action: request.action)
            }
            throw UPnPFault(.actionNotAuthorized, description: reason.sentence)
        }
        return (decision, question.ancestries)
    }

    /// The request in the order of the service's description; refuses arguments that it does not have, and two that a
    /// reader might take for one.
    private func described(_ request: ActionRequest, _ call: Call) async throws -> ActionRequest {
        let scpd = await descriptions.description(of: call.service, of: call.device) { url in
            try await self.requester.document(
                SealedResource(udn: call.device.udn, url: url, kind: .serviceDescription), of: call.device,
                in: call.context.home, limit: 256 << 10)
        }
        return try request.checked(against: scpd?.action(named: request.action))
    }

    private func ancestry(of object: String, _ call: Call) async -> Ancestry {
        let source = AncestryResolver.Source(
            udn: call.device.udn, revision: call.device.revision, url: call.service.controlURL)
        return await ancestors.ancestry(of: object, at: source) { id in
            let question = ActionRequest(
                serviceType: call.service.serviceType, action: "Browse",
                arguments: [
                    ActionArgument("ObjectID", id), ActionArgument("BrowseFlag", "BrowseMetadata"),
                    ActionArgument("Filter", "*"), ActionArgument("StartingIndex", "0"),
                    ActionArgument("RequestedCount", "1"), ActionArgument("SortCriteria", ""),
                ])
            do {
                return ContentView.parent(in: try await self.exchange(question, call))
            } catch {
                logger.debug("an object's place is not known", metadata: ["error": "\(error)"])
                return nil
            }
        }
    }

    /// Runs what was decided on, written anew.
    private func perform(_ request: ActionRequest, _ call: Call) async throws -> ActionResponse {
        let translation = call.context.translation(of: call.device)
        return try await exchange(try InboundTranslator(translation).request(request), call)
    }

    private func exchange(_ request: ActionRequest, _ call: Call) async throws -> ActionResponse {
        let (head, body) = try await post(request, to: call.resource, of: call.device, context: call.context)
        switch try ControlResult.parse(status: head.status.code, body: body.readableBytesView) {
        case .response(let response): return response
        case .fault(let fault): throw DeviceFault(fault: fault)
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
            body: ByteBuffer(string: request.serialized()), limits: limits,
            for: context.nestedCaller
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
