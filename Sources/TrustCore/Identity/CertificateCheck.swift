package import FoundationEssentials
import X509

/// Why a certificate was refused.
package enum CertificateRefusal: Error, Hashable, Sendable {
    /// It cannot be read at all, with the reader's sentence.
    case unreadable(String)
    /// The gateway's key is not the pinned one.
    case wrongPin
    /// A client's certificate that this gateway's authority did not issue.
    case foreign
    /// Its validity has ended.
    case expired(Date)
    /// Its validity has not begun: most often a wrong clock.
    case notYetValid(Date)
    /// A client presented a certificate that is for servers.
    case forServers
    /// The gateway presented a certificate that is for clients.
    case forClients
    /// It says nothing of what it is for, or is an authority's.
    case wrongUse

    /// A sentence for the user, without a final stop.
    package var sentence: String {
        switch self {
        case .unreadable(let reason): reason
        case .wrongPin:
            "the gateway's key is not the one that was pinned at pairing: this is another gateway, or one set up anew"
        case .foreign: "this gateway did not issue the certificate"
        case .expired(let date): "the certificate expired on \(CalendarDay.text(date)): pair again"
        case .notYetValid(let date):
            "the certificate is not valid before \(CalendarDay.text(date)): check the clocks of both ends"
        case .forServers: "the certificate is for servers, not clients"
        case .forClients: "the certificate is for clients, not servers"
        case .wrongUse: "the certificate is not for this use"
        }
    }
}

/// The checks of a peer's certificate. They replace all of the TLS library's own, so each is complete.
package enum CertificateCheck {
    /// The outcome of a check.
    package enum Verdict: Hashable, Sendable {
        /// Nothing speaks against the certificate.
        case accepted
        /// The first thing that does.
        case refused(CertificateRefusal)
    }

    /// A client checks its gateway, before anything is sent: pin, use, validity. No chain is needed, because
    /// the pin names the key itself; without the use, a client that was given that key's pin could pose.
    package static func server(leafDER: some Sequence<UInt8>, pins: [KeyPin], now: Date) -> Verdict {
        let leaf: IssuedCertificate
        do {
            leaf = try IssuedCertificate(der: leafDER)
        } catch {
            return .refused(.unreadable(error.message))
        }
        guard pins.contains(leaf.pin) else { return .refused(.wrongPin) }
        switch use(of: leaf) {
        case .server: break
        case .client: return .refused(.forClients)
        case .other: return .refused(.wrongUse)
        }
        return validity(of: leaf, now: now)
    }

    /// A gateway checks a client: issuer, use, validity. Whether the pairing still stands is another
    /// question, which `AuthorizationTable` answers.
    package static func client(
        leafDER: some Sequence<UInt8>, authority: CertificateAuthority, now: Date
    ) -> Verdict {
        let leaf: IssuedCertificate
        do {
            leaf = try IssuedCertificate(der: leafDER)
        } catch {
            return .refused(.unreadable(error.message))
        }
        guard authority.issued(leaf) else { return .refused(.foreign) }
        switch use(of: leaf) {
        case .client: break
        case .server: return .refused(.forServers)
        case .other: return .refused(.wrongUse)
        }
        return validity(of: leaf, now: now)
    }

    private enum Use { case server, client, other }

    /// Exactly one of the two usages; a certificate for both, for any use, or of an authority is neither.
    private static func use(of leaf: IssuedCertificate) -> Use {
        let extensions = leaf.certificate.extensions
        if case .isCertificateAuthority? = try? extensions.basicConstraints { return .other }
        guard let usages = try? extensions.extendedKeyUsage, !usages.contains(.any) else { return .other }
        switch (usages.contains(.serverAuth), usages.contains(.clientAuth)) {
        case (true, false): return .server
        case (false, true): return .client
        default: return .other
        }
    }

    private static func validity(of leaf: IssuedCertificate, now: Date) -> Verdict {
        if now < leaf.notBefore { return .refused(.notYetValid(leaf.notBefore)) }
        if now > leaf.notAfter { return .refused(.expired(leaf.notAfter)) }
        return .accepted
    }
}

/// The day of an instant in UTC, as `2026-03-09`.
enum CalendarDay {
    static func text(_ date: Date) -> String {
        date.formatted(.iso8601.year().month().day())
    }
}
