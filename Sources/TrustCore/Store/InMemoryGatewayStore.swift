package import FoundationEssentials
import Synchronization

/// A gateway's store that lasts as long as the process: for tests, and the measure of what the protocol means.
package final class InMemoryGatewayStore: GatewayStore {
    private struct State {
        var ledger = TrustLedger()
        var identity: StoredIdentity?
        var secrets: [String: [UInt8]] = [:]
        var devices: [String: DeviceSighting] = [:]
        var remoteAccess: [RemoteAccessDocumentName: StoredDocument] = [:]
        var audit: AuditBook
        /// The last instant that was told: a pure type has no clock.
        var now = Date(timeIntervalSince1970: 0)

        mutating func record(_ events: [AuditEvent]) throws(StoreError) {
            guard let authority = identity?.identity.authority else { return }
            do {
                _ = try audit.append(events, now: now, authority: authority)
            } catch {
                throw StoreError(.unavailable, error.message)
            }
        }

        mutating func store(_ identity: GatewayIdentity) -> StoredIdentity {
            ledger.revision = ledger.revision.next
            let stored = StoredIdentity(identity: identity, revision: ledger.revision)
            self.identity = stored
            return stored
        }
    }

    private let state: Mutex<State>
    private let watchers = RevisionWatchers()
    private let limits: StoreLimits

    /// Makes an empty store.
    package init(limits: StoreLimits = .init(), audit: AuditLimits = .init()) {
        self.limits = limits
        state = Mutex(State(audit: AuditBook(limits: audit)))
        watchers.announce(StoreRevision(0))
    }

    package func identity() async throws -> StoredIdentity? { state.withLock { $0.identity } }

    package func establish(_ identity: GatewayIdentity) async throws -> StoredIdentity {
        try change { state throws(StoreError) in
            if let stored = state.identity { return stored }
            let stored = state.store(identity)
            try state.record([AuditEvent(.established, detail: identity.name)])
            return stored
        }
    }

    package func replace(
        _ identity: GatewayIdentity, expecting revision: StoreRevision
    ) async throws -> StoredIdentity {
        try change { state throws(StoreError) in
            guard let old = state.identity, old.revision == revision else { throw .identityConflict }
            let stored = state.store(identity)
            try state.record([.of(identity, over: old.identity)])
            return stored
        }
    }

    package func secret(named name: String, orStore fresh: [UInt8]) async throws -> [UInt8] {
        try StoreError.checkSecret(fresh)
        return state.withLock { state in
            if let stored = state.secrets[name] { return stored }
            state.secrets[name] = fresh
            return fresh
        }
    }

    package func remoteAccessDocument(_ name: RemoteAccessDocumentName) async throws -> StoredDocument {
        state.withLock { $0.remoteAccess[name] ?? .none }
    }

    package func replaceRemoteAccessDocument(
        _ name: RemoteAccessDocumentName, with bytes: [UInt8], expecting revision: UInt64
    ) async throws -> StoredDocument {
        try state.withLock { state throws(StoreError) in
            let stored = state.remoteAccess[name] ?? .none
            try StoreError.checkReplacement(of: stored, with: bytes, expecting: revision)
            let next = StoredDocument(revision: stored.revision + 1, bytes: bytes)
            state.remoteAccess[name] = next
            return next
        }
    }

    package func ledger() async throws -> TrustLedger { state.withLock { $0.ledger } }

    package func revision() async throws -> StoreRevision { state.withLock { $0.ledger.revision } }

    package func changes() -> AsyncStream<StoreRevision> { watchers.watch() }

    package func addPairing(
        _ draft: PairingDraft, id: PairingCodeID, newSubject: SubjectID, now: Date, expiresAt: Date
    ) async throws -> PendingPairing {
        try change(at: now) { state throws(StoreError) in
            try state.ledger.addPairing(
                draft, id: id, newSubject: newSubject, now: now, expiresAt: expiresAt, limits: limits
            )
        }
    }

    package func cancelPairing(_ id: PairingCodeID) async throws {
        try change { $0.ledger.cancelPairing(id) }
    }

    package func recordWrongGuess(_ id: PairingCodeID) async throws -> PendingPairing? {
        try change { $0.ledger.recordWrongGuess(id, limits: limits) }
    }

    package func redeem(_ redemption: Redemption, now: Date) async throws -> RedemptionOutcome {
        try change(at: now) { state throws(StoreError) in
            try state.ledger.redeem(redemption, now: now, limits: limits)
        }
    }

    package func addCredential(
        _ credential: Credential, renewing: CertificateFingerprint?, now: Date
    ) async throws {
        try change(at: now) { state throws(StoreError) in
            try state.ledger.addCredential(credential, renewing: renewing, limits: limits)
        }
    }

    package func setGrant(_ grant: Grant, expecting revision: StoreRevision?) async throws {
        try change { state throws(StoreError) in try state.ledger.setGrant(grant, expecting: revision) }
    }

    package func revoke(_ subject: SubjectID, now: Date) async throws -> Subject {
        try change(at: now) { state throws(StoreError) in
            try state.ledger.revoke(subject, now: now, limits: limits)
        }
    }

    package func record(_ sightings: [DeviceSighting]) async throws {
        state.withLock { state in
            for sighting in sightings {
                if let known = state.devices[sighting.udn], known.lastSeen > sighting.lastSeen { continue }
                state.devices[sighting.udn] = sighting
            }
            let newestFirst = state.devices.values.sorted {
                ($1.lastSeen, $0.udn) < ($0.lastSeen, $1.udn)
            }
            for sighting in newestFirst.dropFirst(limits.devices) { state.devices[sighting.udn] = nil }
        }
    }

    package func devices() async throws -> [DeviceSighting] {
        state.withLock { $0.devices.values.sorted { $0.udn < $1.udn } }
    }

    package func audit(_ events: [AuditEvent], now: Date) async throws -> AuditCheckpoint? {
        try state.withLock { state throws(StoreError) in
            state.now = now
            try state.record(events)
            return state.audit.checkpoints.last
        }
    }

    package func auditCheckpoints() async throws -> [AuditCheckpoint] { state.withLock { $0.audit.checkpoints } }

    package func auditStub() async throws -> AuditStub? { state.withLock { $0.audit.stub } }

    package func auditEntries(_ query: AuditQuery) async throws -> [AuditEntry] {
        state.withLock { $0.audit.find(query) }
    }

    private func change<Result: Sendable>(
        at now: Date? = nil, _ body: (inout State) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let (result, revision) = try state.withLock { state throws(StoreError) in
            if let now { state.now = now }
            let before = state.ledger
            let result = try body(&state)
            try state.record(AuditEvent.of(state.ledger, over: before))
            return (result, state.ledger.revision)
        }
        watchers.announce(revision)
        return result
    }
}

extension StoreError {
    /// The largest secret, in bytes.
    package static let maximumSecretBytes = 128

    /// What `replace` throws when somebody else was first.
    package static let identityConflict = StoreError(
        .conflict, "the gateway's identity was changed by somebody else: look again, then repeat"
    )

    /// Throws unless a secret has 16 to 128 bytes.
    package static func checkSecret(_ secret: [UInt8]) throws(StoreError) {
        guard (16...maximumSecretBytes).contains(secret.count) else {
            throw StoreError(.invalid, "a stored secret must have 16 to \(maximumSecretBytes) bytes")
        }
    }
}
