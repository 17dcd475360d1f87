internal import Crypto
internal import NIOSSL

/// A certificate chain, leaf first, and the leaf's private key: what one end of a tunnel shows of itself.
package struct TunnelIdentity: Hashable, Sendable {
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey

    /// Takes certificates in DER, leaf first, and a private key in DER (PKCS #8 or SEC 1).
    package init(chainDER: [[UInt8]], privateKeyDER: [UInt8]) throws(TunnelError) {
        do {
            self.chain = try chainDER.map { try NIOSSLCertificate(bytes: $0, format: .der) }
            self.key = try NIOSSLPrivateKey(bytes: privateKeyDER, format: .der)
        } catch {
            throw TunnelError(.badIdentity, "The certificate or its private key cannot be read: \(error).")
        }
        try check()
    }

    /// Takes certificates in PEM, leaf first, and a private key in PEM.
    package init(chainPEM: String, privateKeyPEM: String) throws(TunnelError) {
        do {
            self.chain = try NIOSSLCertificate.fromPEMBytes(Array(chainPEM.utf8))
            self.key = try NIOSSLPrivateKey(bytes: Array(privateKeyPEM.utf8), format: .pem)
        } catch {
            throw TunnelError(.badIdentity, "The certificate or its private key cannot be read: \(error).")
        }
        try check()
    }

    private func check() throws(TunnelError) {
        guard !chain.isEmpty else { throw TunnelError(.badIdentity, "A certificate chain must not be empty.") }
    }
}

/// The certificate that a peer proved to own, as the handshake left it.
package struct PeerCertificate: Hashable, Sendable {
    /// The certificate in DER.
    package let der: [UInt8]
    /// SHA-256 of the DER, 32 bytes.
    package let fingerprint: [UInt8]
    /// SHA-256 of the SubjectPublicKeyInfo in DER (the pin), 32 bytes.
    package let keyPin: [UInt8]

    /// Takes the certificate and its SubjectPublicKeyInfo, both in DER.
    package init(der: [UInt8], publicKeyInfoDER: [UInt8]) {
        self.der = der
        self.fingerprint = Array(SHA256.hash(data: der))
        self.keyPin = Array(SHA256.hash(data: publicKeyInfoDER))
    }

    init(_ certificate: NIOSSLCertificate) throws {
        self.init(
            der: try certificate.toDERBytes(),
            publicKeyInfoDER: try certificate.extractPublicKey().toSPKIBytes()
        )
    }
}
