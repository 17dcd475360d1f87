internal import CNgtcp2
internal import NIOCore
internal import Tunnel

/// How a connection is made, and what ngtcp2 calls.
extension QUICConnection {
    /// RFC 9000.
    static let version: UInt32 = 1

    /// The dialer's end.
    static func client(
        _ setup: Setup, endpoint: QUICEndpoint, credentials: TLSCredentials, purpose: ConnectionPurpose
    ) throws(TunnelError) -> QUICConnection {
        let connection = QUICConnection(isServer: false, setup: setup, endpoint: endpoint)
        var (destination, source) = (ConnectionID.random(), ConnectionID.random())
        var (settings, parameters, callbacks) = (connection.settings(), connection.parameters(), callbacks())
        var handle: OpaquePointer?
        let result = withPath(local: setup.local, remote: setup.remote) { path in
            ngtcp2_conn_client_new_versioned(
                &handle, &destination, &source, path, version, 1, &callbacks, 1, &settings, 1, &parameters, nil,
                connection.pointer)
        }
        guard result == 0, let handle else {
            throw TunnelError(.unsupported, "A connection cannot be made: \(TLSFault.quic(result)).")
        }
        let tls: TLSSession
        do {
            tls = try TLSSession(
                isServer: false, credentials: credentials, protocols: [purpose.quicProtocol],
                connection: connection.pointer)
        } catch {
            ngtcp2_conn_del(handle)
            throw error
        }
        connection.begin(handle, tls, ids: [source])
        return connection
    }

    /// What a client's first packet says, and what its token has proven.
    struct Arrival {
        var header: ngtcp2_pkt_hd
        /// The connection ID that the client chose before the Retry, if its token comes from one.
        var originalID: ngtcp2_cid?
    }

    /// The listener's end.
    static func server(
        _ setup: Setup, endpoint: QUICEndpoint, credentials: TLSCredentials, arrival: Arrival, resetSecret: [UInt8]
    ) throws(TunnelError) -> QUICConnection {
        let connection = QUICConnection(isServer: true, setup: setup, endpoint: endpoint)
        var source = ConnectionID.random()
        var (settings, parameters, callbacks) = (connection.settings(), connection.parameters(), callbacks())
        parameters.original_dcid = arrival.originalID ?? arrival.header.dcid
        if arrival.originalID != nil {
            parameters.retry_scid_present = 1
            parameters.retry_scid = arrival.header.dcid
            settings.token = arrival.header.token
        }
        parameters.stateless_reset_token_present = 1
        _ = withUnsafeMutableBytes(of: &parameters.stateless_reset_token) { token in
            ngtcp2_crypto_generate_stateless_reset_token(
                token.bindMemory(to: UInt8.self).baseAddress, resetSecret, resetSecret.count, &source)
        }
        var handle: OpaquePointer?
        var client = arrival.header.scid
        let result = withPath(local: setup.local, remote: setup.remote) { path in
            ngtcp2_conn_server_new_versioned(
                &handle, &client, &source, path, arrival.header.version, 1, &callbacks, 1, &settings, 1, &parameters,
                nil, connection.pointer)
        }
        guard result == 0, let handle else {
            throw TunnelError(.unsupported, "A connection cannot be made: \(TLSFault.quic(result)).")
        }
        let tls: TLSSession
        do {
            tls = try TLSSession(
                isServer: true, credentials: credentials,
                protocols: [ConnectionPurpose.session, .pairing].map(\.quicProtocol), connection: connection.pointer)
        } catch {
            ngtcp2_conn_del(handle)
            throw error
        }
        // The first ID is the client's invention; it goes on with it until it has heard ours.
        connection.begin(handle, tls, ids: [source, arrival.header.dcid])
        return connection
    }

    private var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    private func settings() -> ngtcp2_settings {
        var settings = ngtcp2_settings()
        ngtcp2_settings_default_versioned(1, &settings)
        settings.initial_ts = Self.now
        settings.cc_algo = NGTCP2_CC_ALGO_CUBIC
        settings.handshake_timeout = UInt64(max(setup.handshakeTimeout.nanoseconds, 1))
        settings.max_tx_udp_payload_size = setup.maximumDatagramSize ?? setup.settings.maximumDatagramSize
        settings.no_pmtud = setup.maximumDatagramSize == nil ? 0 : 1
        if setup.maximumDatagramSize != nil { settings.no_tx_udp_payload_size_shaping = 1 }
        return settings
    }

    private func parameters() -> ngtcp2_transport_params {
        let settings = setup.settings
        var parameters = ngtcp2_transport_params()
        ngtcp2_transport_params_default_versioned(1, &parameters)
        parameters.initial_max_data = UInt64(settings.connectionWindow)
        parameters.initial_max_stream_data_bidi_local = UInt64(settings.controlWindow)
        parameters.initial_max_stream_data_bidi_remote = UInt64(settings.controlWindow)
        parameters.initial_max_stream_data_uni = 0
        parameters.initial_max_streams_bidi = UInt64(settings.streams)
        parameters.initial_max_streams_uni = 0
        parameters.max_idle_timeout = UInt64(max(TimeAmount(setup.keepalive.patience).nanoseconds, 1))
        // To change the path and still have one to spare.
        parameters.active_connection_id_limit = 4
        return parameters
    }

    private static func callbacks() -> ngtcp2_callbacks {
        var callbacks = ngtcp2_callbacks()
        callbacks.client_initial = ngtcp2_crypto_client_initial_cb
        callbacks.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb
        callbacks.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb
        callbacks.encrypt = ngtcp2_crypto_encrypt_cb
        callbacks.decrypt = ngtcp2_crypto_decrypt_cb
        callbacks.hp_mask = ngtcp2_crypto_hp_mask_cb
        callbacks.recv_retry = ngtcp2_crypto_recv_retry_cb
        callbacks.update_key = ngtcp2_crypto_update_key_cb
        callbacks.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb
        callbacks.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb
        callbacks.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb
        callbacks.version_negotiation = ngtcp2_crypto_version_negotiation_cb
        callbacks.rand = { target, count, _ in
            Randomness.fill(UnsafeMutableRawBufferPointer(start: target, count: count))
        }
        setConnectionCallbacks(&callbacks)
        setStreamCallbacks(&callbacks)
        return callbacks
    }

    private static func setConnectionCallbacks(_ callbacks: inout ngtcp2_callbacks) {
        callbacks.handshake_completed = { _, user in
            QUICConnection.of(user)?.handshakeCompleted()
            return 0
        }
        callbacks.handshake_confirmed = { _, user in
            QUICConnection.of(user)?.handshakeConfirmed()
            return 0
        }
        callbacks.recv_stateless_reset = { _, _, user in
            QUICConnection.of(user)?.peerHasForgotten()
            return 0
        }
        callbacks.get_new_connection_id = { _, id, token, length, user in
            guard let id, let token, let connection = QUICConnection.of(user),
                let secret = connection.endpoint?.resetSecret
            else { return NGTCP2_ERR_CALLBACK_FAILURE }
            id.pointee = ConnectionID.random(length: length)
            guard ngtcp2_crypto_generate_stateless_reset_token(token, secret, secret.count, id) == 0 else {
                return NGTCP2_ERR_CALLBACK_FAILURE
            }
            connection.know(ConnectionID(id.pointee))
            return 0
        }
        callbacks.remove_connection_id = { _, id, user in
            if let id { QUICConnection.of(user)?.forget(ConnectionID(id.pointee)) }
            return 0
        }
        callbacks.extend_max_local_streams_bidi = { _, _, user in
            QUICConnection.of(user)?.mayOpen = true
            return 0
        }
    }

    private static func setStreamCallbacks(_ callbacks: inout ngtcp2_callbacks) {
        callbacks.stream_open = { _, id, user in
            QUICConnection.of(user)?.streamOpened(id)
            return 0
        }
        callbacks.recv_stream_data = { _, flags, id, _, data, count, user, _ in
            QUICConnection.of(user)?.received(
                id, UnsafeRawBufferPointer(start: data, count: count),
                end: flags & UInt32(NGTCP2_STREAM_DATA_FLAG_FIN) != 0)
            return 0
        }
        callbacks.acked_stream_data_offset = { _, id, offset, count, user, _ in
            QUICConnection.of(user)?.acknowledged(id, to: offset + count)
            return 0
        }
        callbacks.stream_reset = { _, id, _, code, user, _ in
            QUICConnection.of(user)?.streamReset(id, code)
            return 0
        }
        callbacks.stream_stop_sending = { _, id, code, user, _ in
            QUICConnection.of(user)?.stopSending(id, code)
            return 0
        }
        callbacks.stream_close = { _, flags, id, code, user, _ in
            let isSet = flags & UInt32(NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET) != 0
            QUICConnection.of(user)?.streamClosed(id, code: isSet ? code : nil)
            return 0
        }
        callbacks.extend_max_stream_data = { _, id, _, user, _ in
            QUICConnection.of(user)?.unblocked(id)
            return 0
        }
    }
}
