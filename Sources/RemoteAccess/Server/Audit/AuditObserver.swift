package import AccessPolicy
import NetworkTypes
package import TrustCore
package import Tunnel

/// Puts decisions into the audit log.
///
/// Written of a decision: who, through whom, on which device, which service and action, the rule and its reason. Not
/// written: arguments' values, object ids, URLs. Of a neighbour of the client only the network is, a /24 or a /48: it
/// says which place it was without saying which machine.
package struct AuditObserver: DecisionObserver {
    private let writer: AuditWriter
    private let name: @Sendable (SubjectID) -> String?

    /// `name`: a subject's name of the moment.
    package init(writer: AuditWriter, name: @escaping @Sendable (SubjectID) -> String?) {
        self.writer = writer
        self.name = name
    }

    package func observed(_ decision: Decision, of request: AccessRequest, session: SessionID) {
        let isRead = Self.isRead(request)
        let event = AuditEvent(
            .decision, decision.permitted ? .permitted : .denied, subject: request.subject.rawValue,
            client: name(request.subject), via: Self.text(request.via), device: request.device.udn,
            service: request.service, action: request.action ?? request.operation.rawValue, rule: decision.rule,
            detail: decision.permitted ? nil : decision.reason)
        writer.record(event, pace: decision.permitted ? (isRead ? .reads : .each) : .refusals)
    }

    /// Whether a request only reads: everything but actions, and the actions that are named so in the standards'
    /// services. A vendor's action that changes something under such a name is counted and not listed one by one.
    static func isRead(_ request: AccessRequest) -> Bool {
        guard request.operation == .control, let action = request.action else { return true }
        return ["Get", "Browse", "Search", "List", "Query", "X_Get"].contains { action.hasPrefix($0) }
    }

    static func text(_ via: Via) -> String {
        switch via {
        case .ownHost: "own-host"
        case .neighbour(let address):
            IPPrefix(address: address, length: address.isIPv4 ? 24 : 48)?.description ?? "neighbour"
        }
    }
}

extension IPAddress {
    fileprivate var isIPv4: Bool { if case .v4 = self { true } else { false } }
}
