package import FoundationEssentials

/// The live answer to "may this certificate in?". It is asked at every completed handshake, resumed or not,
/// because resumption skips the TLS library's own verification callback.
///
/// A value in memory, loaded from the store and replaced when the store's revision moves. A revocation is
/// entered here at once, before anything else happens.
package struct AuthorizationTable: Sendable {
    /// The answer for one certificate.
    package enum Admission: Hashable, Sendable {
        /// The certificate is this subject's.
        case admit(Subject)
        /// A sentence that says what is wrong.
        case refuse(String)
    }

    private let authority: CertificateAuthority
    private var subjects: [SubjectID: Subject] = [:]
    private var credentials: [CertificateFingerprint: Credential] = [:]
    /// Revocations that were entered here and that the store has not confirmed yet: a state of the store
    /// from before them must not bring the rights back.
    private var revokedHere: [SubjectID: Date] = [:]
    /// The state of the store that the table was loaded from.
    package private(set) var revision: StoreRevision

    /// Loads the table.
    package init(authority: CertificateAuthority, ledger: TrustLedger) {
        self.authority = authority
        self.revision = ledger.revision
        for subject in ledger.subjects { subjects[subject.id] = subject }
        for credential in ledger.credentials { credentials[credential.fingerprint] = credential }
    }

    /// Decides about a certificate that a peer has shown to hold the key of.
    package func admission(of fingerprint: CertificateFingerprint, der: [UInt8], now: Date) -> Admission {
        guard let credential = credentials[fingerprint], let subject = subjects[credential.subject] else {
            return unknown(der: der, now: now)
        }
        if let revoked = subject.revokedAt {
            return .refuse("the pairing was revoked on \(CalendarDay.text(revoked))")
        }
        guard credential.kind == .tunnelCertificate else {
            return .refuse("the certificate is the client's DeviceProtection identity, which does not open the tunnel")
        }
        if now < credential.notBefore {
            return .refuse(CertificateRefusal.notYetValid(credential.notBefore).sentence)
        }
        if now > credential.notAfter {
            return .refuse(CertificateRefusal.expired(credential.notAfter).sentence)
        }
        return .admit(subject)
    }

    /// Decides about a certificate by its bytes alone.
    package func admission(ofDER der: [UInt8], now: Date) -> Admission {
        admission(of: CertificateFingerprint(certificateDER: der), der: der, now: now)
    }

    /// The subject of an id, revoked or not.
    package func subject(_ id: SubjectID) -> Subject? { subjects[id] }

    /// Whether the subject's rights stand.
    package func isActive(_ id: SubjectID) -> Bool {
        guard let subject = subjects[id] else { return false }
        return subject.revokedAt == nil
    }

    /// Ends a subject's rights from this call on, ahead of the store's own news of it.
    package mutating func revoke(_ id: SubjectID, at now: Date) {
        revokedHere[id] = revokedHere[id] ?? now
        guard subjects[id]?.revokedAt == nil else { return }
        subjects[id]?.revokedAt = now
    }

    /// Takes over a newer state of the store and names the subjects whose rights ended with it, so that
    /// their sessions can be closed. An older state than the table's own is ignored.
    package mutating func update(to ledger: TrustLedger) -> [SubjectID] {
        guard ledger.revision >= revision else { return [] }
        let before = self
        self = AuthorizationTable(authority: authority, ledger: ledger)
        for (id, date) in before.revokedHere where isActive(id) { revoke(id, at: date) }
        return before.subjects.keys.filter { before.isActive($0) && !isActive($0) }
            .sorted { $0.rawValue < $1.rawValue }
    }

    private func unknown(der: [UInt8], now: Date) -> Admission {
        switch CertificateCheck.client(leafDER: der, authority: authority, now: now) {
        case .refused(let refusal): .refuse(refusal.sentence)
        case .accepted: .refuse("this gateway issued the certificate but no longer knows it: pair again")
        }
    }
}
