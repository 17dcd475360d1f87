internal import Crypto
internal import NIOSSL
package import Tunnel

extension TunnelIdentity {
    /// Takes certificates in PEM, leaf first, and a private key in PEM.
    package init(chainPEM: String, privateKeyPEM: String) throws(TunnelError) {
        let chain: [[UInt8]]
        let key: [UInt8]
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(Array(chainPEM.utf8)).map { try $0.toDERBytes() }
            key = try NIOSSLPrivateKey(bytes: Array(privateKeyPEM.utf8), format: .pem).derBytes
        } catch {
            throw TunnelError(.badIdentity, "The certificate or its private key cannot be read: \(error).")
        }
        try self.init(chainDER: chain, privateKeyDER: key)
    }

    /// The certificates as NIOSSL wants them.
    func sources() throws(TunnelError) -> [NIOSSLCertificateSource] {
        do {
            return try chainDER.map { .certificate(try NIOSSLCertificate(bytes: $0, format: .der)) }
        } catch {
            throw TunnelError(.badIdentity, "The certificate cannot be read: \(error).")
        }
    }

    /// The private key as NIOSSL wants it.
    func keySource() throws(TunnelError) -> NIOSSLPrivateKeySource {
        do {
            return .privateKey(try NIOSSLPrivateKey(bytes: privateKeyDER, format: .der))
        } catch {
            throw TunnelError(.badIdentity, "The private key cannot be read: \(error).")
        }
    }
}

extension PeerCertificate {
    /// Takes the certificate and its SubjectPublicKeyInfo, both in DER.
    package init(der: [UInt8], publicKeyInfoDER: [UInt8]) {
        self.init(
            der: der, fingerprint: Array(SHA256.hash(data: der)), keyPin: Array(SHA256.hash(data: publicKeyInfoDER)))
    }

    init(_ certificate: NIOSSLCertificate) throws {
        self.init(
            der: try certificate.toDERBytes(),
            publicKeyInfoDER: try certificate.extractPublicKey().toSPKIBytes()
        )
    }
}
