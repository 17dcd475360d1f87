package import NetworkTypes

// What the peer's checks do (RFC 8445 §7.3).

/// A proved check of the peer.
struct EarlyCheck: Hashable, Sendable {
    let key: ICEPair.Key
    /// What the peer calls itself: checks of another generation than the present one count for nothing.
    let fragment: String
    /// What an unknown address is worth.
    let priority: UInt32
    let nomination: ICEPair.Nomination?
}

extension ICEAgent {
    /// The most checks that are kept until the peer's credentials come.
    private static let maximumEarly = 20
    /// What a check has to be understood with.
    private static let known: Set<STUNAttributeType> = [.username, .priority, .useCandidate]

    /// Takes a datagram that looks like STUN's and no one else waits for. Anything that is not proved by either end's
    /// password changes nothing.
    package mutating func receive(
        _ bytes: [UInt8], at local: SocketEndpoint, from remote: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        guard let datagram = try? STUNDatagram(bytes), datagram.message.method == .binding, datagram.hasFingerprint,
            localCandidates.contains(where: { $0.base == local })
        else { return }
        let key = ICEPair.Key(local: local, remote: remote)
        switch datagram.message.kind {
        case .request: handleRequest(datagram, key, now: now)
        case .success, .failure: handleResponse(datagram, key, now: now)
        case .indication: break
        }
    }

    private mutating func handleRequest(
        _ datagram: STUNDatagram, _ key: ICEPair.Key, now: ContinuousClock.Instant
    ) {
        guard allows(from: key.local.address, to: key.remote.address) else { return }
        let message = datagram.message
        guard datagram.isProtected, let name = message.text(.username) else {
            return refuse(message, 400, "Bad Request", key, nil)
        }
        let names = name.split(separator: ":", maxSplits: 1)
        guard names.count == 2, let own = credentials(named: names[0]),
            datagram.isAuthentic(STUNKey(password: own.password))
        else { return refuse(message, 401, "Unauthenticated", key, nil) }
        let unknown = message.unknown(besides: Self.known)
        guard unknown.isEmpty else { return refuse(message, 420, "Unknown Attribute", key, own, unknown: unknown) }
        guard own == localCredentials else { return accept(message, key, own) }
        guard let priority: UInt32 = message.number(.priority), (1...0x7FFF_FFFF).contains(priority) else {
            return refuse(message, 400, "Bad Request", key, own)
        }
        guard keepsRole(message) else { return refuse(message, 487, "Role Conflict", key, own) }
        accept(message, key, own)
        let nomination = message[.useCandidate].map { _ in
            ICEPair.Nomination(number: message.number(.nomination))
        }
        let check = EarlyCheck(
            key: key, fragment: String(names[1]), priority: priority, nomination: nomination)
        guard let remoteCredentials else {
            if early.count < Self.maximumEarly, !early.contains(check) { early.append(check) }
            return
        }
        guard remoteCredentials.fragment == check.fragment else { return }
        learn(check, now: now)
    }

    private func credentials(named fragment: Substring) -> ICECredentials? {
        if localCredentials.fragment == fragment { return localCredentials }
        return former.flatMap { $0.local.fragment == fragment ? $0.local : nil }
    }

    /// Settles who chooses when both ends want to, or neither (§7.3.1.1); false where it is the peer who has to change.
    private mutating func keepsRole(_ message: STUNMessage) -> Bool {
        if role == .controlling, let other: UInt64 = message.number(.iceControlling) {
            if tieBreaker >= other { return false }
            change(to: .controlled)
        } else if role == .controlled, let other: UInt64 = message.number(.iceControlled) {
            if tieBreaker < other { return false }
            change(to: .controlling)
        }
        return true
    }

    mutating func change(to role: Role) {
        self.role = role
        nominating = nil
    }

    /// Does what a proved check asks for (§7.3.1.3 to §7.3.1.5).
    mutating func learn(_ check: EarlyCheck, now: ContinuousClock.Instant) {
        let key = check.key
        guard check.fragment == remoteCredentials?.fragment else { return }
        if pairs[key] == nil { learnAddress(key, priority: check.priority) }
        guard let state = pairs[key]?.state else { return }
        pairs[key]?.isHeard = true
        if role == .controlled, let nomination = check.nomination { follow(nomination, key, now: now) }
        switch state {
        case .succeeded: break
        case .inProgress:
            // The peer's check has just opened the way that the one under way may have found closed.
            for (transaction, sent) in checks where sent.key == key && sent.timer != nil {
                checks[transaction]?.isReplaced = true
            }
            trigger(key)
        case .frozen, .waiting, .failed: trigger(key)
        }
        resume(now: now)
    }

    private mutating func learnAddress(_ key: ICEPair.Key, priority: UInt32) {
        guard let own = localCandidates.first(where: { $0.base == key.local && $0.address == key.local }) else {
            return
        }
        let address = SocketEndpoint(key.remote.address, port: key.remote.port)
        let known = remoteCandidates.first { SocketEndpoint($0.address.address, port: $0.address.port) == address }
        if let known { return pair(own, known) }
        let learned = remoteCandidates.count { $0.kind == .peerReflexive }
        guard learned < configuration.maximumReflexive,
            let candidate = ICECandidate(
                .peerReflexive, address: address, priority: priority, foundation: "p\(learned + 1)")
        else { return }
        remoteCandidates.append(candidate)
        pair(own, candidate)
    }

    mutating func trigger(_ key: ICEPair.Key, first: Bool = false) {
        guard !triggered.contains(key) else { return }
        pairs[key]?.state = .waiting
        triggered.insert(key, at: first ? 0 : triggered.endIndex)
    }

    // MARK: Answers

    private mutating func accept(_ message: STUNMessage, _ key: ICEPair.Key, _ own: ICECredentials) {
        var answer = STUNMessage(.success, .binding, transaction: message.transaction)
        answer.append(.xorMappedAddress, address: key.remote)
        reply(answer, key, own)
    }

    private mutating func refuse(
        _ message: STUNMessage, _ code: Int, _ reason: String, _ key: ICEPair.Key, _ own: ICECredentials?,
        unknown: [STUNAttributeType] = []
    ) {
        var answer = STUNMessage(.failure, .binding, transaction: message.transaction)
        answer.append(STUNMessage.Failure(code, reason))
        if !unknown.isEmpty {
            answer.append(
                .unknownAttributes, unknown.prefix(8).flatMap { [UInt8($0.rawValue >> 8), UInt8($0.rawValue & 255)] })
        }
        reply(answer, key, own)
    }

    private mutating func reply(_ answer: STUNMessage, _ key: ICEPair.Key, _ own: ICECredentials?) {
        let bytes = answer.encoded(key: own.map { STUNKey(password: $0.password) }, fingerprint: true)
        emit(.send(bytes, from: key.local, to: key.remote))
    }
}

extension STUNAttributeType {
    /// The number of a nomination among those of a session, 32 bits, as libwebrtc has it.
    package static let nomination = STUNAttributeType(0xC001)
}
