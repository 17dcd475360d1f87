internal import CNgtcp2
internal import Crypto
internal import Tunnel

/// A certificate chain and its key, as GnuTLS keeps them.
// Set up in its initialiser and only read from then on, which GnuTLS allows from any thread.
final class TLSCredentials: @unchecked Sendable {
    let pointer: OpaquePointer

    /// - Parameter identity: Nil for a client that shows nothing.
    init(_ identity: TunnelIdentity?) throws(TunnelError) {
        var made: gnutls_certificate_credentials_t?
        guard gnutls_certificate_allocate_credentials(&made) == 0, let made else {
            throw TunnelError(.badIdentity, "GnuTLS has no memory for a certificate.")
        }
        pointer = made
        if let identity { try show(identity) }
    }

    deinit {
        gnutls_certificate_free_credentials(pointer)
    }

    private func show(_ identity: TunnelIdentity) throws(TunnelError) {
        var chain: [gnutls_x509_crt_t?] = []
        var key: gnutls_x509_privkey_t?
        defer {
            for certificate in chain { gnutls_x509_crt_deinit(certificate) }
            gnutls_x509_privkey_deinit(key)
        }
        for der in identity.chainDER {
            var certificate: gnutls_x509_crt_t?
            guard gnutls_x509_crt_init(&certificate) == 0 else { break }
            chain.append(certificate)
            let result = Self.withDatum(der) { gnutls_x509_crt_import(certificate, $0, GNUTLS_X509_FMT_DER) }
            guard result == 0 else {
                throw TunnelError(.badIdentity, "The certificate cannot be read: \(TLSFault.sentence(result)).")
            }
        }
        guard gnutls_x509_privkey_init(&key) == 0 else {
            throw TunnelError(.badIdentity, "There is no memory for a key.")
        }
        var result = Self.withDatum(identity.privateKeyDER) { gnutls_x509_privkey_import(key, $0, GNUTLS_X509_FMT_DER) }
        if result != 0 {
            result = Self.withDatum(identity.privateKeyDER) {
                gnutls_x509_privkey_import_pkcs8(key, $0, GNUTLS_X509_FMT_DER, nil, GNUTLS_PKCS_PLAIN.rawValue)
            }
        }
        guard result == 0 else {
            throw TunnelError(.badIdentity, "The private key cannot be read: \(TLSFault.sentence(result)).")
        }
        result = gnutls_certificate_set_x509_key(pointer, &chain, Int32(chain.count), key)
        guard result >= 0 else {
            throw TunnelError(.badIdentity, "The certificate and its key do not fit: \(TLSFault.sentence(result)).")
        }
    }

    static func withDatum<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<gnutls_datum_t>) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { buffer in
            var datum = gnutls_datum_t(
                data: UnsafeMutablePointer(mutating: buffer.baseAddress), size: UInt32(buffer.count))
            return body(&datum)
        }
    }
}

/// GnuTLS's and ngtcp2's errors in words.
enum TLSFault {
    static func sentence(_ code: Int32) -> String {
        gnutls_strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }

    static func quic(_ code: Int32) -> String {
        ngtcp2_strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}

extension PeerCertificate {
    /// Reads a certificate in DER; nil if GnuTLS cannot.
    init?(der: [UInt8]) {
        var certificate: gnutls_x509_crt_t?
        var key: gnutls_pubkey_t?
        guard gnutls_x509_crt_init(&certificate) == 0 else { return nil }
        defer { gnutls_x509_crt_deinit(certificate) }
        guard gnutls_pubkey_init(&key) == 0 else { return nil }
        defer { gnutls_pubkey_deinit(key) }
        guard TLSCredentials.withDatum(der, { gnutls_x509_crt_import(certificate, $0, GNUTLS_X509_FMT_DER) }) == 0,
            gnutls_pubkey_import_x509(key, certificate, 0) == 0
        else { return nil }
        var size = 4_096
        var info = [UInt8](repeating: 0, count: size)
        guard gnutls_pubkey_export(key, GNUTLS_X509_FMT_DER, &info, &size) == 0 else { return nil }
        self.init(
            der: der, fingerprint: Array(SHA256.hash(data: der)), keyPin: Array(SHA256.hash(data: info.prefix(size))))
    }
}
