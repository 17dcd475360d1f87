internal import NetworkTypes

// Whether the selected pair, and those in reserve, still answer (RFC 7675, RFC 8445 §11).

extension ICEAgent {
    /// How long a pair that does not answer is asked every ``ICEConfiguration/firstWait``; after that, more seldom.
    private static let urgency = Duration.seconds(3)
    private static let patientWait = Duration.seconds(2)
    /// When pairs in reserve are asked because the selected one does not answer.
    private static let concern = Duration.seconds(1)

    mutating func consentWait() -> Duration {
        configuration.consentInterval * Double.random(in: 0.8...1.2, using: &random)
    }

    mutating func reserveWait() -> Duration {
        configuration.reserveInterval * Double.random(in: 0.8...1.2, using: &random)
    }

    /// The user of the path hears nothing though it should: the selected pair is asked at once.
    package mutating func suspect(now: ContinuousClock.Instant) {
        guard let selected, pairs[selected]?.liveness.silentSince == nil else { return }
        pairs[selected]?.liveness.next = now
    }

    /// Chooses what is kept in reserve: the best pair beside the selected one, and of the relayed ones the best and the
    /// last, which has a relay at both ends and so needs nothing of what the others need.
    mutating func watchReserves(now: ContinuousClock.Instant) {
        guard renominates, let selected else { return }
        let others = ranked { $0.state == .succeeded && $0.key != selected && $0.liveness.silentSince == nil }
        let relayed = others.filter { pairs[$0]?.isRelayed == true }
        var reserves: [ICEPair.Key] = []
        for key in [others.first, relayed.first, relayed.last].compactMap({ $0 })
        where !reserves.contains(key) && reserves.count < configuration.reserves {
            reserves.append(key)
        }
        for key in others where !reserves.contains(key) { pairs[key]?.liveness.next = nil }
        for key in reserves where pairs[key]?.liveness.next == nil {
            let next = now + reserveWait()
            pairs[key]?.liveness.begin(at: now, next: next)
        }
    }

    mutating func watchLiveness(now: ContinuousClock.Instant) {
        for key in ranked({ $0.liveness.next.map { now >= $0 } ?? false }) {
            guard let pair = pairs[key] else { continue }
            if pair.liveness.isExpired(at: now, after: configuration.consentLifetime) {
                drop(key, .silent, now: now)
            } else {
                let again = wait(pair.liveness, now: now)
                pairs[key]?.liveness.asked(at: now, again: again)
                send(key, timer: nil, now: now)
            }
        }
        watchFormer(now: now)
        if let selected, let since = pairs[selected]?.liveness.silentSince {
            handleSilence(of: selected, since: since, now: now)
        }
    }

    /// A question that is not answered is followed by ordinary checks, which may come closer together than questions
    /// about consent.
    private func wait(_ liveness: ICELiveness, now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let silence = liveness.silentSince.map { now - $0 } ?? .zero
        return now + (silence < Self.urgency ? configuration.firstWait : Self.patientWait)
    }

    private mutating func watchFormer(now: ContinuousClock.Instant) {
        guard let former, let next = former.pair.liveness.next, now >= next else { return }
        if former.pair.liveness.isExpired(at: now, after: configuration.consentLifetime) {
            self.former = nil
            fail(.silent)
            return
        }
        let again = wait(former.pair.liveness, now: now)
        self.former?.pair.liveness.asked(at: now, again: again)
        send(
            former.pair, from: former.local, to: former.remote, timer: nil, nomination: nil, isFormer: true, now: now)
    }

    /// Tells the user of the path that nothing answers on it: once those in reserve have had their time to answer.
    private mutating func tellSilence(
        of selected: ICEPair.Key, since: ContinuousClock.Instant, now: ContinuousClock.Instant
    ) {
        let others = pairs.values.filter { $0.key != selected && $0.state == .succeeded && $0.liveness.next != nil }
        let patience = renominates && !others.isEmpty ? Self.concern + configuration.firstWait : Self.concern
        guard now - since >= patience, silenceToldAt.map({ now - $0 >= Self.concern }) ?? true,
            !others.contains(where: { $0.liveness.lastAnswer.map { $0 >= since } ?? false })
        else { return }
        silenceToldAt = now
        emit(.silent(true))
    }

    /// Takes back what was told of a silence that has ended.
    mutating func endSilence() {
        guard silenceToldAt != nil, let selected, pairs[selected]?.liveness.silentSince == nil else { return }
        silenceToldAt = nil
        emit(.silent(false))
    }

    private mutating func handleSilence(
        of selected: ICEPair.Key, since: ContinuousClock.Instant, now: ContinuousClock.Instant
    ) {
        tellSilence(of: selected, since: since, now: now)
        guard renominates, now - since >= Self.concern else { return }
        let reserves = ranked { $0.key != selected && $0.state == .succeeded && $0.liveness.next != nil }
        for key in reserves {
            guard let liveness = pairs[key]?.liveness, liveness.silentSince == nil,
                liveness.lastAnswer.map({ $0 < since }) ?? true
            else { continue }
            let again = now + configuration.firstWait
            pairs[key]?.liveness.asked(at: now, again: again)
            send(key, timer: nil, now: now)
        }
        guard now - since >= configuration.silence, nominating == nil else { return }
        let alive = ranked { pair in
            guard pair.key != selected, pair.state == .succeeded, let answer = pair.liveness.lastAnswer else {
                return false
            }
            return answer >= since
        }.first
        if role == .controlling, let alive {
            pairs[selected]?.liveness.barredUntil = now + Self.barring
            nominate(alive, now: now)
        } else if recheckedFor != since {
            recheckedFor = since
            for key in ranked({ $0.key != selected && isIdle($0) && $0.liveness.next == nil }) { retry(key) }
            resume(now: now)
        }
    }

    /// A pair is of no use any more.
    mutating func drop(_ key: ICEPair.Key, _ failure: Failure, now: ContinuousClock.Instant) {
        pairs[key]?.state = .failed
        pairs[key]?.liveness = ICELiveness()
        if nominating?.key == key { nominating = nil }
        guard selected == key else { return }
        selected = nil
        fail(failure)
        guard failure == .silent, renominates else { return }
        for other in ranked(isIdle) where pairs[other]?.liveness.next == nil { retry(other) }
        resume(now: now)
        reconsider(now: now)
    }
}

extension ICELiveness {
    mutating func begin(at now: ContinuousClock.Instant, next: ContinuousClock.Instant) {
        lastAnswer = lastAnswer ?? now
        self.next = next
    }

    mutating func asked(at now: ContinuousClock.Instant, again: ContinuousClock.Instant) {
        silentSince = silentSince ?? now
        next = again
    }

    /// The request that was sent at `moment` was answered.
    mutating func answered(_ moment: ContinuousClock.Instant, next: ContinuousClock.Instant?) {
        lastAnswer = max(lastAnswer ?? moment, moment)
        if let since = silentSince, moment < since { return }
        silentSince = nil
        self.next = next
    }

    func isExpired(at now: ContinuousClock.Instant, after lifetime: Duration) -> Bool {
        lastAnswer.map { now - $0 >= lifetime } ?? false
    }
}
