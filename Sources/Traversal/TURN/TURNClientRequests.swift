internal import NetworkTypes

// Requests and their answers, and what comes from peers.

extension TURNClient {
    /// How long before its end the allocation is refreshed (§8); half its time if that is less.
    private static let margin = Duration.seconds(60)
    /// What answers and indications may have to be understood with.
    private static let understood: Set<STUNAttributeType> = [
        .xorRelayedAddress, .xorMappedAddress, .mappedAddress, .lifetime, .errorCode, .realm, .nonce,
        .unknownAttributes, .username, .requestedAddressFamily, .passwordAlgorithm, .xorPeerAddress, .data,
    ]

    /// When ``handleTimer(now:)`` has something to do.
    package var nextTimer: ContinuousClock.Instant? {
        var moments = requests.values.map(\.timer.next)
        moments += peers.values.compactMap(\.renewAt)
        moments += channels.values.compactMap(\.renewAt)
        if let refreshAt { moments.append(refreshAt) }
        if let expiresAt { moments.append(expiresAt) }
        return moments.min()
    }

    /// Does what is due.
    package mutating func handleTimer(now: ContinuousClock.Instant) {
        for (transaction, request) in requests.sorted(by: { $0.value.order < $1.value.order }) {
            var timer = request.timer
            let due = timer.due(at: now)
            requests[transaction]?.timer = timer
            switch due {
            case .send: emit(.send(request.bytes))
            case .failed:
                requests[transaction] = nil
                handleFailure(request.purpose, nil, now: now)
            case nil: break
            }
        }
        if let expiresAt, now >= expiresAt { return end(.silent) }
        if let refreshAt, now >= refreshAt {
            self.refreshAt = nil
            ask(.refresh, now: now)
        }
        renew(now: now)
    }

    /// Renews what is in use and forgets the rest.
    private mutating func renew(now: ContinuousClock.Instant) {
        for (peer, channel) in channels.sorted(by: { $0.value.number < $1.value.number }) {
            guard let renewAt = channel.renewAt, now >= renewAt else { continue }
            guard now - channel.lastUse < Self.permissionLifetime else {
                channels[peer] = nil
                continue
            }
            channels[peer]?.renewAt = nil
            // It renews the permission, too (§12.2).
            peers[peer.address]?.renewAt = now + Self.renewal
            ask(.channel(channel.number, peer), now: now)
        }
        for (address, permission) in peers.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            guard let renewAt = permission.renewAt, now >= renewAt else { continue }
            guard now - permission.lastUse < Self.permissionLifetime, !permission.isRefused else {
                peers[address] = nil
                continue
            }
            peers[address]?.renewAt = nil
            ask(.permission(address), now: now)
        }
    }

    mutating func ask(_ purpose: Purpose, now: ContinuousClock.Instant) {
        var message = message(for: purpose)
        let key = credentials.prove(&message)
        var timer = STUNTransactionTimer.Configuration()
        timer.isReliable = configuration.isStream
        // What a user waits for, or leaves behind, is not tried for forty seconds.
        if purpose == .deallocate { (timer.sends, timer.lastWaits) = (3, 2) }
        sentRequests += 1
        let bytes = message.encoded(key: key)
        requests[message.transaction] = Request(
            order: sentRequests, purpose: purpose, message: message, bytes: bytes,
            timer: STUNTransactionTimer(at: now, configuration: timer))
        emit(.send(bytes))
    }

    private mutating func message(for purpose: Purpose) -> STUNMessage {
        let transaction = STUNMessage.Transaction(using: &random)
        func request(_ method: STUNMessage.Method) -> STUNMessage {
            STUNMessage(.request, method, transaction: transaction)
        }
        var message: STUNMessage
        switch purpose {
        case .allocate:
            message = request(.allocate)
            message.append(.requestedTransport, [17, 0, 0, 0])
            message.append(.lifetime, number: UInt32(configuration.lifetime / .seconds(1)))
            if configuration.wantsIPv6 { message.append(.requestedAddressFamily, [2, 0, 0, 0]) }
        case .refresh:
            message = request(.refresh)
            message.append(.lifetime, number: UInt32(configuration.lifetime / .seconds(1)))
        case .deallocate:
            message = request(.refresh)
            message.append(.lifetime, number: UInt32(0))
        case .permission(let address):
            message = request(.createPermission)
            message.append(.xorPeerAddress, address: SocketEndpoint(address, port: 0))
        case .channel(let number, let peer):
            message = request(.channelBind)
            message.append(.channelNumber, [UInt8(number >> 8), UInt8(number & 0xFF), 0, 0])
            message.append(.xorPeerAddress, address: peer)
        }
        return message
    }

    /// Takes a datagram of the server, or one message of its stream.
    package mutating func receive(_ bytes: [UInt8], now: ContinuousClock.Instant) {
        if let data = TURNChannelData(bytes) {
            guard let peer = channels.first(where: { $0.value.number == data.channel })?.key else { return }
            emit(.received(data.data, from: peer))
            return
        }
        guard state != .ended, let datagram = try? STUNDatagram(bytes) else { return }
        let message = datagram.message
        switch message.kind {
        case .indication: receiveData(message)
        case .success, .failure: handleAnswer(datagram, now: now)
        case .request: break
        }
    }

    private mutating func receiveData(_ message: STUNMessage) {
        guard message.method == .data, let peer = message.address(.xorPeerAddress), let data = message[.data],
            peers[peer.address] != nil, message.unknown(besides: Self.understood).isEmpty
        else { return }
        emit(.received(data, from: peer))
    }

    private mutating func handleAnswer(_ datagram: STUNDatagram, now: ContinuousClock.Instant) {
        let message = datagram.message
        guard let request = requests[message.transaction], request.message.method == message.method else { return }
        if message.kind == .failure, message.failure == nil { return }
        // Another request was told of a new nonce meanwhile; this one goes again with that, and says nothing new.
        if message.failure?.code == 438, request.message[.nonce] != nil,
            !credentials.uses(nonce: request.message[.nonce])
        {
            requests[message.transaction] = nil
            return ask(request.purpose, now: now)
        }
        switch credentials.receive(datagram) {
        case .ignored: break
        case .again:
            requests[message.transaction] = nil
            ask(request.purpose, now: now)
        case .refused:
            requests[message.transaction] = nil
            end(.credentials)
        case .taken:
            requests[message.transaction] = nil
            guard message.unknown(besides: Self.understood).isEmpty, message.kind == .success else {
                return handleFailure(request.purpose, message, now: now)
            }
            handleSuccess(request.purpose, message, now: now)
        }
    }

    private mutating func handleSuccess(_ purpose: Purpose, _ message: STUNMessage, now: ContinuousClock.Instant) {
        switch purpose {
        case .allocate:
            guard let address = message.address(.xorRelayedAddress), setLifetime(message, now: now) else {
                return end(.malformed)
            }
            state = .allocated
            relayed = address
            emit(.allocated(relayed: address, mapped: message.address(.xorMappedAddress)))
        case .refresh:
            if !setLifetime(message, now: now) { end(.malformed) }
        case .deallocate: end(nil)
        case .permission(let address):
            peers[address]?.isGranted = true
            peers[address]?.renewAt = now + Self.renewal
            flush(address)
        case .channel(_, let peer):
            channels[peer]?.isBound = true
            channels[peer]?.renewAt = now + Self.renewal
            peers[peer.address]?.isGranted = true
            peers[peer.address]?.renewAt = now + Self.renewal
            flush(peer.address)
        }
    }

    private mutating func setLifetime(_ message: STUNMessage, now: ContinuousClock.Instant) -> Bool {
        guard let seconds: UInt32 = message.number(.lifetime), seconds > 0 else { return false }
        let lifetime = Duration.seconds(min(seconds, 24 * 3600))
        expiresAt = now + lifetime
        refreshAt = now + max(lifetime - Self.margin, lifetime / 2)
        return true
    }

    /// - Parameter message: The server's error; nil where it has not answered.
    private mutating func handleFailure(_ purpose: Purpose, _ message: STUNMessage?, now: ContinuousClock.Instant) {
        let code = message?.failure?.code
        switch purpose {
        case .allocate, .refresh:
            if code == 300, let other = message?.address(.alternateServer) { return end(.tryAlternate(other)) }
            end(code.map { .refused($0) } ?? (message == nil ? .silent : .malformed))
        case .deallocate: end(nil)
        case .permission(let address):
            // The allocation is gone, and the server says so here first.
            if code == 437 { return end(.refused(437)) }
            peers[address]?.isGranted = false
            peers[address]?.isRefused = true
            peers[address]?.waiting = []
            peers[address]?.renewAt = now + Self.renewal
            emit(.forbidden(SocketEndpoint(address, port: 0)))
        case .channel(_, let peer):
            if code == 437 { return end(.refused(437)) }
            channels[peer]?.isBound = false
            channels[peer]?.renewAt = nil
            if peers[peer.address]?.isGranted == false { peers[peer.address] = nil }
        }
    }
}
