internal import CNgtcp2
internal import Logging
internal import NIOCore
internal import NetworkTypes
internal import Tunnel

/// Decides at a listener who comes in: first what a stranger's datagram may cost, then whose certificate it is.
final class ServerDoor: QUICConnection.Door {
    /// What the listener's owner decides and serves.
    struct House: Sendable {
        let configuration: QUICListenerConfiguration
        let guests: GuestBook
        let credentials: @Sendable () throws -> TLSCredentials
        let pairingOpen: @Sendable () -> Bool
        let authorize: @Sendable (PeerCertificate) -> Authorization
        let admit: @Sendable (QUICLink, AdmittedPeer) -> Void
        let pair: @Sendable (QUICLink) -> Void
        let logger: Logger
    }

    private struct Handshake {
        let connection: QUICConnection
        let address: IPAddress
        let number: UInt64
    }

    private let house: House
    private unowned let endpoint: QUICEndpoint
    private let tokenSecret = Randomness.bytes(32)
    private var handshakes: [ObjectIdentifier: Handshake] = [:]
    private var admitted: [ObjectIdentifier: AdmittedPeer] = [:]
    private var addresses: [ObjectIdentifier: IPAddress] = [:]
    private var perAddress: [IPAddress: Int] = [:]
    private var next: UInt64 = 0
    private var answers: Int
    private var answersSince: UInt64 = 0

    init(_ house: House, endpoint: QUICEndpoint) {
        self.house = house
        self.endpoint = endpoint
        self.answers = house.configuration.statelessAnswersPerSecond
        endpoint.stranger = { [weak self] in self?.receive($0, local: $1, remote: $2) }
        endpoint.whenEnded = { [weak self] in self?.ended($0) }
    }

    // MARK: Datagrams of no connection

    private func receive(_ datagram: UnsafeRawBufferPointer, local: SocketAddress, remote: SocketAddress) {
        guard let first = datagram.first, let bytes = datagram.bindMemory(to: UInt8.self).baseAddress else { return }
        guard first & 0x80 != 0 else {
            sendReset(datagram, to: remote)
            return
        }
        var header = ngtcp2_pkt_hd()
        guard ngtcp2_accept(&header, bytes, datagram.count) == 0, header.version == QUICConnection.version else {
            sendVersions(datagram, to: remote)
            return
        }
        var original: ngtcp2_cid?
        if header.token.len > 0 {
            guard let proven = provenID(&header, remote) else { return }
            original = proven
        } else if handshakes.count >= house.configuration.retryAboveHandshakes {
            sendRetry(&header, to: remote)
            return
        }
        guard let address = SocketEndpoint(remote)?.address.source, makeRoom(for: address) else { return }
        do {
            try accept(.init(header: header, originalID: original), datagram, local, remote, address)
        } catch {
            house.logger.debug("a connection could not be set up", metadata: ["error": "\(error)"])
        }
    }

    private func accept(
        _ arrival: QUICConnection.Arrival, _ datagram: UnsafeRawBufferPointer, _ local: SocketAddress,
        _ remote: SocketAddress, _ address: IPAddress
    ) throws {
        let configuration = house.configuration
        let connection = try QUICConnection.server(
            QUICConnection.Setup(
                settings: configuration.settings, keepalive: configuration.keepalive,
                handshakeTimeout: configuration.handshakeTimeout, local: local, remote: remote,
                maximumDatagramSize: endpoint.outlets.last?.maximumDatagramSize),
            endpoint: endpoint, credentials: try house.credentials(), arrival: arrival,
            resetSecret: endpoint.resetSecret)
        connection.door = self
        let id = ObjectIdentifier(connection)
        next += 1
        handshakes[id] = Handshake(connection: connection, address: address, number: next)
        addresses[id] = address
        perAddress[address, default: 0] += 1
        house.guests.count(addresses.count)
        withPath(local: local, remote: remote) { connection.read(datagram, $0, now: QUICConnection.now) }
        endpoint.began(connection)
    }

    /// A newcomer displaces the oldest handshake of its own address, or of the address with the most of them, where a
    /// limit is reached: whoever opens connections and says nothing keeps out only itself.
    private func makeRoom(for address: IPAddress) -> Bool {
        let limits = house.configuration
        let isCrowded = perAddress[address, default: 0] >= limits.maximumConnectionsPerAddress
        guard isCrowded || handshakes.count >= limits.maximumHandshakes || addresses.count >= limits.maximumConnections
        else { return true }
        let counts = handshakes.values.reduce(into: [IPAddress: Int]()) { $0[$1.address, default: 0] += 1 }
        let crowd = isCrowded ? address : counts.max { $0.value < $1.value }?.key
        let oldest = handshakes.values.filter { $0.address == crowd }.min { $0.number < $1.number }
        guard let oldest else { return false }
        oldest.connection.shut(.silent(for: .zero))
        return true
    }

    private func ended(_ connection: QUICConnection) {
        let id = ObjectIdentifier(connection)
        handshakes[id] = nil
        admitted[id] = nil
        guard let address = addresses.removeValue(forKey: id) else { return }
        let left = perAddress[address, default: 1] - 1
        perAddress[address] = left > 0 ? left : nil
        house.guests.leave(id, count: addresses.count)
    }

    // MARK: The completed handshake

    func decide(_ connection: QUICConnection, _ tls: TLSSession) -> String? {
        handshakes[ObjectIdentifier(connection)] = nil
        guard let purpose = tls.negotiatedProtocol.flatMap({ ConnectionPurpose(quicProtocol: $0) }),
            let outlet = endpoint.outlets.last
        else { return "The peer speaks none of our protocols." }
        let ends = QUICConnection.ends(outlet, connection.setup.remote)
        if purpose == .pairing {
            guard house.pairingOpen() else {
                return
                    "No pairing code is outstanding at this gateway: yours was used, taken back, or has expired. Ask for a new one."
            }
        } else {
            guard let certificate = tls.peerCertificate else {
                return "This gateway admits paired clients only, and no client certificate was presented."
            }
            switch house.authorize(certificate) {
            case .refuse(let sentence): return sentence
            case .admit(let subject):
                admitted[ObjectIdentifier(connection)] = AdmittedPeer(
                    subject: subject, certificate: certificate, remote: ends.remote, local: ends.local,
                    purpose: purpose, isQUIC: true)
            }
        }
        connection.attach(
            QUICLink(
                loop: connection.loop, purpose: purpose, settings: house.configuration.settings, local: ends.local,
                remote: ends.remote))
        return nil
    }

    func enter(_ connection: QUICConnection) {
        guard let link = connection.link else { return }
        let id = ObjectIdentifier(connection)
        if let peer = admitted[id] {
            house.guests.enter(id, peer, link)
            house.admit(link, peer)
        } else {
            house.guests.enter(id, nil, link)
            connection.loop.assumeIsolated().scheduleTask(in: house.configuration.pairingTimeout) { [weak connection] in
                connection?.shut(.closed)
            }
            house.pair(link)
        }
    }

    // MARK: Answers without state

    /// Whether one more may be sent.
    private func mayAnswer() -> Bool {
        let now = QUICConnection.now
        if now &- answersSince >= 1_000_000_000 {
            (answers, answersSince) = (house.configuration.statelessAnswersPerSecond, now)
        }
        guard answers > 0 else { return false }
        answers -= 1
        return true
    }

    private func send(to remote: SocketAddress, _ write: (UnsafeMutablePointer<UInt8>, Int) -> Int) {
        guard mayAnswer() else { return }
        var packet = ByteBuffer()
        let size = packet.writeWithUnsafeMutableBytes(minimumWritableBytes: 512) { target in
            guard let base = target.bindMemory(to: UInt8.self).baseAddress else { return 0 }
            return max(write(base, target.count), 0)
        }
        guard size > 0 else { return }
        endpoint.outlets.last?.write(packet, segment: size, to: remote)
        endpoint.outlets.last?.flush()
    }

    /// Makes the client prove its address (RFC 9000 §8.1.2), without remembering anything of it.
    private func sendRetry(_ header: inout ngtcp2_pkt_hd, to remote: SocketAddress) {
        var source = ConnectionID.random()
        var token = [UInt8](repeating: 0, count: 128)
        let size = remote.withSockAddr { address, length in
            ngtcp2_crypto_generate_retry_token(
                &token, tokenSecret, tokenSecret.count, header.version, address, ngtcp2_socklen(length), &source,
                &header.dcid, QUICConnection.now)
        }
        guard size > 0 else { return }
        send(to: remote) { target, count in
            Int(
                ngtcp2_crypto_write_retry(
                    target, count, header.version, &header.scid, &source, &header.dcid, token, Int(size)))
        }
    }

    /// The connection ID before the Retry whose token this is; nil for any other token.
    private func provenID(_ header: inout ngtcp2_pkt_hd, _ remote: SocketAddress) -> ngtcp2_cid? {
        var original = ngtcp2_cid()
        let result = remote.withSockAddr { address, length in
            ngtcp2_crypto_verify_retry_token(
                &original, header.token.base, header.token.len, tokenSecret, tokenSecret.count, header.version, address,
                ngtcp2_socklen(length), &header.dcid, UInt64(house.configuration.handshakeTimeout.nanoseconds),
                QUICConnection.now)
        }
        return result == 0 ? original : nil
    }

    /// RFC 9000 §6.1, for a client of another version; never smaller than what would be amplified.
    private func sendVersions(_ datagram: UnsafeRawBufferPointer, to remote: SocketAddress) {
        var header = ngtcp2_version_cid()
        let bytes = datagram.bindMemory(to: UInt8.self).baseAddress
        let result = ngtcp2_pkt_decode_version_cid(&header, bytes, datagram.count, ConnectionID.length)
        guard datagram.count >= 1_200, header.version != QUICConnection.version, header.version != 0,
            result == 0 || result == NGTCP2_ERR_VERSION_NEGOTIATION
        else { return }
        send(to: remote) { target, count in
            Int(
                ngtcp2_pkt_write_version_negotiation(
                    target, count, Randomness.bytes(1)[0], header.scid, header.scidlen, header.dcid, header.dcidlen,
                    [QUICConnection.version], 1))
        }
    }

    /// Tells a peer of a connection that this end has forgotten (RFC 9000 §10.3); always smaller than what caused it.
    private func sendReset(_ datagram: UnsafeRawBufferPointer, to remote: SocketAddress) {
        guard datagram.count > 43, datagram.count > ConnectionID.length else { return }
        var id = ngtcp2_cid()
        ngtcp2_cid_init(&id, datagram.bindMemory(to: UInt8.self).baseAddress.map { $0 + 1 }, ConnectionID.length)
        var token = [UInt8](repeating: 0, count: 16)
        let secret = endpoint.resetSecret
        guard ngtcp2_crypto_generate_stateless_reset_token(&token, secret, secret.count, &id) == 0 else { return }
        let noise = Randomness.bytes(min(datagram.count - 17, 64))
        send(to: remote) { target, count in
            Int(ngtcp2_pkt_write_stateless_reset(target, count, token, noise, noise.count))
        }
    }
}
