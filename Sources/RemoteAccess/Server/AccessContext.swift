import AccessPolicy
import HTTPTypes
import NetworkTypes
import TrustCore
import Tunnel
import UPnP

/// One request of a client, with everything that a decision about it needs.
struct AccessContext: Sendable {
    let session: RemoteSession
    let via: Via
    /// The `host:port` that the asking app used.
    let authority: String
    let home: HomeMap
    let sealer: URLSealer
    let allowsPublicURLs: Bool
    let policy: PolicyBook
    let observer: any DecisionObserver
    /// RADAConfig's export filter: whether a device is let out to a client at all.
    var exports: @Sendable (_ udn: String, _ subject: SubjectID) -> Bool = { _, _ in true }

    /// Translation for what `device` says or is told.
    func translation(of device: KnownDevice) -> TranslationContext {
        TranslationContext(
            subject: session.subject.id.rawValue, authority: authority, udn: device.udn, home: home, sealer: sealer,
            allowsPublicURLs: allowsPublicURLs)
    }

    /// Decides about something that the client asks for, and tells the observer.
    func decide(
        _ operation: AccessRequest.Operation, on device: KnownDevice, service: String? = nil,
        action: ActionRequest? = nil
    ) -> Decision {
        let request = request(operation, on: device, service: service, action: action)
        let decision = judged(request, on: device)
        observer.observed(decision, of: request, session: session.id)
        return decision
    }

    private func judged(_ request: AccessRequest, on device: KnownDevice) -> Decision {
        Self.decide(request, on: device, policy: policy, exports: exports)
    }

    /// The policy's word and the export filter's: both must permit. A virtual device is decided about as each part
    /// that is asked for, and then as itself; the filter counts for it alone, so that a home may show a device
    /// in its reduced form only.
    static func decide(
        _ request: AccessRequest, on device: KnownDevice, policy: PolicyBook,
        exports: (_ udn: String, _ subject: SubjectID) -> Bool
    ) -> Decision {
        guard exports(device.udn, request.subject) else {
            return .deny("the home's filter (RADAConfig) does not let this device out")
        }
        let asked = device.parts.filter { part in
            request.service.map { type in part.services.contains { $0.provides(type) } } ?? true
        }
        for part in asked.isEmpty ? device.parts : asked {
            var request = request
            request.device = part.facts
            let decision = policy.decide(request)
            if !decision.permitted { return decision }
        }
        return policy.decide(request)
    }

    /// Whether a client is to announce a device, or one of its services: somebody in front of it may see it, be it a
    /// neighbour. What is not for all of them is decided again for whoever comes.
    static func announces(
        _ device: KnownDevice, service: String? = nil, to subject: SubjectID, policy: PolicyBook,
        exports: (_ udn: String, _ subject: SubjectID) -> Bool
    ) -> Bool {
        policy.places(of: subject, seeing: device.facts).contains { place in
            let request = AccessRequest(
                subject: subject, via: place, device: device.facts, operation: service == nil ? .discover : .describe,
                service: service)
            return decide(request, on: device, policy: policy, exports: exports).permitted
        }
    }

    /// Whether something may be shown or may go on: the same policy, and nobody is told.
    func permits(_ operation: AccessRequest.Operation, on device: KnownDevice, service: String? = nil) -> Bool {
        judged(request(operation, on: device, service: service), on: device).permitted
    }

    /// Whether an action is to be seen in its service's description.
    func shows(action: String, of service: String, on device: KnownDevice) -> Bool {
        judged(
            request(
                .describe, on: device, service: service, action: ActionRequest(serviceType: service, action: action)),
            on: device
        ).permitted
    }

    /// A request for the policy.
    func request(
        _ operation: AccessRequest.Operation, on device: KnownDevice, service: String? = nil,
        action: ActionRequest? = nil
    ) -> AccessRequest {
        var request = AccessRequest(
            subject: session.subject.id, via: via, device: device.facts, operation: operation, service: service,
            action: action?.action, arguments: action?.arguments.map { (name: $0.name, value: $0.value) } ?? [])
        // Empty stands for the roles of its grants.
        if session.heldRoles.holds(.admin) { request.roles = roles }
        return request
    }

    /// Decides, and refuses with the decision's reason.
    func require(
        _ operation: AccessRequest.Operation, on device: KnownDevice, service: String? = nil
    ) throws(Problem) {
        let decision = decide(operation, on: device, service: service)
        guard decision.permitted else { throw Problem(.denied, decision.reason.sentence, status: 403) }
    }

    /// The `via` of an exchange: absent or broken counts as an unknown neighbour, which nothing permits more than.
    static func via(of request: HTTPRequest) -> Via? {
        guard let text = request.headerFields[.latchkeyVia] else { return nil }
        if text == "own" { return .ownHost }
        return IPAddress(text).map { .neighbour($0) }
    }
}

extension String {
    /// The reason of a decision as a sentence.
    var sentence: String { prefix(1).uppercased() + dropFirst() + (hasSuffix(".") ? "" : ".") }
}
