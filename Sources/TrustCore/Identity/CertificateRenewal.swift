package import FoundationEssentials

/// When a client's certificate is to be renewed. Both ends ask this, so that a client cannot have certificates made
/// without end.
package enum CertificateRenewal {
    /// Whether less than half of the validity is left.
    package static func isDue(notBefore: Date, notAfter: Date, now: Date) -> Bool {
        notAfter.timeIntervalSince(now) < notAfter.timeIntervalSince(notBefore) / 2
    }

    /// Whether less than half of a leaf's validity is left.
    package static func isDue(_ leaf: IssuedCertificate, now: Date) -> Bool {
        isDue(notBefore: leaf.notBefore, notAfter: leaf.notAfter, now: now)
    }

    /// How long to wait until it is looked at again: a sixteenth of the validity, from one second to an hour.
    package static func interval(of leaf: IssuedCertificate) -> Duration {
        .seconds(min(3600, max(1, leaf.notAfter.timeIntervalSince(leaf.notBefore) / 16)))
    }
}
