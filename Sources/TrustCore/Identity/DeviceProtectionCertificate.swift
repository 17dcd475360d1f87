import Crypto
package import FoundationEssentials
import X509

/// The certificates of a DeviceProtection:1 identity: a leaf and the self-signed root that issued it, exactly two.
///
/// The hash of the leaf is the identity's name in every ACL, so that it cannot be renewed: it is good for about
/// 10,000 days. Root and leaf are on P-256, where the standard of 2011 names RSA with 1024 or 2048 bits: every peer
/// that speaks TLS 1.2 or 1.3 reads both, a P-256 key is made in no time, and an RSA leaf of somebody else's is
/// accepted all the same. The root's key is thrown away: it never issues another leaf.
package enum DeviceProtectionCertificate {
    /// Days of validity.
    package static let validDays = 10_000

    /// A chain in DER, leaf first, with the leaf's key in PKCS #8.
    package struct Made: Sendable {
        /// The leaf and its root.
        package let chainDER: [[UInt8]]
        /// The leaf's key: a secret.
        package let privateKeyDER: [UInt8]
    }

    /// Makes a fresh identity.
    /// - Parameter commonName: The name in the leaf, which ACLs show; 1 to 64 characters.
    package static func make(
        commonName: String, now: Date, using random: inout some RandomNumberGenerator
    ) throws(TrustError) -> Made {
        let (rootKey, key) = (IdentityKey(), IdentityKey())
        let name = String(commonName.prefix(64))
        let start = now.addingTimeInterval(-86_400)
        let end = start.addingTimeInterval(Double(validDays) * 86_400)
        do {
            let rootName = try DistinguishedName { CommonName("\(String(name.prefix(56))) root") }
            let root = try Certificate(
                version: .v3, serialNumber: CertificateAuthority.serial(using: &random),
                publicKey: rootKey.publicKey, notValidBefore: start, notValidAfter: end, issuer: rootName,
                subject: rootName,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true))
                    SubjectKeyIdentifier(hash: rootKey.publicKey)
                }, issuerPrivateKey: rootKey.certificateKey)
            let leaf = try Certificate(
                version: .v3, serialNumber: CertificateAuthority.serial(using: &random), publicKey: key.publicKey,
                notValidBefore: start, notValidAfter: end, issuer: rootName,
                subject: try DistinguishedName { CommonName(name) },
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth, .clientAuth])
                    SubjectKeyIdentifier(hash: key.publicKey)
                    AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: rootKey.publicKey).keyIdentifier)
                }, issuerPrivateKey: rootKey.certificateKey)
            return Made(
                chainDER: [try IssuedCertificate(leaf).der, try IssuedCertificate(root).der],
                privateKeyDER: key.pkcs8DER)
        } catch {
            throw TrustError("the DeviceProtection certificates could not be made: \(error)")
        }
    }

    /// The common name of a certificate; nil when it has none or cannot be read.
    package static func commonName(ofDER der: some Sequence<UInt8>) -> String? {
        guard let certificate = try? IssuedCertificate(der: der) else { return nil }
        for part in certificate.certificate.subject {
            for attribute in part where attribute.type == .RDNAttributeType.commonName {
                return String(describing: attribute.value)
            }
        }
        return nil
    }
}
