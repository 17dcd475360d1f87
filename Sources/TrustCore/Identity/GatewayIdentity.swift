package import FoundationEssentials

/// What a gateway is: its authority and its two server keys. Both keys exist from the first start, so that
/// clients know the successor's pin before it is needed.
package struct GatewayIdentity: Sendable {
    /// The gateway's name for people.
    package var name: String
    /// Issues the leaves.
    package let authority: CertificateAuthority
    /// The key that the gateway presents.
    package private(set) var currentServerKey: IdentityKey
    /// The key that it will present after a rotation.
    package private(set) var nextServerKey: IdentityKey

    /// Takes an identity from storage.
    package init(
        name: String, authority: CertificateAuthority, currentServerKey: IdentityKey, nextServerKey: IdentityKey
    ) {
        self.name = name
        self.authority = authority
        self.currentServerKey = currentServerKey
        self.nextServerKey = nextServerKey
    }

    /// 2025-01-01 UTC. A clock that is before it has not been set.
    private static let earliestStart = Date(timeIntervalSince1970: 1_735_689_600)

    /// Makes the identity of a first start. Throws when the clock was never set, as on boards without one of
    /// their own: the authority would have expired as soon as it is.
    package static func create(
        name: String,
        now: Date,
        lifetimes: CertificateLifetimes = .init(),
        using random: inout some RandomNumberGenerator
    ) throws(TrustError) -> GatewayIdentity {
        guard now >= earliestStart else {
            throw TrustError(
                "the clock says \(CalendarDay.text(now)): set it before the first start, for certificates depend on it"
            )
        }
        return GatewayIdentity(
            name: name,
            authority: try .create(name: name, now: now, lifetimes: lifetimes, using: &random),
            currentServerKey: IdentityKey(),
            nextServerKey: IdentityKey()
        )
    }

    /// The pins of the current and the next server key, in this order.
    package var pins: [KeyPin] { [currentServerKey.pin, nextServerKey.pin] }

    /// Promotes the next server key and makes a fresh one to follow it. Clients that were told the old next
    /// pin go on; those that were not must be paired again.
    package mutating func rotateServerKey() {
        currentServerKey = nextServerKey
        nextServerKey = IdentityKey()
    }

    /// A fresh leaf for the current server key.
    package func serverLeaf(
        now: Date,
        lifetimes: CertificateLifetimes = .init(),
        using random: inout some RandomNumberGenerator
    ) throws(TrustError) -> IssuedCertificate {
        try authority.issueServerLeaf(
            for: currentServerKey, name: name, now: now, lifetimes: lifetimes, using: &random
        )
    }
}
