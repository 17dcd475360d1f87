package import AccessPolicy
import Foundation
package import Logging
import Synchronization
package import TrustCore
package import Tunnel

/// The gateway's trust as every connection sees it: read without waiting, reloaded whenever the store
/// changes, also through another process.
package final class GatewayTrust: Sendable {
    private struct State {
        var stored: StoredIdentity
        var tunnelIdentity: TunnelIdentity
        var leafExpires: Date
        var table: AuthorizationTable
        var desk: PairingDesk
        var protectionCredentials: [Credential]
    }

    /// Where everything durable is.
    package let store: any GatewayStore
    /// What clients may do.
    package let policy: PolicyBook
    /// What the owner is asked to consent to.
    package let consents = ConsentDesk()
    /// Where the gateway is reached.
    package let addresses = AddressDesk()
    let policies: PolicySource?
    /// How long the certificates that are issued are good for.
    let lifetimes: CertificateLifetimes
    private let logger: Logger
    private let state: Mutex<State>
    private let endingsContinuation: AsyncStream<Set<SubjectID>>.Continuation
    /// The subjects whose sessions have to end, because their rights ended. For one reader.
    let endings: AsyncStream<Set<SubjectID>>

    private init(
        store: any GatewayStore, policies: PolicySource?, policy: PolicyBook, lifetimes: CertificateLifetimes,
        state: State, logger: Logger
    ) {
        self.store = store
        self.policies = policies
        self.policy = policy
        self.lifetimes = lifetimes
        self.logger = logger
        self.state = Mutex(state)
        // Bounded by nature: each element is one reload that found a change.
        (self.endings, self.endingsContinuation) = AsyncStream.makeStream()
    }

    /// Loads what the store has; at the first start makes the gateway's authority and server keys. Without `policies`
    /// what clients were granted is all that there is. Throws when the policy that is kept cannot be read: a gateway does
    /// not begin with another one.
    package static func load(
        from store: any GatewayStore, policies: PolicySource? = nil, name: String,
        lifetimes: CertificateLifetimes = .init(),
        clock: @escaping @Sendable () -> PolicyMoment = PolicyBook.wallClock, logger: Logger
    ) async throws -> GatewayTrust {
        var random = SystemRandomNumberGenerator()
        let now = Date()
        let stored: StoredIdentity
        if let known = try await store.identity() {
            stored = known
        } else {
            stored = try await store.establish(GatewayIdentity.create(name: name, now: now, using: &random))
            logger.info("made a certificate authority and server keys", metadata: ["gateway": "\(name)"])
        }
        let ledger = try await store.ledger()
        var desk = PairingDesk()
        desk.load(ledger.pairings)
        let (tunnelIdentity, expires) = try present(stored.identity, now: now)
        return GatewayTrust(
            store: store, policies: policies,
            policy: PolicyBook(try await policies?.content(with: ledger) ?? .init(ledger: ledger), clock: clock),
            lifetimes: lifetimes,
            state: State(
                stored: stored, tunnelIdentity: tunnelIdentity, leafExpires: expires,
                table: AuthorizationTable(authority: stored.identity.authority, ledger: ledger), desk: desk,
                protectionCredentials: ledger.credentials.filter { $0.kind == .deviceProtection }),
            logger: logger)
    }

    /// A fresh leaf for the current server key, in the form that the listener presents.
    private static func present(_ identity: GatewayIdentity, now: Date) throws -> (TunnelIdentity, Date) {
        var random = SystemRandomNumberGenerator()
        let leaf = try identity.serverLeaf(now: now, using: &random)
        let presented = try TunnelIdentity(
            chainDER: [leaf.der, identity.authority.certificate.der], privateKeyDER: identity.currentServerKey.pkcs8DER)
        return (presented, leaf.notAfter)
    }

    /// Authority, name and server keys.
    package var identity: GatewayIdentity { state.withLock { $0.stored.identity } }

    /// What the listener presents.
    package var tunnelIdentity: TunnelIdentity { state.withLock { $0.tunnelIdentity } }

    /// Whether any pairing code can be used at the moment.
    package var isPairingOpen: Bool { state.withLock { $0.desk.isOpen(at: Date()) } }

    /// Decides about a certificate at the completed handshake, from the live table.
    package func authorize(_ certificate: PeerCertificate) -> Authorization {
        switch state.withLock({ $0.table.admission(ofDER: certificate.der, now: Date()) }) {
        case .admit(let subject): .admit(subject: subject.id.rawValue)
        case .refuse(let sentence): .refuse(sentence)
        }
    }

    /// The name of a subject, revoked or not.
    package func name(of id: SubjectID) -> String? { state.withLock { $0.table.subject(id)?.name } }

    /// The subject of this id while its rights stand.
    func activeSubject(_ id: String) -> Subject? {
        state.withLock { state in
            guard let id = SubjectID(id), state.table.isActive(id) else { return nil }
            return state.table.subject(id)
        }
    }

    /// The DeviceProtection identities of the subjects, revoked or not.
    var protectionCredentials: [Credential] { state.withLock { $0.protectionCredentials } }

    /// Decides about a pairing request.
    func receive(_ request: PairingRequest) -> PairingDesk.Action {
        state.withLock { $0.desk.receive(request, pin: $0.stored.identity.currentServerKey.pin, now: Date()) }
    }

    /// A redemption ended.
    func redeemed(_ id: PairingCodeID, durable: Bool) {
        state.withLock { durable ? $0.desk.committed(id) : $0.desk.failed(id) }
    }

    /// Ends a subject's rights: in the live table and on the wire first, then durably.
    package func revoke(_ id: SubjectID) async throws -> Subject {
        let now = Date()
        state.withLock { $0.table.revoke(id, at: now) }
        endingsContinuation.yield([id])
        return try await store.revoke(id, now: now)
    }

    /// Promotes the next server key; clients that were connected since it was made go on.
    package func rotateServerKey() async throws -> [KeyPin] {
        let stored = state.withLock { $0.stored }
        var identity = stored.identity
        identity.rotateServerKey()
        let replaced = try await store.replace(identity, expecting: stored.revision)
        try takeOver(replaced)
        return replaced.identity.pins
    }

    private func takeOver(_ stored: StoredIdentity) throws {
        let (tunnelIdentity, expires) = try Self.present(stored.identity, now: Date())
        state.withLock { state in
            state.stored = stored
            state.tunnelIdentity = tunnelIdentity
            state.leafExpires = expires
        }
    }

    /// Takes over what the store has.
    package func reload() async throws {
        let ledger = try await store.ledger()
        if let stored = try await store.identity(), stored.revision != state.withLock({ $0.stored.revision }) {
            try takeOver(stored)
        }
        let ended = state.withLock { state in
            let ended = Set(state.table.update(to: ledger))
            state.desk.load(ledger.pairings)
            state.protectionCredentials = ledger.credentials.filter { $0.kind == .deviceProtection }
            return ended
        }
        if !ended.isEmpty { endingsContinuation.yield(ended) }
        // Before the policy is read, which may fail: what was taken away is taken away.
        policy.update { $0.ledger = ledger }
        if let content = try await policies?.content(with: ledger) { policy.update { $0 = content } }
    }

    /// Makes a new leaf when the presented one is about to expire.
    private func renewLeaf() throws {
        let (stored, expires) = state.withLock { ($0.stored, $0.leafExpires) }
        guard expires < Date().addingTimeInterval(7 * 86_400) else { return }
        try takeOver(stored)
    }

    /// Ends the sessions of guests whose passes have ended.
    func endExpiredPasses() {
        let ended = policy.endedPasses
        if !ended.isEmpty { endingsContinuation.yield(ended) }
    }

    /// The owner's answer to a question of `consents`: durable, and in force when this returns.
    /// - Throws: `StoreError` `invalid` when the gateway keeps no policy, `notFound` when a consent is given to what asks
    ///   for none: a rule of another name would be permitted by surprise once there is one.
    package func answer(rule: String, subject: SubjectID, consents given: Bool, author: String) async throws {
        guard let policies else { throw StoreError(.invalid, "this gateway keeps no policy") }
        if given {
            guard policy.asksConsent(rule: rule, of: subject) else {
                throw StoreError(.notFound, "no rule “\(rule)” waits for a consent of this client")
            }
            try await policies.store.recordConsent(rule: rule, subject: subject, author: author, now: Date())
        } else {
            try await policies.store.withdrawConsent(rule: rule, subject: subject)
        }
        consents.close(rule: rule, subject: subject, consented: given)
        try await reload()
    }

    /// Follows the store until the task is cancelled.
    package func run() async {
        for await _ in store.changes() {
            do {
                try await reload()
                try renewLeaf()
            } catch is CancellationError {
                return
            } catch {
                logger.warning("the store could not be read", metadata: ["error": "\(error)"])
            }
        }
    }
}
