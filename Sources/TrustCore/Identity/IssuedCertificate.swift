package import FoundationEssentials
import SwiftASN1
package import X509

/// A certificate as read from its DER, with what is asked of it most.
package struct IssuedCertificate: Hashable, Sendable {
    /// The largest DER that is read at all, in bytes.
    package static let maximumBytes = 8 * 1024

    /// The exact bytes.
    package let der: [UInt8]
    /// The decoded certificate.
    package let certificate: Certificate
    /// The SHA-256 of `der`.
    package let fingerprint: CertificateFingerprint
    /// The pin of its public key.
    package let pin: KeyPin

    /// Reads DER; refuses trailing bytes and more than `maximumBytes`.
    package init(der: some Sequence<UInt8>) throws(TrustError) {
        let der = Array(der.prefix(Self.maximumBytes + 1))
        guard der.count <= Self.maximumBytes else {
            throw TrustError("the certificate is larger than \(Self.maximumBytes) bytes")
        }
        do {
            self.certificate = try Certificate(derEncoded: der)
            self.pin = try KeyPin(certificate.publicKey)
        } catch {
            throw TrustError("the certificate is damaged: its encoding cannot be read")
        }
        self.der = der
        self.fingerprint = CertificateFingerprint(certificateDER: der)
    }

    /// Reads one PEM document.
    package init(pem: String) throws(TrustError) {
        let document: PEMDocument
        do {
            document = try PEMDocument(pemString: pem)
        } catch {
            throw TrustError("the certificate is damaged: it is not a PEM document")
        }
        guard document.discriminator == "CERTIFICATE" else {
            throw TrustError("the PEM document holds a \(document.discriminator) and not a certificate")
        }
        try self.init(der: document.derBytes)
    }

    init(_ certificate: Certificate) throws {
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        self.der = serializer.serializedBytes
        self.certificate = certificate
        self.pin = try KeyPin(certificate.publicKey)
        self.fingerprint = CertificateFingerprint(certificateDER: serializer.serializedBytes)
    }

    /// The first instant of its validity.
    package var notBefore: Date { certificate.notValidBefore }
    /// The last instant of its validity.
    package var notAfter: Date { certificate.notValidAfter }
    /// The certificate as a PEM document.
    package var pem: String { PEMDocument(type: "CERTIFICATE", derBytes: der).pemString }
}

extension KeyPin {
    /// The pin of the key inside a certificate; nil when the certificate cannot be read.
    package init?(certificateDER: some Sequence<UInt8>) {
        guard let certificate = try? IssuedCertificate(der: certificateDER) else { return nil }
        self = certificate.pin
    }

    init(_ publicKey: Certificate.PublicKey) throws {
        var serializer = DER.Serializer()
        try serializer.serialize(publicKey)
        self.init(subjectPublicKeyInfoDER: serializer.serializedBytes)
    }
}
