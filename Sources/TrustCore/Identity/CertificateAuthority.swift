import Crypto
package import FoundationEssentials
import NetworkTypes
import X509

/// A gateway's own certificate authority: a P-256 key and a self-signed certificate that may issue leaves
/// and nothing below them (RFC 5280 §4.2.1.9, path length 0).
package struct CertificateAuthority: Sendable {
    /// The authority's key.
    package let key: IdentityKey
    /// The authority's certificate.
    package let certificate: IssuedCertificate

    /// Takes an authority from storage; refuses a certificate that is not of this key or may not issue.
    package init(key: IdentityKey, certificate: IssuedCertificate) throws(TrustError) {
        guard certificate.pin == key.pin else {
            throw TrustError("the authority's certificate does not belong to its key")
        }
        guard case .isCertificateAuthority = try? certificate.certificate.extensions.basicConstraints else {
            throw TrustError("the authority's certificate may not issue certificates")
        }
        self.key = key
        self.certificate = certificate
    }

    /// Makes an authority with a fresh key.
    package static func create(
        name: String,
        now: Date,
        lifetimes: CertificateLifetimes = .init(),
        using random: inout some RandomNumberGenerator
    ) throws(TrustError) -> CertificateAuthority {
        let key = IdentityKey()
        let validity = lifetimes.validity(lifetimes.authority, from: now)
        let serial = Self.serial(using: &random)
        do {
            let certificate = try Certificate(
                version: .v3,
                serialNumber: serial,
                publicKey: key.publicKey,
                notValidBefore: validity.notBefore,
                notValidAfter: validity.notAfter,
                issuer: Self.name("\(name) authority", unit: nil),
                subject: Self.name("\(name) authority", unit: nil),
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true))
                    SubjectKeyIdentifier(hash: key.publicKey)
                },
                issuerPrivateKey: key.certificateKey
            )
            return try CertificateAuthority(key: key, certificate: IssuedCertificate(certificate))
        } catch {
            throw TrustError("the certificate authority could not be made: \(error)")
        }
    }

    /// Issues the gateway's leaf: serverAuth only, and the gateway's name as a DNS label in its
    /// subjectAltName.
    package func issueServerLeaf(
        for server: IdentityKey,
        name: String,
        now: Date,
        lifetimes: CertificateLifetimes = .init(),
        using random: inout some RandomNumberGenerator
    ) throws(TrustError) -> IssuedCertificate {
        let alternative = SubjectAlternativeNames([.dnsName(Self.dnsLabel(name))])
        return try issue(
            server.publicKey,
            subject: (name, nil),
            validity: lifetimes.validity(lifetimes.server, from: now),
            usage: .serverAuth,
            alternative: alternative,
            serial: Self.serial(using: &random)
        )
    }

    /// Issues a client's leaf: clientAuth only. Of the request only its public key is used, after its own
    /// signature has been checked; name and identity are the gateway's to give.
    package func issueClientLeaf(
        csrDER: some Sequence<UInt8>,
        subject: Subject,
        now: Date,
        lifetimes: CertificateLifetimes = .init(),
        using random: inout some RandomNumberGenerator
    ) throws(TrustError) -> IssuedCertificate {
        let publicKey = try CertificateRequest.verifiedKey(der: csrDER)
        return try issue(
            Certificate.PublicKey(publicKey),
            subject: (subject.name, subject.id.description),
            validity: lifetimes.validity(lifetimes.client, from: now),
            usage: .clientAuth,
            alternative: nil,
            serial: Self.serial(using: &random)
        )
    }

    /// Whether this authority's key signed the certificate.
    package func issued(_ leaf: IssuedCertificate) -> Bool {
        leaf.certificate.issuer == certificate.certificate.subject
            && key.publicKey.isValidSignature(leaf.certificate.signature, for: leaf.certificate)
    }

    private func issue(
        _ publicKey: Certificate.PublicKey,
        subject: (name: String, unit: String?),
        validity: (notBefore: Date, notAfter: Date),
        usage: ExtendedKeyUsage.Usage,
        alternative: SubjectAlternativeNames?,
        serial: Certificate.SerialNumber
    ) throws(TrustError) -> IssuedCertificate {
        do {
            let issuer = certificate.certificate
            let notAfter = min(validity.notAfter, issuer.notValidAfter)
            guard validity.notBefore < notAfter else { throw TrustError("the authority itself has expired") }
            return try IssuedCertificate(
                Certificate(
                    version: .v3,
                    serialNumber: serial,
                    publicKey: publicKey,
                    notValidBefore: validity.notBefore,
                    notValidAfter: notAfter,
                    issuer: issuer.subject,
                    subject: Self.name(subject.name, unit: subject.unit),
                    extensions: Certificate.Extensions {
                        Critical(BasicConstraints.notCertificateAuthority)
                        Critical(KeyUsage(digitalSignature: true))
                        try ExtendedKeyUsage([usage])
                        SubjectKeyIdentifier(hash: publicKey)
                        AuthorityKeyIdentifier(
                            keyIdentifier: SubjectKeyIdentifier(hash: key.publicKey).keyIdentifier
                        )
                        if let alternative { alternative }
                    },
                    issuerPrivateKey: key.certificateKey
                )
            )
        } catch {
            throw error as? TrustError ?? TrustError("the certificate could not be issued: \(error)")
        }
    }
}

extension CertificateAuthority {
    /// 128 random bits; the first bit is 0 and the second 1, so that the number is positive and always 16
    /// octets long (RFC 5280 §4.1.2.2 allows 20).
    static func serial(using random: inout some RandomNumberGenerator) -> Certificate.SerialNumber {
        var bytes = random.bytes(16)
        bytes[0] = bytes[0] & 0x3F | 0x40
        return Certificate.SerialNumber(bytes: bytes)
    }

    /// RFC 5280 appendix A.1: a common name has at most 64 characters, as has a unit.
    private static func name(_ name: String, unit: String?) throws -> DistinguishedName {
        try DistinguishedName {
            CommonName(String(name.prefix(64)))
            if let unit { OrganizationalUnitName(unit) }
            OrganizationName("Latchkey")
        }
    }

    /// The letters and digits of a name, lower case, everything else as single hyphens; "gateway" when
    /// nothing is left.
    static func dnsLabel(_ name: String) -> String {
        let words = name.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        let label = words.joined(separator: "-").prefix(63)
        return label.isEmpty ? "gateway" : String(label)
    }
}
