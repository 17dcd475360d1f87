package import Crypto
internal import FoundationEssentials
internal import SwiftASN1
package import Tunnel
internal import X509

/// Certificates for one test: a made-up authority, a server and clients.
package struct TestCertificates: Sendable {
    private let authorityKey = P256.Signing.PrivateKey()

    /// What a certificate is for.
    package enum Use: Sendable {
        case server
        case client
    }

    /// A certificate with its key.
    package struct Made: Sendable {
        package let identity: TunnelIdentity
        package let der: [UInt8]
        package let pem: String
        package let keyPEM: String

        package var fingerprint: [UInt8] { Array(SHA256.hash(data: der)) }
    }

    /// Makes the authority.
    package init() {}

    /// A certificate for an hour.
    package func make(_ name: String, _ use: Use, key: P256.Signing.PrivateKey = .init()) throws -> Made {
        let authority = try DistinguishedName { CommonName("authority") }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: Date() - 60, notValidAfter: Date() + 3_600, issuer: authority,
            subject: DistinguishedName { CommonName(name) }, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                try ExtendedKeyUsage([use == .server ? .serverAuth : .clientAuth])
            },
            issuerPrivateKey: .init(authorityKey)
        )
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        let der = serializer.serializedBytes
        let keyDER = Array(key.derRepresentation)
        return Made(
            identity: try TunnelIdentity(chainDER: [der], privateKeyDER: keyDER), der: der,
            pem: try certificate.serializeAsPEM().pemString, keyPEM: key.pemRepresentation
        )
    }

    /// SHA-256 of a key's SubjectPublicKeyInfo.
    package static func pin(_ key: P256.Signing.PrivateKey) -> [UInt8] {
        Array(SHA256.hash(data: key.publicKey.derRepresentation))
    }
}
