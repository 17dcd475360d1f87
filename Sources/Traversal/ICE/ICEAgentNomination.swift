internal import NetworkTypes

// Which pair is used: nomination (RFC 8445 §8), and better ones later.

extension ICEAgent {
    /// How long a pair that had gone silent is not chosen again.
    static let barring = Duration.seconds(10)

    /// When a controlling end that may nominate once stops to wait for something better.
    var nominationTime: ContinuousClock.Instant? {
        guard role == .controlling, selected == nil, nominating == nil, !renominates, let firstSuccess,
            let best = bestUsable(now: nil)
        else { return nil }
        let isRelayed = pairs[best]?.isRelayed == true
        return firstSuccess + (isRelayed ? configuration.relayedNominationWait : configuration.nominationWait)
    }

    /// The best pair that may be nominated.
    private func bestUsable(now: ContinuousClock.Instant?) -> ICEPair.Key? {
        ranked { pair in
            guard pair.state == .succeeded, pair.liveness.silentSince == nil || pair.key == selected else {
                return false
            }
            guard let now, let barredUntil = pair.liveness.barredUntil else { return true }
            return now >= barredUntil
        }.first
    }

    /// Nominates, at the controlling end, what is better than what is in use.
    mutating func reconsider(now: ContinuousClock.Instant) {
        guard role == .controlling, remoteCredentials != nil, nominating == nil, let best = bestUsable(now: now),
            best != selected
        else { return }
        if let selected {
            guard renominates, priority(best) > priority(selected) else { return }
        } else if !renominates, nominationTime.map({ now < $0 }) ?? true {
            let open = ranked { $0.state == .waiting || $0.state == .inProgress || $0.state == .frozen }.first
            guard open.map({ priority($0) < priority(best) }) ?? true else { return }
        }
        nominate(best, now: now)
    }

    mutating func nominate(_ key: ICEPair.Key, now: ContinuousClock.Instant) {
        var number: UInt32?
        if renominates {
            lastNomination &+= 1
            number = lastNomination
        }
        nominating = (key, ICEPair.Nomination(number: number))
        triggered.removeAll { $0 == key }
        trigger(key, first: true)
        resume(now: now)
    }

    /// Follows, at the controlled end, a nomination of the peer, once the pair has answered this end too (§7.3.1.5).
    mutating func follow(_ nomination: ICEPair.Nomination, _ key: ICEPair.Key, now: ContinuousClock.Instant) {
        if let number = nomination.number {
            // One that was overtaken on its way counts no more.
            guard number >= lastNomination else { return }
            lastNomination = number
        } else if let selected, priority(selected) >= priority(key) {
            return
        }
        guard pairs[key]?.state == .succeeded else {
            pairs[key]?.peerNomination = nomination
            return
        }
        pairs[key]?.peerNomination = nil
        select(key, now: now)
    }

    mutating func select(_ key: ICEPair.Key, now: ContinuousClock.Instant) {
        pairs[key]?.state = .succeeded
        guard selected != key, let route = pairs[key]?.route else { return }
        selected = key
        former = nil
        (deadline, hasFailed, recheckedFor) = (nil, false, nil)
        let next = now + consentWait()
        pairs[key]?.liveness.begin(at: now, next: next)
        climb = renominates ? (now + configuration.climbInterval, configuration.climbInterval) : nil
        emit(.selected(route))
        if renominates {
            watchReserves(now: now)
        } else {
            // The search is over (§8.1.2).
            triggered = []
            checks = checks.filter { $0.value.key == key }
            pairs = pairs.filter { $0.key == key || $0.value.state == .succeeded }
        }
    }

    /// Tries again what would be better and has failed: a NAT, a firewall or a network may be another by now. Both ends
    /// do it at about the same time, counted from the same nomination, so that each opens the way for the other.
    mutating func climbIfDue(now: ContinuousClock.Instant) {
        guard renominates, let selected, let due = climb, now >= due.at else { return }
        let wait = min(due.wait * 2, configuration.longestClimbInterval)
        climb = (now + wait, wait)
        let present = priority(selected)
        for key in ranked({ $0.state == .failed }) where priority(key) > present { retry(key) }
        resume(now: now)
    }

    func isIdle(_ pair: ICEPair) -> Bool { pair.state == .failed || pair.state == .succeeded }

    mutating func retry(_ key: ICEPair.Key) {
        pairs[key]?.state = .waiting
        pairs[key]?.isRetry = true
    }
}
