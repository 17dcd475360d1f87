package import NetworkTypes
internal import Traversal

/// A datagram that a simulated server sends.
package struct ServerDatagram: Sendable {
    package let bytes: [UInt8]
    package let from: SocketEndpoint
    package let to: SocketEndpoint
}

/// A STUN server with two addresses and two ports (RFC 5780).
package struct SimulatedSTUNServer: Sendable {
    /// How a hostile one answers.
    package enum Lie: Hashable, Sendable, CaseIterable {
        /// With a transaction that nobody asked.
        case otherTransaction
        /// With an address of its choice.
        case otherAddress
        /// With a success where an error belongs, and the other way round.
        case failure
        /// With bytes that are none of STUN's.
        case noise
    }

    package let first: SocketEndpoint
    package let second: SocketEndpoint
    package var lie: Lie?
    /// What it claims if it lies about the address.
    package var claimed: SocketEndpoint?

    package init(_ first: SocketEndpoint, _ second: SocketEndpoint) {
        self.first = first
        self.second = second
    }

    /// Whether it listens there.
    package func listens(at endpoint: SocketEndpoint) -> Bool {
        [first.address, second.address].contains(endpoint.address) && [first.port, second.port].contains(endpoint.port)
    }

    package func receive(_ bytes: [UInt8], at own: SocketEndpoint, from peer: SocketEndpoint) -> [ServerDatagram] {
        guard let request = try? STUNDatagram(bytes).message, request.kind == .request, request.method == .binding
        else {
            return []
        }
        let change = request[.changeRequest]?.last ?? 0
        let source = SocketEndpoint(
            change & 4 == 0 ? own.address : other(own.address), port: change & 2 == 0 ? own.port : other(own.port))
        var transaction = request.transaction
        if lie == .otherTransaction, let wrong = STUNMessage.Transaction(bytes: transaction.bytes.map { ~$0 }) {
            transaction = wrong
        }
        var answer = STUNMessage(lie == .failure ? .failure : .success, .binding, transaction: transaction)
        if lie == .failure { answer.append(STUNMessage.Failure(487, "Role Conflict")) }
        answer.append(.xorMappedAddress, address: lie == .otherAddress ? claimed ?? peer : peer)
        answer.append(
            .otherAddress, address: SocketEndpoint(other(own.address), port: other(own.port)))
        let sent = lie == .noise ? bytes.map { $0 ^ 0x55 } : answer.encoded(fingerprint: true)
        return [ServerDatagram(bytes: sent, from: source, to: peer)]
    }

    private func other(_ address: IPAddress) -> IPAddress {
        address == first.address ? second.address : first.address
    }

    private func other(_ port: UInt16) -> UInt16 { port == first.port ? second.port : first.port }
}

/// A TURN server with one user (RFC 8656): allocations, permissions, channels. It forwards to open addresses only, and
/// forgets nothing but what is given back.
package struct SimulatedTURNServer: Sendable {
    private struct Allocation {
        let relayed: SocketEndpoint
        var permissions: Set<IPAddress> = []
        var channels: [UInt16: SocketEndpoint] = [:]
    }

    package let address: SocketEndpoint
    /// Those who know it are served.
    package var password: String
    /// Another one makes the nonces of before stale.
    package var nonce = "nonce-1"
    /// How many allocations there are.
    package var allocationCount: Int { allocations.count }
    /// How many bytes of data it has forwarded.
    package private(set) var forwarded = 0
    private let username: String
    private let realm = "sim.example"
    private var allocations: [SocketEndpoint: Allocation] = [:]
    private var nextPort: UInt16 = 49_152

    package init(_ address: SocketEndpoint, username: String, password: String) {
        self.address = address
        self.username = username
        self.password = password
    }

    /// Whether a relayed address is there.
    package func listens(at endpoint: SocketEndpoint) -> Bool {
        endpoint == address || allocations.values.contains { $0.relayed == endpoint }
    }

    /// Takes what a client, or a peer of one, has sent.
    package mutating func receive(
        _ bytes: [UInt8], at own: SocketEndpoint, from sender: SocketEndpoint
    ) -> [ServerDatagram] {
        guard own == address else { return forward(bytes, at: own, from: sender) }
        if let data = TURNChannelData(bytes) {
            guard let allocation = allocations[sender], let peer = allocation.channels[data.channel] else { return [] }
            forwarded += data.data.count
            return [ServerDatagram(bytes: data.data, from: allocation.relayed, to: peer)]
        }
        guard let datagram = try? STUNDatagram(bytes) else { return [] }
        let message = datagram.message
        if message.kind == .indication, message.method == .send { return send(message, from: sender) }
        guard message.kind == .request else { return [] }
        if message.method == .binding {
            var answer = STUNMessage(.success, .binding, transaction: message.transaction)
            answer.append(.xorMappedAddress, address: sender)
            return [ServerDatagram(bytes: answer.encoded(), from: address, to: sender)]
        }
        let key = STUNKey(username: username, realm: realm, password: password, algorithm: .md5)
        guard datagram.isAuthentic(key) else { return refuse(message, 401, sender) }
        guard message.text(.nonce) == nonce else { return refuse(message, 438, sender) }
        var answer = STUNMessage(.success, message.method, transaction: message.transaction)
        if let code = serve(message, from: sender, into: &answer) { return refuse(message, code, sender, key: key) }
        return [ServerDatagram(bytes: answer.encoded(key: key), from: address, to: sender)]
    }

    /// Does what a proved request asks for; an error's code if it cannot.
    private mutating func serve(
        _ message: STUNMessage, from sender: SocketEndpoint, into answer: inout STUNMessage
    ) -> Int? {
        switch message.method {
        case .allocate:
            guard allocations[sender] == nil else { return 437 }
            guard message[.requestedTransport]?.first == 17 else { return 442 }
            allocations[sender] = Allocation(relayed: SocketEndpoint(address.address, port: nextPort))
            nextPort += 1
            if let relayed = allocations[sender]?.relayed { answer.append(.xorRelayedAddress, address: relayed) }
            answer.append(.xorMappedAddress, address: sender)
            answer.append(.lifetime, number: UInt32(600))
        case .refresh:
            guard allocations[sender] != nil, let lifetime: UInt32 = message.number(.lifetime) else { return 437 }
            if lifetime == 0 { allocations[sender] = nil }
            answer.append(.lifetime, number: lifetime)
        case .createPermission:
            guard let peer = message.address(.xorPeerAddress) else { return 400 }
            guard allocations[sender] != nil else { return 437 }
            guard ICEReach(of: peer.address) == .open else { return 403 }
            allocations[sender]?.permissions.insert(peer.address)
        case .channelBind:
            guard let peer = message.address(.xorPeerAddress), let number: UInt32 = message.number(.channelNumber)
            else {
                return 400
            }
            allocations[sender]?.permissions.insert(peer.address)
            allocations[sender]?.channels[UInt16(number >> 16)] = peer
        default: return 400
        }
        return nil
    }

    private mutating func send(_ message: STUNMessage, from sender: SocketEndpoint) -> [ServerDatagram] {
        guard let allocation = allocations[sender], let peer = message.address(.xorPeerAddress),
            let data = message[.data], allocation.permissions.contains(peer.address)
        else { return [] }
        forwarded += data.count
        return [ServerDatagram(bytes: data, from: allocation.relayed, to: peer)]
    }

    private mutating func forward(
        _ bytes: [UInt8], at relayed: SocketEndpoint, from peer: SocketEndpoint
    ) -> [ServerDatagram] {
        guard let (client, allocation) = allocations.first(where: { $0.value.relayed == relayed }),
            allocation.permissions.contains(peer.address)
        else { return [] }
        if let channel = allocation.channels.first(where: { $0.value == peer })?.key {
            let data = TURNChannelData(channel: channel, data: bytes).encoded(padded: true)
            return [ServerDatagram(bytes: data, from: address, to: client)]
        }
        let transaction = STUNMessage.Transaction(bytes: [UInt8](repeating: 7, count: 12))
        guard var message = transaction.map({ STUNMessage(.indication, .data, transaction: $0) }) else { return [] }
        message.append(.xorPeerAddress, address: peer)
        message.append(.data, bytes)
        return [ServerDatagram(bytes: message.encoded(), from: address, to: client)]
    }

    private func refuse(
        _ message: STUNMessage, _ code: Int, _ sender: SocketEndpoint, key: STUNKey? = nil
    ) -> [ServerDatagram] {
        var answer = STUNMessage(.failure, message.method, transaction: message.transaction)
        answer.append(STUNMessage.Failure(code, ""))
        answer.append(.realm, Array(realm.utf8))
        answer.append(.nonce, Array(nonce.utf8))
        return [ServerDatagram(bytes: answer.encoded(key: key), from: address, to: sender)]
    }
}
