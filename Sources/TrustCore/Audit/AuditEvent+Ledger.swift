extension AuditEvent {
    /// What a change of the ledger is to the log: every store writes these with the change itself.
    package static func of(_ after: TrustLedger, over before: TrustLedger) -> [AuditEvent] {
        guard after.revision != before.revision else { return [] }
        var events: [AuditEvent] = []
        let names = Dictionary(after.subjects.map { ($0.id, $0.name) }) { first, _ in first }
        func event(_ kind: Kind, _ subject: SubjectID, _ name: String? = nil, detail: String? = nil) {
            events.append(
                AuditEvent(kind, subject: subject.rawValue, client: name ?? names[subject], detail: detail))
        }
        let oldPairings = Dictionary(before.pairings.map { ($0.id, $0) }) { first, _ in first }
        for pairing in after.pairings {
            guard let old = oldPairings[pairing.id] else {
                event(.codeMade, pairing.subject, pairing.name, detail: pairing.grant.scope.auditText)
                continue
            }
            if old.state == .outstanding, pairing.state != .outstanding, pairing.state != .used {
                event(.codeClosed, pairing.subject, pairing.name, detail: pairing.state.rawValue)
            }
        }
        let oldSubjects = Dictionary(before.subjects.map { ($0.id, $0) }) { first, _ in first }
        for subject in after.subjects where oldSubjects[subject.id] == nil { event(.paired, subject.id) }
        let oldCredentials = Set(before.credentials.map(\.fingerprint))
        for credential in after.credentials where !oldCredentials.contains(credential.fingerprint) {
            event(.certificateIssued, credential.subject, detail: credential.kind.rawValue)
        }
        let oldGrants = Dictionary(before.grants.map { ($0.subject, $0) }) { first, _ in first }
        for grant in after.grants where oldGrants[grant.subject] != grant {
            event(.grantChanged, grant.subject, detail: grant.scope.auditText)
        }
        for subject in after.subjects where subject.revokedAt != nil {
            if let old = oldSubjects[subject.id], old.revokedAt == nil { event(.revoked, subject.id) }
        }
        return events
    }
}

extension AuditEvent {
    /// What a change of the identity is to the log.
    package static func of(_ after: GatewayIdentity, over before: GatewayIdentity) -> AuditEvent {
        let isRotated = after.currentServerKey != before.currentServerKey
        return AuditEvent(.identityChanged, detail: isRotated ? "server key \(after.currentServerKey.pin)" : after.name)
    }
}

extension Grant.Scope {
    /// A grant's scope in a few words.
    var auditText: String {
        switch self {
        case .preset(let name): "preset \(name)"
        case .deviceTypes(let types): "device types \(types.joined(separator: ", "))"
        }
    }
}
