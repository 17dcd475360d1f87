package import FoundationEssentials

// The changes of a ledger, as every store makes them. A change that throws leaves the ledger as it was; one
// that changes something moves the revision by one.
extension TrustLedger {
    /// Adds a pairing code; see `GatewayStore.addPairing`.
    package mutating func addPairing(
        _ draft: PairingDraft, id: PairingCodeID, newSubject: SubjectID, now: Date, expiresAt: Date,
        limits: StoreLimits
    ) throws(StoreError) -> PendingPairing {
        if let problem = draft.problem { throw StoreError(.invalid, problem) }
        guard now < expiresAt else { throw StoreError(.invalid, "the pairing code would expire before it begins") }
        guard !pairings.contains(where: { $0.id == id }) else {
            throw StoreError(.conflict, "a pairing code of this id exists")
        }
        let open = pairings.filter { $0.isOpen(at: now) }
        guard open.count < limits.outstandingPairings else {
            throw StoreError(
                .full, "\(open.count) pairing codes are outstanding, which is the limit: wait until one expires"
            )
        }
        let known = activeSubject(named: draft.name)?.id ?? open.first { $0.name == draft.name }?.subject
        if known == nil { try checkRoom(limits) }
        let pairing = PendingPairing(
            id: id, draft: draft, subject: known ?? newSubject, createdAt: now, expiresAt: expiresAt
        )
        pairings.append(pairing)
        prunePairings(now: now, limits: limits)
        revision = revision.next
        return pairing
    }

    /// Takes a code back.
    package mutating func cancelPairing(_ id: PairingCodeID) {
        guard let index = pairings.firstIndex(where: { $0.id == id && $0.state == .outstanding }) else { return }
        pairings[index].close(.cancelled)
        revision = revision.next
    }

    /// Counts a wrong guess.
    package mutating func recordWrongGuess(_ id: PairingCodeID, limits: StoreLimits) -> PendingPairing? {
        guard let index = pairings.firstIndex(where: { $0.id == id }) else { return nil }
        guard pairings[index].state == .outstanding else { return pairings[index] }
        pairings[index].countWrongGuess(limit: limits.wrongGuesses)
        revision = revision.next
        return pairings[index]
    }

    /// Uses a code up and enters subject, credential and grant.
    package mutating func redeem(
        _ redemption: Redemption, now: Date, limits: StoreLimits
    ) throws(StoreError) -> RedemptionOutcome {
        guard let index = pairings.firstIndex(where: { $0.id == redemption.pairing }) else {
            return .refused(.unknownCode)
        }
        let pairing = pairings[index]
        if let refusal = pairing.refusal(at: now) { return .refused(refusal) }
        let credential = redemption.credential
        guard credential.subject == pairing.subject else {
            throw StoreError(.invalid, "the certificate is not of the pairing code's subject")
        }
        if let introduced = redemption.introduced {
            guard introduced.subject == pairing.subject, introduced.kind == .deviceProtection,
                introduced.fingerprint != credential.fingerprint
            else { throw StoreError(.invalid, "the identity is not a DeviceProtection one of the code's subject") }
        }
        guard !credentials.contains(where: { $0.fingerprint == credential.fingerprint }) else {
            throw StoreError(.conflict, "the certificate is known already")
        }
        let subject: Subject
        if let known = subjects.first(where: { $0.id == pairing.subject }) {
            if let revoked = known.revokedAt { return .refused(.revoked(revoked)) }
            subject = known
        } else {
            guard activeSubject(named: pairing.name) == nil else {
                throw StoreError(.conflict, "another client of the name \(pairing.name) was paired since")
            }
            try checkRoom(limits)
            subject = Subject(id: pairing.subject, name: pairing.name, createdAt: now)
            subjects.append(subject)
        }
        credentials.append(credential)
        dropOldestCredentials(of: subject.id, kind: credential.kind, limits: limits)
        if let introduced = redemption.introduced {
            // Whose it was before, it is now this client's.
            credentials.removeAll { $0.fingerprint == introduced.fingerprint }
            credentials.append(introduced)
            dropOldestCredentials(of: subject.id, kind: introduced.kind, limits: limits)
        }
        grants.removeAll { $0.subject == subject.id }
        grants.append(pairing.grant)
        pairings[index].close(.used)
        prunePairings(now: now, limits: limits)
        revision = revision.next
        return .paired(subject)
    }

    /// Enters another credential of a subject; see `GatewayStore.addCredential`.
    package mutating func addCredential(
        _ credential: Credential, renewing: CertificateFingerprint?, limits: StoreLimits
    ) throws(StoreError) {
        guard subjects.contains(where: { $0.id == credential.subject && $0.revokedAt == nil }) else {
            throw StoreError(.notFound, "there is no such client, or it was revoked")
        }
        if let known = credentials.first(where: { $0.fingerprint == credential.fingerprint }) {
            guard known == credential else { throw StoreError(.conflict, "the certificate is known already") }
            return
        }
        credentials.append(credential)
        dropOldestCredentials(of: credential.subject, kind: credential.kind, keeping: renewing, limits: limits)
        revision = revision.next
    }

    /// Replaces a subject's grant.
    package mutating func setGrant(
        _ grant: Grant, expecting expected: StoreRevision?
    ) throws(StoreError) {
        if let expected, expected != revision {
            throw StoreError(.conflict, "the grants were changed by somebody else: look again, then repeat")
        }
        if let problem = grant.scope.problem ?? grant.pass?.problem { throw StoreError(.invalid, problem) }
        guard subjects.contains(where: { $0.id == grant.subject && $0.revokedAt == nil }) else {
            throw StoreError(.notFound, "there is no such client, or it was revoked")
        }
        grants.removeAll { $0.subject == grant.subject }
        grants.append(grant)
        revision = revision.next
    }

    /// The active subject of a name, or a new one without credentials and grants: the owner of things that are no
    /// clients of the tunnel. Throws `invalid` for a name that no subject may have, and `full`.
    package mutating func subject(
        named name: String, orNew newSubject: SubjectID, now: Date, limits: StoreLimits
    ) throws(StoreError) -> Subject {
        if let known = activeSubject(named: name) { return known }
        if let problem = PairingDraft.problem(withName: name) { throw StoreError(.invalid, problem) }
        // A pairing of this name is under way: its code names the subject that it will make.
        let open = pairings.first { $0.name == name && $0.isOpen(at: now) }
        let id = open?.subject ?? newSubject
        guard !subjects.contains(where: { $0.id == id }) else {
            throw StoreError(.conflict, "a subject of this id exists")
        }
        try checkRoom(limits)
        let subject = Subject(id: id, name: name, createdAt: now)
        subjects.append(subject)
        revision = revision.next
        return subject
    }

    /// Ends a subject's rights.
    package mutating func revoke(
        _ id: SubjectID, now: Date, limits: StoreLimits
    ) throws(StoreError) -> Subject {
        guard let index = subjects.firstIndex(where: { $0.id == id }) else {
            throw StoreError(.notFound, "there is no such client")
        }
        guard subjects[index].revokedAt == nil else { return subjects[index] }
        subjects[index].revokedAt = now
        let subject = subjects[index]
        grants.removeAll { $0.subject == id }
        for index in pairings.indices where pairings[index].subject == id { pairings[index].close(.cancelled) }
        pruneRevoked(limits)
        revision = revision.next
        return subject
    }
}

extension TrustLedger {
    private func checkRoom(_ limits: StoreLimits) throws(StoreError) {
        guard subjects.count(where: { $0.revokedAt == nil }) < limits.activeSubjects else {
            throw StoreError(.full, "\(limits.activeSubjects) clients are paired, which is the limit: revoke one")
        }
    }

    private mutating func prunePairings(now: Date, limits: StoreLimits) {
        for index in pairings.indices where pairings[index].state == .outstanding && !pairings[index].isOpen(at: now) {
            // Its time is over, so the key has no more use; the record still says when it ended.
            pairings[index].key = nil
        }
        let closed = pairings.filter { !$0.isOpen(at: now) }.sorted { $0.createdAt < $1.createdAt }
        let gone = Set(closed.dropLast(limits.closedPairings).map(\.id))
        pairings.removeAll { gone.contains($0.id) }
    }

    private mutating func pruneRevoked(_ limits: StoreLimits) {
        let revoked = subjects.filter { $0.revokedAt != nil }
            .sorted { ($0.revokedAt ?? .distantPast) < ($1.revokedAt ?? .distantPast) }
        let gone = Set(revoked.dropLast(limits.revokedSubjects).map(\.id))
        guard !gone.isEmpty else { return }
        subjects.removeAll { gone.contains($0.id) }
        credentials.removeAll { gone.contains($0.subject) }
    }

    private mutating func dropOldestCredentials(
        of subject: SubjectID, kind: Credential.Kind, keeping: CertificateFingerprint? = nil, limits: StoreLimits
    ) {
        let own = credentials.filter { $0.subject == subject && $0.kind == kind }
        let excess = own.count - limits.credentialsPerSubject
        guard excess > 0 else { return }
        let gone = Set(own.map(\.fingerprint).filter { $0 != keeping }.prefix(excess))
        credentials.removeAll { gone.contains($0.fingerprint) }
    }
}

extension PairingDraft {
    /// What is wrong with the order, as a sentence.
    var problem: String? {
        Self.problem(withName: name) ?? scope.problem ?? pass?.problem
    }

    /// What is wrong with a subject's name, as a sentence; nil when it is fine.
    package static func problem(withName name: String) -> String? {
        guard (1...64).contains(name.count), name.utf8.count <= 256 else {
            return "a client's name must have 1 to 64 characters"
        }
        guard !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }),
            name.first?.isWhitespace == false, name.last?.isWhitespace == false
        else { return "a client's name must not have control characters, nor begin or end with a space" }
        return nil
    }
}

extension Grant.Scope {
    /// What keeps the scope from being stored; whether it means anything is `AccessPolicy`'s affair.
    var problem: String? {
        switch self {
        case .preset(let name):
            (1...32).contains(name.utf8.count) ? nil : "a preset's name must have 1 to 32 bytes"
        case .deviceTypes(let types):
            (1...32).contains(types.count) && types.allSatisfy { (1...256).contains($0.utf8.count) }
                ? nil : "a grant must list 1 to 32 device types of at most 256 bytes each"
        }
    }
}
