package import NetworkTypes

// What arrives, and what time does.

extension ICEEngine {
    /// The sends of a question to a STUN server: with the defaults it has failed after 5.5 s.
    private static let lookupSends = 4

    /// When ``handleTimer(now:)`` has something to do.
    package var nextTimer: ContinuousClock.Instant? {
        var moments = lookups.values.map(\.timer.next)
        if !waitingLookups.isEmpty { moments.append(nextLookup) }
        if let next = agent.nextTimer { moments.append(next) }
        moments += relays.compactMap(\.client.nextTimer)
        if let expectation { moments.append(expectation.due) }
        return moments.min()
    }

    /// Does what is due.
    package mutating func handleTimer(now: ContinuousClock.Instant) {
        for (transaction, lookup) in lookups.sorted(by: { $0.value.order < $1.value.order }) {
            var timer = lookup.timer
            let due = timer.due(at: now)
            lookups[transaction]?.timer = timer
            switch due {
            case .send: emit(.send(lookup.bytes, from: lookup.base, to: lookup.server))
            case .failed: lookups[transaction] = nil
            case nil: break
            }
        }
        if !waitingLookups.isEmpty, now >= nextLookup {
            let (base, server) = waitingLookups.removeFirst()
            look(from: base, at: server, now: now)
            nextLookup = now + agent.configuration.pacing
        }
        judgeExpectation(now: now)
        agent.handleTimer(now: now)
        for index in relays.indices { relays[index].client.handleTimer(now: now) }
        settle(now: now)
    }

    private mutating func look(from base: SocketEndpoint, at server: SocketEndpoint, now: ContinuousClock.Instant) {
        let request = STUNMessage(.request, .binding, transaction: STUNMessage.Transaction(using: &random))
        var timer = STUNTransactionTimer.Configuration()
        timer.sends = Self.lookupSends
        timer.lastWaits = 4
        sentLookups += 1
        let bytes = request.encoded(fingerprint: true)
        lookups[request.transaction] = Lookup(
            order: sentLookups, base: base, server: server, bytes: bytes,
            timer: STUNTransactionTimer(at: now, configuration: timer))
        emit(.send(bytes, from: base, to: server))
    }

    /// Whether a datagram is data, so that a driver need not copy it to ask.
    package func isData(
        _ first: some Collection<UInt8>, at local: SocketEndpoint, from remote: SocketEndpoint
    ) -> Bool {
        !STUNDatagram.looksLikeSTUN(first) && relay(at: local, from: remote) == nil
            && agent.accepts(dataAt: local, from: remote)
    }

    private func relay(at local: SocketEndpoint, from remote: SocketEndpoint) -> Int? {
        relays.firstIndex { $0.relay.stream == nil && $0.base == local && $0.relay.server == remote && !$0.isOver }
    }

    /// Takes a datagram that a socket has received.
    package mutating func receive(
        _ bytes: [UInt8], at local: SocketEndpoint, from remote: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        if let index = relay(at: local, from: remote), !isLookupAnswer(bytes) {
            relays[index].client.receive(bytes, now: now)
        } else if isLookupAnswer(bytes) {
            finishLookup(bytes, at: local, from: remote, now: now)
        } else {
            receiveFromPeer(bytes, at: local, from: remote, now: now)
        }
        settle(now: now)
    }

    mutating func receiveFromPeer(
        _ bytes: [UInt8], at local: SocketEndpoint, from remote: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        if STUNDatagram.looksLikeSTUN(bytes) {
            agent.receive(bytes, at: local, from: remote, now: now)
        } else if agent.accepts(dataAt: local, from: remote) {
            emit(.received(bytes))
        }
    }

    private func isLookupAnswer(_ bytes: [UInt8]) -> Bool {
        guard STUNDatagram.looksLikeSTUN(bytes), let transaction = STUNMessage.Transaction(bytes: bytes[8..<20]) else {
            return false
        }
        return lookups[transaction] != nil
    }

    /// An answer counts if it comes from where was asked, and names an address: what it says is a hint, and the checks
    /// tell whether it is true.
    private mutating func finishLookup(
        _ bytes: [UInt8], at local: SocketEndpoint, from remote: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        guard let message = try? STUNDatagram(bytes).message, let lookup = lookups[message.transaction],
            lookup.server == remote, lookup.base == local, message.method == .binding
        else { return }
        switch message.kind {
        case .success:
            guard let mapped = message.mappedAddress, ICEReach(ofCandidate: mapped) != .never else { return }
            lookups[message.transaction] = nil
            addReflexive(mapped, local, remote, now: now)
        case .failure: lookups[message.transaction] = nil
        case .request, .indication: break
        }
    }

    // MARK: Streams to relays

    /// A relay's stream is open.
    package mutating func streamOpened(_ relay: Int, now: ContinuousClock.Instant) {
        guard relays.indices.contains(relay) else { return }
        relays[relay].client.start(now: now)
        settle(now: now)
    }

    /// A relay's stream has brought bytes.
    package mutating func streamReceived(_ bytes: [UInt8], _ relay: Int, now: ContinuousClock.Instant) {
        guard relays.indices.contains(relay) else { return }
        for message in relays[relay].framing.receive(bytes) { relays[relay].client.receive(message, now: now) }
        if relays[relay].framing.isBroken { relays[relay].client.abandon() }
        settle(now: now)
    }

    /// A relay's stream has ended, or could not be opened.
    package mutating func streamClosed(_ relay: Int, now: ContinuousClock.Instant) {
        guard relays.indices.contains(relay) else { return }
        relays[relay].client.abandon()
        settle(now: now)
    }
}
