package import FoundationEssentials
import NetworkTypes

/// Who holds credentials and grants: a person or a thing. Revocation hangs on it.
package struct SubjectID: Hashable, Sendable, CustomStringConvertible {
    /// A UUID in lower case.
    package let rawValue: String

    /// Takes an id that was stored or received; nil unless it is 1 to 64 of `0-9 a-z -`.
    package init?(_ text: some StringProtocol) {
        guard (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D })
        else { return nil }
        self.rawValue = String(text)
    }

    /// Makes a random id.
    package init(using random: inout some RandomNumberGenerator) {
        self.rawValue = random.uuid()
    }

    /// The id's text.
    package var description: String { rawValue }
}

/// A subject and whether it still has rights.
package struct Subject: Hashable, Sendable {
    /// Its identity, never used again for another.
    package let id: SubjectID
    /// Its name for people, unique among the subjects that are not revoked.
    package var name: String
    /// When it was paired first.
    package var createdAt: Date
    /// When its rights ended, if they did.
    package var revokedAt: Date?

    /// Makes a subject.
    package init(id: SubjectID, name: String, createdAt: Date, revokedAt: Date? = nil) {
        self.id = id
        self.name = name
        self.createdAt = createdAt
        self.revokedAt = revokedAt
    }
}

/// Something by which a subject is recognised.
package struct Credential: Hashable, Sendable {
    /// The kinds of credential.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The client certificate of the tunnel.
        case tunnelCertificate = "tunnel-certificate"
        /// The identity in DeviceProtection: long-lived, because the certificate's hash is its name in ACLs. It does
        /// not open the tunnel.
        case deviceProtection = "device-protection"
    }

    /// The certificate's fingerprint.
    package let fingerprint: CertificateFingerprint
    /// Whose it is.
    package let subject: SubjectID
    /// What it is.
    package let kind: Kind
    /// The name that the device gave itself when it paired; for display only.
    package let deviceName: String
    /// The first instant of its validity.
    package let notBefore: Date
    /// The last instant of its validity.
    package let notAfter: Date

    /// Makes a credential.
    package init(
        fingerprint: CertificateFingerprint,
        subject: SubjectID,
        kind: Kind = .tunnelCertificate,
        deviceName: String = "",
        notBefore: Date,
        notAfter: Date
    ) {
        self.fingerprint = fingerprint
        self.subject = subject
        self.kind = kind
        self.deviceName = deviceName
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// The credential that an issued leaf is.
    package init(
        _ leaf: IssuedCertificate, subject: SubjectID, kind: Kind = .tunnelCertificate, deviceName: String = ""
    ) {
        self.init(
            fingerprint: leaf.fingerprint,
            subject: subject,
            kind: kind,
            deviceName: deviceName,
            notBefore: leaf.notBefore,
            notAfter: leaf.notAfter
        )
    }
}

/// What a subject was given.
package struct Grant: Hashable, Sendable {
    /// The devices and actions, by preset or by device types.
    package enum Scope: Hashable, Sendable {
        /// A preset's name; what it means is `AccessPolicy`'s affair.
        case preset(String)
        /// Device types in their URN form.
        case deviceTypes([String])
    }

    /// Whose it is.
    package let subject: SubjectID
    /// What it covers.
    package var scope: Scope
    /// Whether neighbours on the client's own network may use it through the client. The client has a switch
    /// of its own besides.
    package var sharing: Bool
    /// What limits it besides, for a guest.
    package var pass: GuestPass?

    /// Makes a grant.
    package init(subject: SubjectID, scope: Scope, sharing: Bool = true, pass: GuestPass? = nil) {
        self.subject = subject
        self.scope = scope
        self.sharing = sharing
        self.pass = pass
    }
}

extension Grant {
    /// Whether the grant makes its subject an administrator: that is what the preset `full` does besides. An
    /// administrator's clients hold the heads of the audit log.
    package var isAdministrator: Bool { scope == .preset("full") }
}
