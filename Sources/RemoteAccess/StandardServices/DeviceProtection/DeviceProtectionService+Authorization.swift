import AccessPolicy
package import NIOUPnP
import Synchronization
import TrustCore
import UPnP

extension DeviceProtectionService {
    /// Who calls an action.
    struct Caller: Sendable {
        /// Nil for a peer in clear, or one that showed no certificate.
        let id: DeviceProtectionID?
        /// The common name of its certificate.
        let name: String?
        /// Nil in clear.
        let connection: SecureConnection?
        /// Its roles of the moment.
        let roles: Set<RoleName>
        /// Whether it is in the ACL.
        let isListed: Bool
    }

    func caller(_ call: ActionInvocation) -> Caller {
        let der = call.connection?.peerCertificateDER
        let id = der.map { DeviceProtectionID(certificateDER: $0) }
        let (stored, sessions) = state.withLock { ($0.stored.acl, $0.sessions) }
        let acl = effective(stored)
        return Caller(
            id: id, name: der.flatMap { DeviceProtectionCertificate.commonName(ofDER: $0) },
            connection: call.connection, roles: sessions.roles(on: call.connection?.id, of: id, in: acl),
            isListed: id.map { acl.controlPoint($0) != nil } ?? false)
    }

    /// For `DeviceHostConfiguration`: refuses with 606 what the roles of the caller do not suffice for, and anything
    /// but public actions over HTTP.
    package var authorizes: ActionAuthorization {
        { [self] call in try await authorize(call) }
    }

    private func authorize(_ call: ActionInvocation) async throws {
        // Another device of the same host, with a protection of its own or none.
        guard state.withLock({ $0.actions[call.udn]?[call.service.serviceID] != nil }) else { return }
        let caller = caller(call)
        guard let rule = rule(call.service.serviceID, call.request.action.name) else { return }
        let refusal =
            !rule.isPublic && caller.connection == nil
            ? UPnPFault(
                .actionNotAuthorized, description: "This action is served over HTTPS only, at SECURELOCATION.UPNP.ORG.")
            : rule.refusal(of: caller.roles, isListed: caller.isListed).map { UPnPFault($0) }
        if let refusal {
            note(call, of: caller, .denied, refusal.description)
            throw refusal
        }
        // What everybody may do who uses the device every day is not listed one by one.
        if rule.refusal(of: [.public, .basic], isListed: true) != nil { note(call, of: caller, .permitted, nil) }
        if caller.isListed, let id = caller.id, let name = caller.name { try await correctName(name, of: id) }
    }

    private func note(
        _ call: ActionInvocation, of caller: Caller, _ outcome: AuditEvent.Outcome, _ detail: String?
    ) {
        configuration.audits(
            AuditEvent(
                .decision, outcome, subject: caller.id.map { "\($0)" }, client: caller.name, device: call.udn,
                service: call.service.serviceType, action: call.request.action.name,
                rule: "role:\(RoleName.admin)", detail: detail))
    }

    /// `CP/Name` is the common name of the certificate (DeviceProtection:1, the section on the ACL).
    private func correctName(_ name: String, of id: DeviceProtectionID) async throws {
        let known = state.withLock { $0.stored.acl.controlPoint(id)?.name }
        guard let known, known != name else { return }
        try await change { acl in _ = acl.correctName(name, of: id) }
    }

    /// The rule for an action; nil for one that everybody may call.
    func rule(_ serviceID: String, _ action: String) -> ActionRoles? {
        serviceID == Self.serviceID
            ? ActionRoles.deviceProtection[action] : configuration.roles(serviceID, action)
    }
}
