/// A certificate chain, leaf first, and the leaf's private key: what one end of a tunnel shows of itself.
///
/// Bytes only: each carrier gives them to its own TLS library, and reports there what cannot be read.
package struct TunnelIdentity: Hashable, Sendable, CustomStringConvertible {
    /// The certificates in DER, leaf first; at least one.
    package let chainDER: [[UInt8]]
    /// The private key of the leaf in DER (PKCS #8 or SEC 1).
    package let privateKeyDER: [UInt8]

    /// Takes certificates in DER, leaf first, and a private key in DER (PKCS #8 or SEC 1).
    package init(chainDER: [[UInt8]], privateKeyDER: [UInt8]) throws(TunnelError) {
        guard let leaf = chainDER.first, !leaf.isEmpty else {
            throw TunnelError(.badIdentity, "A certificate chain must not be empty.")
        }
        guard !privateKeyDER.isEmpty else { throw TunnelError(.badIdentity, "A private key must not be empty.") }
        self.chainDER = chainDER
        self.privateKeyDER = privateKeyDER
    }

    /// Says how much there is, and nothing of the key.
    package var description: String { "a chain of \(chainDER.count) certificates and its key" }
}

/// The certificate that a peer proved to own, as the handshake left it.
package struct PeerCertificate: Hashable, Sendable {
    /// The certificate in DER.
    package let der: [UInt8]
    /// SHA-256 of the DER, 32 bytes.
    package let fingerprint: [UInt8]
    /// SHA-256 of the SubjectPublicKeyInfo in DER (the pin), 32 bytes.
    package let keyPin: [UInt8]

    /// Takes the certificate in DER, and the hashes that whoever read it has made of it.
    package init(der: [UInt8], fingerprint: [UInt8], keyPin: [UInt8]) {
        self.der = der
        self.fingerprint = fingerprint
        self.keyPin = keyPin
    }

    /// A check that accepts a certificate whose key has one of `pins` (SHA-256 of the SubjectPublicKeyInfo, 32 bytes).
    package static func pinned(_ pins: [[UInt8]]) -> @Sendable (PeerCertificate) -> String? {
        { certificate in
            pins.contains(certificate.keyPin)
                ? nil : "The server's key is not the one that was pinned when this device was paired."
        }
    }
}
