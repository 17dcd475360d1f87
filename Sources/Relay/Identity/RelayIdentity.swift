internal import Crypto
package import FoundationEssentials
internal import NIOCore
internal import NIOSSL
internal import RelayProtocol
internal import SwiftASN1
internal import X509

/// A relay's certificate and key. Only gateways that register see them; clients speak to their gateway alone.
package struct RelayIdentity: Sendable {
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    /// The SHA-256 of the certificate's SubjectPublicKeyInfo, 32 bytes: what a gateway may pin.
    package let pin: [UInt8]

    /// Takes certificates in PEM, leaf first, and a private key in PEM.
    package init(certificatePEM: String, keyPEM: String) throws(RelayError) {
        do {
            self.chain = try NIOSSLCertificate.fromPEMBytes(Array(certificatePEM.utf8))
            self.key = try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)
            guard let leaf = chain.first else { throw RelayError("the file of the certificate holds none") }
            self.pin = Self.digest(try leaf.extractPublicKey().toSPKIBytes())
        } catch {
            throw error as? RelayError ?? RelayError("the certificate or its key cannot be read: \(error)")
        }
    }

    /// Makes a certificate that is its own issuer, in PEM, and its key. What gateways pin is the key; the certificate is
    /// good for thirty years because nobody looks at its dates.
    package static func makePEM(name: String, now: Date) throws(RelayError) -> (certificate: String, key: String) {
        do {
            let key = P256.Signing.PrivateKey()
            let subject = try DistinguishedName {
                CommonName(String(name.prefix(64)))
                OrganizationName("Latchkey")
            }
            let certificate = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: now - 86_400,
                notValidAfter: now + 30 * 365 * 86_400, issuer: subject, subject: subject,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth])
                }, issuerPrivateKey: .init(key))
            return (try certificate.serializeAsPEM().pemString, key.pemRepresentation)
        } catch {
            throw RelayError("a certificate could not be made: \(error)")
        }
    }

    /// SHA-256.
    static func digest(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

    /// The TLS of registrations: 1.3 only, because its signatures say which end they were made for, so that what a
    /// gateway signs here as a client stands in for it nowhere as a server (RFC 8446 §4.4.3).
    func registrationContext() throws(RelayError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv13
        configuration.curves = [.x25519_MLKEM768, .x25519, .secp256r1]
        // A certificate must come; its key is the name, and no authority has a say.
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        configuration.applicationProtocols = [RelayPurpose.register.rawValue]
        configuration.shutdownTimeout = .seconds(1)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw RelayError("the certificate and its key do not go together: \(error)")
        }
    }
}

/// What keeps a relay from its work, in a sentence for whoever runs it.
package struct RelayError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What happened and what to do.
    package let message: String

    /// Makes an error of its sentence.
    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
