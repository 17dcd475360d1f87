import Crypto

/// The SHA-256 of a certificate's DER, by which a credential is known.
package struct CertificateFingerprint: Hashable, Sendable {
    /// 32 bytes.
    package let bytes: [UInt8]

    /// Takes a digest that was stored; nil unless it is 32 bytes long.
    package init?(bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == SHA256.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Digests a certificate's DER.
    package init(certificateDER: some Sequence<UInt8>) {
        self.bytes = Array(SHA256.hash(data: Array(certificateDER)))
    }

    /// Parses 64 hexadecimal digits.
    package init?(hex: some StringProtocol) {
        guard let bytes = Hexadecimal.decode(hex) else { return nil }
        self.init(bytes: bytes)
    }
}

extension CertificateFingerprint: CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    package var description: String { Hexadecimal.encode(bytes) }
}

/// The SHA-256 of a public key's SubjectPublicKeyInfo DER (RFC 7469 §2.4): what a client knows of its gateway.
///
/// It names the gateway's own server key and not its authority, so that no certificate that the authority
/// issues to a client can stand in for the gateway's.
package struct KeyPin: Hashable, Sendable {
    /// 32 bytes.
    package let bytes: [UInt8]

    /// Takes a digest that was stored or received; nil unless it is 32 bytes long.
    package init?(bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == SHA256.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Digests a SubjectPublicKeyInfo.
    package init(subjectPublicKeyInfoDER: some Sequence<UInt8>) {
        self.bytes = Array(SHA256.hash(data: Array(subjectPublicKeyInfoDER)))
    }

    /// Parses the text that `description` writes.
    package init?(base64URL text: some StringProtocol) {
        guard text.utf8.count == 43, let bytes = Base64URL.decode(String(text)) else { return nil }
        self.init(bytes: bytes)
    }
}

extension KeyPin: CustomStringConvertible {
    /// 43 characters of URL-safe base 64 without padding.
    package var description: String { Base64URL.encode(bytes) }
}
