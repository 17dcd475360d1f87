package import Crypto
import SwiftASN1
import X509

/// A PKCS #10 certificate request (RFC 2986): how a client hands its public key to the gateway.
package enum CertificateRequest {
    /// The largest request that is read, in bytes.
    package static let maximumBytes = 4096

    /// Makes the request of a client's key. Its name is a formality: the gateway uses only the key.
    package static func make(key: IdentityKey) throws(TrustError) -> [UInt8] {
        do {
            let request = try CertificateSigningRequest(
                version: .v1,
                subject: DistinguishedName { CommonName("latchkey client") },
                privateKey: key.certificateKey,
                attributes: .init()
            )
            var serializer = DER.Serializer()
            try serializer.serialize(request)
            return serializer.serializedBytes
        } catch {
            throw TrustError("the certificate request could not be made: \(error)")
        }
    }

    /// The request's key, after the request's own signature has shown that the sender holds the private half.
    package static func verifiedKey(der: some Sequence<UInt8>) throws(TrustError) -> P256.Signing.PublicKey {
        let der = Array(der.prefix(maximumBytes + 1))
        guard der.count <= maximumBytes else {
            throw TrustError("the certificate request is larger than \(maximumBytes) bytes")
        }
        let request: CertificateSigningRequest
        do {
            request = try CertificateSigningRequest(derEncoded: der)
        } catch {
            throw TrustError("the certificate request is damaged: its encoding cannot be read")
        }
        guard let key = P256.Signing.PublicKey(request.publicKey) else {
            throw TrustError("the certificate request is not for a P-256 key")
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw TrustError("the certificate request is not signed by its own key")
        }
        return key
    }
}
