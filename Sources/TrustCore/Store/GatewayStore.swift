package import FoundationEssentials

/// The order for a new pairing code.
package struct PairingDraft: Hashable, Sendable {
    /// The name of the subject to be paired: 1 to 64 characters, no control characters.
    package var name: String
    /// What it is given.
    package var scope: Grant.Scope
    /// Whether its neighbours may be served.
    package var sharing: Bool
    /// What limits the grant besides, for a guest.
    package var pass: GuestPass?
    /// The key of the request's HMAC.
    package var key: PairingKey

    /// Makes an order.
    package init(
        name: String, scope: Grant.Scope, sharing: Bool = true, pass: GuestPass? = nil, key: PairingKey
    ) {
        self.name = name
        self.scope = scope
        self.sharing = sharing
        self.pass = pass
        self.key = key
    }
}

/// A client that proved to know a code, and the certificate that was issued to it: written all at once or
/// not at all.
package struct Redemption: Hashable, Sendable {
    /// The code.
    package let pairing: PairingCodeID
    /// The certificate, of the code's subject.
    package let credential: Credential
    /// The DeviceProtection identity by which the client was introduced, if that is how it came by the code.
    package let introduced: Credential?

    /// Makes a redemption.
    package init(pairing: PairingCodeID, credential: Credential, introduced: Credential? = nil) {
        self.pairing = pairing
        self.credential = credential
        self.introduced = introduced
    }
}

/// What became of a redemption.
package enum RedemptionOutcome: Hashable, Sendable {
    /// Subject, credential and grant are durable and the code is used up.
    case paired(Subject)
    /// The code cannot be used, with the reason; nothing was written.
    case refused(PairingRefusal)
}

/// What a gateway keeps. One conformance suite holds for every implementation.
///
/// A call that returned has its effect on durable storage. Several processes may use one store at once;
/// `changes()` tells each of the others' writes. Errors are `StoreError`.
package protocol GatewayStore: RemoteAccessStore, AuditStore {
    /// The gateway's identity, nil before the first start.
    func identity() async throws -> StoredIdentity?
    /// Stores the identity of a first start and returns the stored one: another process's if that was first.
    func establish(_ identity: GatewayIdentity) async throws -> StoredIdentity
    /// Replaces the identity (a rotation, a new name) unless it was changed since `revision`.
    func replace(_ identity: GatewayIdentity, expecting revision: StoreRevision) async throws -> StoredIdentity
    /// The secret of that name; on the first call `fresh` is stored and returned. At most 128 bytes.
    func secret(named name: String, orStore fresh: [UInt8]) async throws -> [UInt8]

    /// Who may do what.
    func ledger() async throws -> TrustLedger
    /// The revision of the ledger and the identity: cheap enough to be asked ten times a second.
    func revision() async throws -> StoreRevision
    /// A revision each time that something changed it, in any process, within 200 ms; the newest only, if
    /// the reader is slow. The stream ends when the store is closed.
    func changes() -> AsyncStream<StoreRevision>

    /// Adds a pairing code for the active subject of the draft's name, or for one to be made with `newSubject`
    /// as its id. Throws `full` when too many are outstanding.
    func addPairing(
        _ draft: PairingDraft, id: PairingCodeID, newSubject: SubjectID, now: Date, expiresAt: Date
    ) async throws -> PendingPairing
    /// Takes a code back; does nothing when it is no longer outstanding.
    func cancelPairing(_ id: PairingCodeID) async throws
    /// Counts a wrong guess and burns the code when there were too many. Returns the code's record.
    func recordWrongGuess(_ id: PairingCodeID) async throws -> PendingPairing?
    /// Uses a code up and writes subject, credential and grant in the same transaction.
    func redeem(_ redemption: Redemption, now: Date) async throws -> RedemptionOutcome

    /// Enters another credential of a subject: a renewed certificate, or a DeviceProtection identity. `renewing` is not
    /// dropped when the subject has too many of its kind. Throws `notFound` for a subject that is unknown or revoked.
    func addCredential(_ credential: Credential, renewing: CertificateFingerprint?, now: Date) async throws
    /// Replaces a subject's grant. Throws `notFound` for a subject that is unknown or revoked, and `conflict`
    /// when `revision` is given and no longer the ledger's.
    func setGrant(_ grant: Grant, expecting revision: StoreRevision?) async throws
    /// Ends a subject's rights and takes back its outstanding codes. Revoking it twice keeps the first date.
    /// Throws `notFound` for an unknown subject.
    func revoke(_ subject: SubjectID, now: Date) async throws -> Subject

    /// Remembers devices; a newer sighting replaces an older one.
    func record(_ sightings: [DeviceSighting]) async throws
    /// The remembered devices, by UDN.
    func devices() async throws -> [DeviceSighting]
}

/// An identity and the revision at which it was written.
package struct StoredIdentity: Sendable {
    /// The identity.
    package let identity: GatewayIdentity
    /// To be passed to `replace`.
    package let revision: StoreRevision

    /// Makes a pair.
    package init(identity: GatewayIdentity, revision: StoreRevision) {
        self.identity = identity
        self.revision = revision
    }
}
