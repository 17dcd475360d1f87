import FoundationEssentials

/// How long certificates are good for.
package struct CertificateLifetimes: Hashable, Sendable {
    /// The authority's own certificate. A new authority means pairing every client again.
    package var authority: Duration
    /// The gateway's leaf; it is issued afresh at each start, and its key is what clients pin.
    package var server: Duration
    /// A client's leaf. It renews itself when half of its validity is over; one that was off for longer than the rest
    /// has to be paired again.
    package var client: Duration
    /// How far before its issue a certificate is valid, for peers whose clock is slow; never more than half of its life.
    package var backdating: Duration

    /// 20 years, 397 days, 30 days and one day.
    package init(
        authority: Duration = .seconds(20 * 365 * 86400),
        server: Duration = .seconds(397 * 86400),
        client: Duration = .seconds(30 * 86400),
        backdating: Duration = .seconds(86400)
    ) {
        self.authority = authority
        self.server = server
        self.client = client
        self.backdating = backdating
    }

    func validity(_ lifetime: Duration, from now: Date) -> (notBefore: Date, notAfter: Date) {
        let seconds = TimeInterval(lifetime.components.seconds)
        return (now - min(TimeInterval(backdating.components.seconds), seconds / 2), now + seconds)
    }
}
