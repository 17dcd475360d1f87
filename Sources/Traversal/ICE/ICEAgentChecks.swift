internal import NetworkTypes

// The own checks: when which is sent, and what its answer does (RFC 8445 §6.1.4, §7.2).

extension ICEAgent {
    /// How long the answer to a check that is sent once is waited for.
    private static let singleLifetime = Duration.seconds(10)
    /// The sends of a check of a pair that has failed before.
    private static let retrySends = 3

    /// When ``handleTimer(now:)`` has something to do.
    package var nextTimer: ContinuousClock.Instant? {
        var moments = checks.values.compactMap { $0.isReplaced ? nil : $0.timer?.next }
        moments += pairs.values.compactMap(\.liveness.next)
        if let next = former?.pair.liveness.next { moments.append(next) }
        if hasWork { moments.append(nextSlot) }
        if let deadline { moments.append(deadline) }
        if let nominationTime { moments.append(nominationTime) }
        if let climb, selected != nil { moments.append(climb.at) }
        return moments.min()
    }

    /// Does what is due.
    package mutating func handleTimer(now: ContinuousClock.Instant) {
        handleRetransmissions(now: now)
        if hasWork, now >= nextSlot { sendNextCheck(now: now) }
        watchLiveness(now: now)
        reconsider(now: now)
        climbIfDue(now: now)
        if let deadline, now >= deadline {
            self.deadline = nil
            fail(.noPair)
        }
    }

    /// Lets what has come into the lists be checked from now on, and not as if it had been there before.
    mutating func resume(now: ContinuousClock.Instant) { nextSlot = max(nextSlot, now) }

    private var hasWork: Bool {
        guard remoteCredentials != nil else { return false }
        return !triggered.isEmpty || pairs.values.contains { $0.state == .waiting || $0.state == .frozen }
    }

    private mutating func sendNextCheck(now: ContinuousClock.Instant) {
        guard let key = nextToCheck() else { return }
        nextSlot = now + pacing
        let nomination = nominating.flatMap { $0.key == key ? $0.nomination : nil }
        let pending = pairs.values.count { $0.state == .waiting || $0.state == .inProgress }
        var configuration = STUNTransactionTimer.Configuration()
        configuration.firstWait = max(self.configuration.firstWait, pacing * pending)
        let isRetry = pairs[key]?.isRetry == true
        configuration.sends = isRetry ? Self.retrySends : self.configuration.sends
        configuration.lastWaits = isRetry ? 2 : self.configuration.lastWaits
        pairs[key]?.state = .inProgress
        for (transaction, sent) in checks where sent.key == key && sent.timer != nil {
            checks[transaction]?.isReplaced = true
        }
        send(key, timer: STUNTransactionTimer(at: now, configuration: configuration), nomination: nomination, now: now)
    }

    /// Triggered checks first, then the best that waits. A pair that is like one under way comes after those that are
    /// not; it does not wait for that one's end, because with so few pairs time is dearer than checks.
    private mutating func nextToCheck() -> ICEPair.Key? {
        while !triggered.isEmpty {
            let key = triggered.removeFirst()
            if pairs[key] != nil { return key }
        }
        if let waiting = ranked({ $0.state == .waiting }).first { return waiting }
        let busy = Set(pairs.values.filter { $0.state == .inProgress }.map(\.foundation))
        return ranked { $0.state == .frozen && !busy.contains($0.foundation) }.first
            ?? ranked { $0.state == .frozen }.first
    }

    /// Sends a check of a pair of the present generation.
    mutating func send(
        _ key: ICEPair.Key, timer: STUNTransactionTimer?, nomination: ICEPair.Nomination? = nil,
        now: ContinuousClock.Instant
    ) {
        guard let remoteCredentials, let pair = pairs[key] else { return }
        send(
            pair, from: localCredentials, to: remoteCredentials, timer: timer, nomination: nomination, isFormer: false,
            now: now)
    }

    mutating func send(
        _ pair: ICEPair, from own: ICECredentials, to other: ICECredentials, timer: STUNTransactionTimer?,
        nomination: ICEPair.Nomination?, isFormer: Bool, now: ContinuousClock.Instant
    ) {
        var request = STUNMessage(.request, .binding, transaction: STUNMessage.Transaction(using: &random))
        request.append(.username, Array("\(other.fragment):\(own.fragment)".utf8))
        request.append(.priority, number: pair.local.reflexivePriority)
        request.append(role == .controlling ? .iceControlling : .iceControlled, number: tieBreaker)
        if let nomination {
            request.append(.useCandidate)
            if let number = nomination.number { request.append(.nomination, number: number) }
        }
        let bytes = request.encoded(key: STUNKey(password: other.password), fingerprint: true)
        sentChecks += 1
        checks[request.transaction] = Check(
            order: sentChecks, key: pair.key, bytes: bytes, sentAt: now, remote: other, role: role, timer: timer,
            nomination: nomination, isFormer: isFormer)
        emit(.send(bytes, from: pair.key.local, to: pair.key.remote))
    }

    private mutating func handleRetransmissions(now: ContinuousClock.Instant) {
        for (transaction, check) in checks.sorted(by: { $0.value.order < $1.value.order }) {
            guard var timer = check.timer, !check.isReplaced else {
                if now - check.sentAt > Self.singleLifetime { checks[transaction] = nil }
                continue
            }
            let due = timer.due(at: now)
            checks[transaction]?.timer = timer
            switch due {
            case .send: emit(.send(check.bytes, from: check.key.local, to: check.key.remote))
            case .failed:
                checks[transaction] = nil
                checkFailed(check, now: now)
            case nil: break
            }
        }
    }

    // MARK: Answers

    mutating func handleResponse(_ datagram: STUNDatagram, _ key: ICEPair.Key, now: ContinuousClock.Instant) {
        let message = datagram.message
        // What does not bear the peer's proof is as if it had not come: the check is sent again (RFC 8489 §9.1.4).
        guard let check = checks[message.transaction],
            datagram.isAuthentic(STUNKey(password: check.remote.password))
        else { return }
        checks[message.transaction] = nil
        // An answer that takes another way than its request tells of no way for data (§7.2.5.2.1).
        guard check.key == key, message.unknown(besides: [.xorMappedAddress, .errorCode]).isEmpty else {
            return checkFailed(check, now: now)
        }
        if message.kind == .failure { return checkRefused(check, code: message.failure?.code, now: now) }
        guard let mapped = message.address(.xorMappedAddress) else { return checkFailed(check, now: now) }
        if check.isFormer {
            let next = now + consentWait()
            former?.pair.liveness.answered(check.sentAt, next: next)
            return
        }
        checkSucceeded(check, mapped: mapped, now: now)
    }

    private mutating func checkSucceeded(_ check: Check, mapped: SocketEndpoint, now: ContinuousClock.Instant) {
        let key = check.key
        guard let pair = pairs[key] else { return }
        pairs[key]?.mapped = mapped
        pairs[key]?.isRetry = false
        let watches = pair.liveness.next != nil
        let wait = selected == key ? consentWait() : reserveWait()
        pairs[key]?.liveness.answered(check.sentAt, next: watches ? now + wait : nil)
        // A check that was triggered meanwhile is still to be made only if it nominates.
        if pair.state != .succeeded {
            pairs[key]?.state = .succeeded
            firstSuccess = firstSuccess ?? now
            if nominating?.key != key || check.nomination != nil { triggered.removeAll { $0 == key } }
            for (transaction, other) in checks where other.key == key && other.nomination == nil {
                checks[transaction]?.isReplaced = true
            }
            for other in pairs.keys where pairs[other]?.state == .frozen && pairs[other]?.foundation == pair.foundation
            {
                pairs[other]?.state = .waiting
            }
        }
        if let nomination = check.nomination, nominating?.key == key, nominating?.nomination == nomination {
            nominating = nil
            select(key, now: now)
        }
        if role == .controlled, let nomination = pairs[key]?.peerNomination { follow(nomination, key, now: now) }
        watchReserves(now: now)
        reconsider(now: now)
        endSilence()
    }

    private mutating func checkRefused(_ check: Check, code: Int?, now: ContinuousClock.Instant) {
        switch code {
        case 487:
            if check.role == role { change(to: role == .controlling ? .controlled : .controlling) }
            tieBreaker = random.next()
            if !check.isFormer { trigger(check.key) }
            resume(now: now)
        case 403 where check.key == selected:
            drop(check.key, .revoked, now: now)
        default: checkFailed(check, now: now)
        }
    }

    private mutating func checkFailed(_ check: Check, now: ContinuousClock.Instant) {
        // A question about consent that failed says no more than silence does.
        guard check.timer != nil, !check.isReplaced, !check.isFormer else { return }
        if nominating?.key == check.key { nominating = nil }
        if selected != check.key { pairs[check.key]?.state = .failed } else { pairs[check.key]?.state = .succeeded }
        reconsider(now: now)
        failIfHopeless(now: now)
    }

    /// Ends the search when both ends have told of all candidates and each pair has failed. Without any pair the peer may
    /// still come from an address that nobody knows, until the deadline.
    mutating func failIfHopeless(now: ContinuousClock.Instant) {
        guard localIsComplete, remoteIsComplete, !pairs.isEmpty, triggered.isEmpty,
            pairs.values.allSatisfy({ $0.state == .failed })
        else { return }
        fail(.noPair)
    }

    mutating func fail(_ failure: Failure) {
        guard selected == nil, former == nil, !hasFailed else { return }
        hasFailed = true
        emit(.failed(failure))
    }
}
