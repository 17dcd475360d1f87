import Crypto
import FoundationEssentials
import NIOTunnel
import SwiftASN1
import Tunnel
import X509

/// Certificates for one test: a made-up authority, a server and clients.
struct TestCertificates {
    let authorityKey = P256.Signing.PrivateKey()

    enum Use {
        case server
        case client
    }

    struct Made {
        let identity: TunnelIdentity
        let der: [UInt8]
        let pem: String
        let keyPEM: String

        var fingerprint: [UInt8] { Array(SHA256.hash(data: der)) }
    }

    func make(_ name: String, _ use: Use, key: P256.Signing.PrivateKey = .init()) throws -> Made {
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

    static func pin(_ key: P256.Signing.PrivateKey) -> [UInt8] {
        Array(SHA256.hash(data: key.publicKey.derRepresentation))
    }
}
