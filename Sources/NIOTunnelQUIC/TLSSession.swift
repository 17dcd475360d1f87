internal import CNgtcp2
internal import Tunnel

/// The TLS 1.3 of one connection: mutual certificates whose owners are ours to judge, no tickets, no early data.
final class TLSSession {
    /// Makes the session of one connection find it again.
    let pointer: OpaquePointer
    private let reference: UnsafeMutablePointer<ngtcp2_crypto_conn_ref>
    private let credentials: TLSCredentials

    /// AES before ChaCha20: GnuTLS is several times faster at it.
    private static let priorities = """
        NONE:+VERS-TLS1.3:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AEAD:+SHA256:+SHA384:+ECDHE-ECDSA:+ECDHE-RSA:\
        +GROUP-X25519:+GROUP-SECP256R1:+SIGN-ALL:+CTYPE-ALL:+COMP-NULL:%DISABLE_TLS13_COMPAT_MODE
        """

    /// - Parameter connection: Its `QUICConnection`, which outlives the session.
    init(
        isServer: Bool, credentials: TLSCredentials, protocols: [String], connection: UnsafeMutableRawPointer
    ) throws(TunnelError) {
        var made: gnutls_session_t?
        let role = isServer ? Flags.server : Flags.client | Flags.alwaysShowCertificate
        let result = gnutls_init(&made, role | Flags.noTickets)
        guard result == 0, let made else { throw TunnelError(.badIdentity, TLSFault.sentence(result)) }
        pointer = made
        self.credentials = credentials
        reference = .allocate(capacity: 1)
        reference.initialize(
            to: ngtcp2_crypto_conn_ref(
                get_conn: { reference in reference.flatMap { QUICConnection.of($0.pointee.user_data)?.handle } },
                user_data: connection))
        gnutls_session_set_ptr(pointer, reference)
        let configured =
            isServer
            ? ngtcp2_crypto_gnutls_configure_server_session(pointer)
            : ngtcp2_crypto_gnutls_configure_client_session(pointer)
        guard configured == 0, gnutls_priority_set_direct(pointer, Self.priorities, nil) == 0,
            gnutls_credentials_set(pointer, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials.pointer)) == 0
        else { throw TunnelError(.badIdentity, "GnuTLS does not take what this connection needs.") }
        offer(protocols)
        if isServer {
            // Asked for and not demanded: who pairs has none. Who may come in is decided when the handshake is complete.
            gnutls_certificate_server_set_request(pointer, GNUTLS_CERT_REQUEST)
        } else {
            gnutls_session_set_verify_function(pointer) { session in
                guard let session, let reference = gnutls_session_get_ptr(session) else { return Int32(-1) }
                let pointee = reference.assumingMemoryBound(to: ngtcp2_crypto_conn_ref.self).pointee
                return QUICConnection.of(pointee.user_data)?.acceptsServer() == true ? 0 : -1
            }
        }
    }

    deinit {
        gnutls_deinit(pointer)
        reference.deallocate()
    }

    /// Application protocols; the peer must have one of them.
    private func offer(_ protocols: [String]) {
        let text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: protocols.reduce(0) { $0 + $1.utf8.count })
        defer { text.deallocate() }
        var list: [gnutls_datum_t] = []
        var used = 0
        for name in protocols {
            let (_, end) = text[used...].update(from: name.utf8)
            list.append(gnutls_datum_t(data: text.baseAddress.map { $0 + used }, size: UInt32(end - used)))
            used = end
        }
        // Copied by GnuTLS.
        _ = gnutls_alpn_set_protocols(pointer, list, UInt32(list.count), Flags.alpnMandatory)
    }

    /// What both ends have agreed on.
    var negotiatedProtocol: String? {
        var chosen = gnutls_datum_t()
        guard gnutls_alpn_get_selected_protocol(pointer, &chosen) == 0, let data = chosen.data else { return nil }
        return String(decoding: UnsafeBufferPointer(start: data, count: Int(chosen.size)), as: UTF8.self)
    }

    /// What the peer has shown; its possession of the key is proven once the handshake is complete.
    var peerCertificate: PeerCertificate? {
        var count: UInt32 = 0
        guard let list = gnutls_certificate_get_peers(pointer, &count), count > 0, let data = list[0].data else {
            return nil
        }
        return PeerCertificate(der: Array(UnsafeBufferPointer(start: data, count: Int(list[0].size))))
    }

    /// Of `gnutls_init_flags_t`: the header has them twice, as cases and as macros, and Swift takes neither.
    private enum Flags {
        static let server: UInt32 = 1
        static let client: UInt32 = 1 << 1
        static let alwaysShowCertificate: UInt32 = 1 << 9
        static let noTickets: UInt32 = 1 << 10
        static let alpnMandatory: UInt32 = 1
    }
}
