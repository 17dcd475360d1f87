internal import CNgtcp2
internal import NIOCore
internal import NetworkTypes
internal import Tunnel

/// Packets, their order and their way.
extension QUICConnection {
    /// Writes what may be written: control before event before media, as far as congestion and pace allow.
    func pump() {
        guard handle != nil, !isPumping, !isCalling else { return }
        isPumping = true
        defer { isPumping = false }
        let now = Self.now
        let failure = writePackets(now)
        endpoint?.flush()
        guard let handle else { return }
        ngtcp2_conn_update_pkt_tx_time(handle, now)
        if let failure {
            fail(failure)
            return
        }
        arm(now)
        guard goesOn else { return }
        // What has arrived meanwhile is read first.
        goesOn = false
        loop.assumeIsolated().execute { [weak self] in self?.pump() }
    }

    /// One packet: with the next bytes of `stream`, and with whatever else is due. Returns its size, or ngtcp2's error;
    /// 0 when nothing can be written.
    private func writePacket(
        _ handle: OpaquePointer, _ endpoint: QUICEndpoint, _ stream: QUICStream?, _ now: UInt64
    ) -> (result: Int, bytes: Int) {
        var info = ngtcp2_pkt_info()
        var taken: ngtcp2_ssize = -1
        var result = 0
        isCalling = true
        defer { isCalling = false }
        func write(
            _ target: UnsafeMutableRawBufferPointer, _ id: Int64, _ data: UnsafeBufferPointer<ngtcp2_vec>, _ end: Bool
        )
            -> Int
        {
            result = Int(
                ngtcp2_conn_writev_stream_versioned(
                    handle, &output.pointee.path, 1, &info, target.bindMemory(to: UInt8.self).baseAddress, target.count,
                    &taken, end ? UInt32(NGTCP2_WRITE_STREAM_FLAG_FIN) : 0, id, data.baseAddress, data.count, now))
            return result
        }
        let size = Int(ngtcp2_conn_get_max_tx_udp_payload_size(handle))
        _ = endpoint.batch.append(upTo: size) { target in
            guard let stream else { return write(target, -1, UnsafeBufferPointer(start: nil, count: 0), false) }
            return stream.withUnsent { data, end in
                let written = write(target, stream.id, data, end)
                if written > 0, taken >= 0 { stream.wrote(Int(taken), end: end) }
                return written
            }
        } way: {
            self.currentWay(endpoint)
        }
        return (result, max(Int(taken), 0))
    }

    /// Where ngtcp2 wants its last packet to go.
    func currentWay(_ endpoint: QUICEndpoint) -> DatagramWay? {
        if let way, ngtcp2_path_eq(&output.pointee.path, &wayPath.pointee.path) != 0 { return way }
        let path = output.pointee.path
        guard let remote = SocketAddress(path.remote), let outlet = endpoint.outlet(path.local) else { return nil }
        let way = DatagramWay(outlet, remote)
        ngtcp2_path_copy(&wayPath.pointee.path, &output.pointee.path)
        self.way = way
        tellEnds(outlet, remote)
        return way
    }

    /// Tells tasks between which addresses the connection goes.
    func tellEnds(_ outlet: any DatagramOutlet, _ remote: SocketAddress) {
        let ends = Self.ends(outlet, remote)
        link?.moved(local: ends.local, remote: ends.remote)
    }

    static func ends(_ outlet: any DatagramOutlet, _ remote: SocketAddress) -> (
        local: SocketEndpoint, remote: SocketEndpoint
    ) {
        outlet.ends ?? (SocketEndpoint(outlet.local) ?? .unknown, SocketEndpoint(remote) ?? .unknown)
    }

    /// Goes on from another local address at once, while that is being validated (RFC 9000 §9.2); false when it cannot.
    func migrate(to local: SocketAddress) -> Bool {
        guard let handle, hasEntered, let remote = SocketAddress(ngtcp2_conn_get_path(handle).pointee.remote) else {
            return false
        }
        let result = withPath(local: local, remote: remote) {
            ngtcp2_conn_initiate_immediate_migration(handle, $0, Self.now)
        }
        pump()
        return result == 0
    }

    /// Writes packets in the scheduler's order until nothing more may be written; the error that ends the connection.
    func writePackets(_ now: UInt64) -> Int32? {
        guard let handle, let endpoint else { return nil }
        if !held.isEmpty, ngtcp2_conn_get_max_data_left(handle) > 0 {
            for stream in held { unblocked(stream.id) }
            held.removeAll()
        }
        var budget = max(ngtcp2_conn_get_send_quantum(handle), 64 << 10)
        while budget > 0, endpoint.isWritable {
            let turn = scheduler.next(now: .now)
            guard case .write(let id, let quantum) = turn, let stream = streams[id], let exchange = stream.exchange
            else {
                if case .write = turn { continue }
                if case .wait(let until) = turn { resume(at: until) }
                let (written, _) = writePacket(handle, endpoint, nil, now)
                guard written > 0 else { return written < 0 ? Int32(written) : nil }
                budget -= min(written, budget)
                continue
            }
            var left = quantum
            turn: while left > 0, budget > 0, endpoint.isWritable {
                stream.fill(min(left, 64 << 10))
                guard stream.hasMore else { break turn }
                let (written, bytes) = writePacket(handle, endpoint, stream, now)
                left -= bytes
                if bytes > 0 { scheduler.wrote(bytes, exchange.trafficClass, now: .now) }
                switch written {
                case 1...: budget -= min(written, budget)
                case 0:
                    // Congestion or pace: whoever was at turn keeps it.
                    scheduler.ready(id, exchange.trafficClass)
                    return nil
                case Int(NGTCP2_ERR_STREAM_DATA_BLOCKED):
                    stream.isBlocked = true
                    if ngtcp2_conn_get_max_data_left(handle) == 0 { held.append(stream) }
                    break turn
                case Int(NGTCP2_ERR_STREAM_SHUT_WR), Int(NGTCP2_ERR_STREAM_NOT_FOUND):
                    stream.stopWriting()
                    break turn
                default: return Int32(written)
                }
            }
            stream.fill(1)
            if stream.hasMore, !stream.isBlocked { scheduler.ready(id, exchange.trafficClass) }
        }
        goesOn = budget <= 0
        return nil
    }
}
