internal import CNgtcp2
internal import NIOCore
internal import Tunnel

/// How a connection ends, and what the peer is told.
extension QUICConnection {
    /// Tells the peer why, and ends at once.
    func shut(_ reason: CarrierEnd) {
        guard !isCalling else {
            loop.assumeIsolated().execute { self.shut(reason) }
            return
        }
        switch reason {
        case .closed: close(reason, .noError)
        case .revoked: close(reason, .revoked)
        case .failed: close(reason, .internalError)
        case .silent: end(reason, leaving: nil)
        }
    }

    /// Ends with a code of the application, and with words if there are any.
    func close(_ reason: CarrierEnd, _ code: ResetCode, reason words: String = "") {
        var error = ngtcp2_connection_close_error()
        let text = Array(words.utf8.prefix(QUICLimits.closeReason))
        text.withUnsafeBufferPointer {
            ngtcp2_connection_close_error_set_application_error(
                &error, UInt64(code.rawValue), UnsafeMutablePointer(mutating: $0.baseAddress), $0.count)
            let packet = closePacket(&error)
            end(reason, leaving: packet)
        }
    }

    /// Ends because of an error of ngtcp2's, its own or the peer's.
    func fail(_ code: Int32) {
        guard let handle else { return }
        var error = ngtcp2_connection_close_error()
        if code == NGTCP2_ERR_CRYPTO {
            ngtcp2_connection_close_error_set_transport_error_tls_alert(
                &error, ngtcp2_conn_get_tls_alert(handle), nil, 0)
        } else {
            ngtcp2_connection_close_error_set_transport_error_liberr(&error, code, nil, 0)
        }
        let silent = code == NGTCP2_ERR_HANDSHAKE_TIMEOUT || code == NGTCP2_ERR_IDLE_CLOSE
        end(.failed("The connection failed: \(TLSFault.quic(code))."), leaving: silent ? nil : closePacket(&error))
    }

    private func closePacket(_ error: inout ngtcp2_connection_close_error) -> ByteBuffer? {
        guard let handle, let endpoint else { return nil }
        endpoint.flush()
        var info = ngtcp2_pkt_info()
        var packet = ByteBuffer()
        packet.reserveCapacity(1_280)
        let written = packet.writeWithUnsafeMutableBytes(minimumWritableBytes: 1_200) { target in
            max(
                Int(
                    ngtcp2_conn_write_connection_close_versioned(
                        handle, &output.pointee.path, 1, &info, target.bindMemory(to: UInt8.self).baseAddress,
                        target.count, &error, Self.now)), 0)
        }
        guard written > 0, let way = currentWay(endpoint) else { return nil }
        way.outlet.write(packet, segment: written, to: way.remote)
        way.outlet.flush()
        return packet
    }

    func endOfPeer(_ handle: OpaquePointer) -> CarrierEnd {
        guard !peerForgot else { return .failed("The peer has lost its state of this connection.") }
        var error = ngtcp2_connection_close_error()
        ngtcp2_conn_get_connection_close_error(handle, &error)
        let words = error.reason.map {
            String(decoding: UnsafeBufferPointer(start: $0, count: error.reasonlen), as: UTF8.self)
        }
        guard error.type == NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION else {
            return error.error_code == 0
                ? .closed : .failed("The peer ended the connection with the transport's error \(error.error_code).")
        }
        switch error.error_code {
        case UInt64(ResetCode.noError.rawValue): return .closed
        case UInt64(ResetCode.revoked.rawValue): return .revoked
        case UInt64(ResetCode.refused.rawValue):
            let sentence = words ?? "The gateway does not let this client in."
            if !isServer { refusal = (sentence, .refused) }
            return .failed(sentence)
        default: return .failed("The peer ended the connection with the code \(error.error_code).")
        }
    }

    func end(_ reason: CarrierEnd, leaving packet: ByteBuffer?) {
        guard let handle, !isCalling else { return }
        timer?.cancel()
        paceTimer?.cancel()
        let linger = ngtcp2_conn_get_pto(handle) &* 3
        let way = way
        self.handle = nil
        ngtcp2_conn_del(handle)
        tls = nil
        link?.ends(reason)
        link?.attach(nil)
        let why = link?.end.value ?? reason
        for stream in streams.values { stream.exchange?.fail(why) }
        while let exchange = waiting.popFirst() { exchange.fail(why) }
        (streams, byExchange, touched, held) = ([:], [:], [], [])
        endpoint?.ended(self, packet: packet, to: way?.remote, for: .nanoseconds(Int64(clamping: linger)))
        if let refusal {
            report(.failure(TunnelError(refusal.code, refusal.sentence)))
        } else if case .silent = reason {
            report(.failure(TunnelError(.unreachable, "Nobody answers.")))
        } else {
            report(.failure(TunnelError(.handshakeFailed, "The connection ended before it stood (\(reason)).")))
        }
    }
}

/// Bounds of the protocol itself.
enum QUICLimits {
    /// How long a peer may be quiet that sends us media before it is asked.
    static let mediaKeepalive = TimeAmount.milliseconds(400)
    /// The longest sentence in a close, in bytes; it has to fit into one packet.
    static let closeReason = 900
}
