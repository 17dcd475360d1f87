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

    /// Translation for what `device` says or is told.
    func translation(of device: KnownDevice) -> TranslationContext {
        TranslationContext(
            subject: session.subject.id.rawValue, authority: authority, udn: device.udn, home: home, sealer: sealer,
            allowsPublicURLs: allowsPublicURLs)
    }

    /// Asks the policy.
    func decide(
        _ operation: AccessRequest.Operation, on device: KnownDevice, service: String? = nil,
        action: ActionRequest? = nil
    ) -> Decision {
        session.policy.decide(
            AccessRequest(
                subject: session.subject.id, via: via, device: device.facts, operation: operation, service: service,
                action: action?.action, arguments: action?.arguments.map { (name: $0.name, value: $0.value) } ?? []))
    }

    /// Asks the policy, and refuses with its reason.
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
