import Foundation
package import TrustCore

extension GatewayTrust {
    /// The subject of sessions in this process, made at the first time: it is listed, granted and revoked like any
    /// paired client, and its sessions count as shared with neighbours.
    /// - Parameters:
    ///   - scope: Replaces what the subject has; nil leaves it alone.
    ///   - fresh: What a subject gets that is made here, where `scope` is nil.
    /// - Throws: `Problem` when a subject of that name was revoked: what its owner ended does not begin again by a
    ///   restart. Else `StoreError`.
    package func localSubject(
        named name: String, scope: Grant.Scope?, orNew fresh: Grant.Scope
    ) async throws -> SubjectID {
        let ledger = try await store.ledger()
        if let subject = ledger.activeSubject(named: name) {
            if let scope, ledger.grants.first(where: { $0.subject == subject.id })?.scope != scope {
                try await store.setGrant(Grant(subject: subject.id, scope: scope, sharing: true), expecting: nil)
                try await reload()
            }
            return subject.id
        }
        guard !ledger.subjects.contains(where: { $0.name == name }) else {
            throw Problem(.refused, "The subject “\(name)” was revoked; choose another name.", status: 403)
        }
        return try await makeLocalSubject(named: name, scope: scope ?? fresh)
    }

    /// Pairs within the process: the code is drawn and used up at once, and the key of the certificate is let go.
    private func makeLocalSubject(named name: String, scope: Grant.Scope) async throws -> SubjectID {
        let now = Date()
        var random = SystemRandomNumberGenerator()
        let id = PairingCodeID(using: &random)
        let draft = PairingDraft(
            name: name, scope: scope, sharing: true, key: PairingSecret(using: &random).requestKey(for: id))
        let pending = try await store.addPairing(
            draft, id: id, newSubject: SubjectID(using: &random), now: now, expiresAt: now.addingTimeInterval(60))
        let subject = Subject(id: pending.subject, name: name, createdAt: now)
        let leaf = try identity.authority.issueClientLeaf(
            csrDER: CertificateRequest.make(key: IdentityKey()), subject: subject, now: now, using: &random)
        let credential = Credential(leaf, subject: subject.id, deviceName: "this host")
        switch try await store.redeem(Redemption(pairing: id, credential: credential), now: now) {
        case .refused(let refusal): throw Problem(.pairing, refusal.sentence, status: 403)
        case .paired(let subject):
            try await reload()
            return subject.id
        }
    }
}
