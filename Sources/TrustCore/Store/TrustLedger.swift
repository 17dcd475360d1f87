package import FoundationEssentials

/// Counts the changes of a store's trust state; every process that opens the store sees the same count.
package struct StoreRevision: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// 0 for a store to which nothing was ever written.
    package let rawValue: Int64

    /// Takes a count.
    package init(_ rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// Older before newer.
    package static func < (left: StoreRevision, right: StoreRevision) -> Bool { left.rawValue < right.rawValue }

    /// The revision that the next change makes.
    package var next: StoreRevision { StoreRevision(rawValue + 1) }

    /// The count.
    package var description: String { String(rawValue) }
}

/// Everything that decides who may do what, as it stood at one revision.
package struct TrustLedger: Hashable, Sendable {
    /// When it was read.
    package var revision: StoreRevision
    /// All subjects, the revoked ones too, by age.
    package var subjects: [Subject]
    /// All credentials.
    package var credentials: [Credential]
    /// All grants, at most one for a subject.
    package var grants: [Grant]
    /// The pairing codes that are outstanding, and the recent ones that are not.
    package var pairings: [PendingPairing]

    /// Makes a ledger.
    package init(
        revision: StoreRevision = StoreRevision(0), subjects: [Subject] = [], credentials: [Credential] = [],
        grants: [Grant] = [], pairings: [PendingPairing] = []
    ) {
        self.revision = revision
        self.subjects = subjects
        self.credentials = credentials
        self.grants = grants
        self.pairings = pairings
    }

    /// The grants of the subjects that are not revoked.
    package var activeGrants: [Grant] {
        let active = Set(subjects.filter { $0.revokedAt == nil }.map(\.id))
        return grants.filter { active.contains($0.subject) }
    }

    /// The credential of that fingerprint and kind while its subject's rights stand and it is valid.
    package func activeCredential(
        _ fingerprint: CertificateFingerprint, kind: Credential.Kind, now: Date
    ) -> Credential? {
        credentials.first { credential in
            credential.fingerprint == fingerprint && credential.kind == kind
                && credential.notBefore <= now && now <= credential.notAfter
                && subjects.contains { $0.id == credential.subject && $0.revokedAt == nil }
        }
    }

    /// Whether a subject may administer the gateway: it was given everything (preset `full`) and is not revoked.
    package func isAdministrator(_ subject: SubjectID) -> Bool {
        activeGrants.contains { $0.subject == subject && $0.isAdministrator }
    }

    /// The subject of that name that is not revoked.
    package func activeSubject(named name: String) -> Subject? {
        subjects.first { $0.name == name && $0.revokedAt == nil }
    }
}

/// A device that the gateway has seen at home.
package struct DeviceSighting: Hashable, Sendable {
    /// Its unique device name, `uuid:…`.
    package let udn: String
    /// Its friendly name.
    package var name: String
    /// The type of its root device.
    package var deviceType: String
    /// When it was heard last.
    package var lastSeen: Date

    /// Makes a sighting.
    package init(udn: String, name: String, deviceType: String, lastSeen: Date) {
        self.udn = udn
        self.name = name
        self.deviceType = deviceType
        self.lastSeen = lastSeen
    }
}

/// How much a store keeps.
package struct StoreLimits: Hashable, Sendable {
    /// Pairing codes that are outstanding at once.
    package var outstandingPairings = 16
    /// Codes that are no longer outstanding and kept, so that a late comer is told what became of his.
    package var closedPairings = 64
    /// Subjects that are not revoked.
    package var activeSubjects = 1024
    /// Revoked subjects that are kept, so that they are told so; the oldest go first.
    package var revokedSubjects = 1024
    /// Certificates of one subject; the oldest go first.
    package var credentialsPerSubject = 16
    /// Devices that are remembered; those not seen for longest go first.
    package var devices = 1024
    /// Gateways that a client is paired with.
    package var gateways = 64
    /// Wrong guesses that burn a code.
    package var wrongGuesses = 5

    /// The documented limits.
    package init() {}
}

/// Why a store refused or failed.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure that a caller may want to tell apart.
    package enum Code: String, Hashable, Sendable {
        /// The files cannot be read as what they should be. Nothing was written to them.
        case damaged
        /// The files were written by a newer version of the program.
        case newerVersion
        /// The state was changed by somebody else since it was read.
        case conflict
        /// Nothing has the name or id that was asked for.
        case notFound
        /// A limit is reached.
        case full
        /// What was to be stored is not acceptable.
        case invalid
        /// The operating system or the database refused.
        case unavailable
    }

    /// The kind.
    package let code: Code
    /// What happened and what to do.
    package let message: String

    /// Makes an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    package var description: String { message }
}
