package import AccessPolicy
package import Foundation
package import TrustCore

extension DeviceProtectionService.PairedControlPoints {
    /// The DeviceProtection identities of paired clients: in the roles that their subjects' grants amount to, while their
    /// subjects' rights stand and the certificate is valid; else they are strangers.
    /// - Parameter roles: The roles of a subject; nil when it has no rights at the moment.
    package init(_ credentials: [Credential], now: Date, roles: (SubjectID) -> Set<RoleName>?) {
        self.init()
        for credential in credentials where credential.kind == .deviceProtection {
            let id = DeviceProtectionID(credential.fingerprint)
            guard credential.notBefore <= now, now <= credential.notAfter, let roles = roles(credential.subject) else {
                ended.insert(id)
                continue
            }
            active.append(.init(id: id, name: credential.deviceName, introduced: true, roles: roles.sorted()))
        }
        // The same certificate may have been another subject's before.
        ended.subtract(active.map(\.id))
    }

    /// The same of a ledger as it is kept, without the policy.
    package init(_ ledger: TrustLedger, now: Date) {
        let policy = CompiledPolicy(document: nil, ledger: ledger)
        let active = Set(ledger.subjects.filter { $0.revokedAt == nil }.map(\.id))
        let over = Set(ledger.grants.filter { $0.pass?.isOver(at: now) ?? false }.map(\.subject))
        self.init(ledger.credentials, now: now) { subject in
            guard active.contains(subject), !over.contains(subject) else { return nil }
            return policy.serviceRoles(of: subject, isAdministrator: ledger.isAdministrator(subject))
        }
    }
}

extension CompiledPolicy {
    /// The roles that a client's identity has on the gateway's own services: an administrator's has `Admin` too.
    package func serviceRoles(of subject: SubjectID, isAdministrator: Bool) -> Set<RoleName> {
        isAdministrator ? [.public, .basic, .admin] : roles(of: subject)
    }
}

extension GatewayTrust {
    /// The DeviceProtection identities of paired clients as they stand at the moment.
    package var pairedControlPoints: DeviceProtectionService.PairedControlPoints {
        let over = policy.endedPasses
        return .init(protectionCredentials, now: Date()) { subject in
            guard activeSubject(subject.rawValue) != nil, !over.contains(subject) else { return nil }
            return policy.serviceRoles(of: subject)
        }
    }
}
