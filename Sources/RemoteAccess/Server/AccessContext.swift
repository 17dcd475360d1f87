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
        let decision = policy.decide(request)
        observer.observed(decision, of: request, session: session.id)
        return decision
    }

    /// Whether something may be shown or may go on: the same policy, and nobody is told.
    func permits(_ operation: AccessRequest.Operation, on device: KnownDevice, service: String? = nil) -> Bool {
        policy.decide(request(operation, on: device, service: service)).permitted
    }

    /// Whether an action is to be seen in its service's description.
    func shows(action: String, of service: String, on device: KnownDevice) -> Bool {
        policy.decide(
            request(
                .describe, on: device, service: service, action: ActionRequest(serviceType: service, action: action))
        ).permitted
    }

    private func request(
        _ operation: AccessRequest.Operation, on device: KnownDevice, service: String? = nil,
        action: ActionRequest? = nil
    ) -> AccessRequest {
        AccessRequest(
            subject: session.subject.id, via: via, device: device.facts, operation: operation, service: service,
            action: action?.action, arguments: action?.arguments.map { (name: $0.name, value: $0.value) } ?? [])
    }

    /// Decides, and refuses with the decision's reason.
    func require(
        _ operation: AccessRequest.Operation, on device: KnownDevice, service: String? = nil
    ) throws(Problem) {
        let decision = decide(operation, on: device, service: service)
        guard decision.permitted else { throw Problem(.denied, decision.reason, status: 403) }
    }

    /// The `via` of an exchange: absent or broken counts as an unknown neighbour, which nothing permits more than.
    static func via(of request: HTTPRequest) -> Via? {
        guard let text = request.headerFields[.latchkeyVia] else { return nil }
        if text == "own" { return .ownHost }
        return IPAddress(text).map { .neighbour($0) }
    }
}
