package import NetworkTypes

// What is known of both ends: candidates, credentials, restarts.

extension ICEAgent {
    /// Adds an own candidate; nil where the same was added before, or there are enough.
    ///
    /// - Parameters:
    ///   - address: What the peer is told.
    ///   - base: The socket's own address, or the relayed one.
    ///   - server: Of whom it was learned; nil for a host's own.
    ///   - preference: Among those of one kind; larger is better.
    @discardableResult
    package mutating func addLocal(
        _ kind: ICECandidate.Kind, address: SocketEndpoint, base: SocketEndpoint, server: SocketEndpoint? = nil,
        preference: UInt16, now: ContinuousClock.Instant
    ) -> ICECandidate? {
        // One whose address and base are those of another is redundant (RFC 8445 §5.1.3).
        guard localCandidates.count < ICEDescription.maximumCandidates,
            !localCandidates.contains(where: { $0.address == address && $0.base == base })
        else { return nil }
        let candidate = ICECandidate(
            kind, address: address, base: base, preference: preference,
            foundation: foundation(kind, base: base, server: server))
        localCandidates.append(candidate)
        pair(own: candidate)
        resume(now: now)
        return candidate
    }

    /// Own candidates of one kind, from one address, of one server have one foundation (§5.1.1.3). Numbers tell nothing
    /// of what they stand for.
    private mutating func foundation(
        _ kind: ICECandidate.Kind, base: SocketEndpoint, server: SocketEndpoint?
    ) -> String {
        let origin = ICEOrigin(kind: kind, base: base.address, server: server?.address)
        if let index = origins.firstIndex(of: origin) { return String(index + 1) }
        origins.append(origin)
        return String(origins.count)
    }

    /// Takes away everything that leaves from a base: its interface is gone, or its server.
    package mutating func removeLocal(base: SocketEndpoint, now: ContinuousClock.Instant) {
        localCandidates.removeAll { $0.base == base }
        for key in pairs.keys where key.local == base { forget(key) }
        if former?.pair.key.local == base { former = nil }
        reconsider(now: now)
    }

    /// No own candidates will follow in this generation.
    package mutating func completeLocal(now: ContinuousClock.Instant) {
        localIsComplete = true
        failIfHopeless(now: now)
    }

    /// Takes what the peer tells: at first, again with more candidates, or with other credentials after its restart, which
    /// restarts this end too.
    package mutating func setRemote(_ description: ICEDescription, now: ContinuousClock.Instant) {
        if let known = remoteCredentials, known != description.credentials { restart(now: now) }
        if remoteCredentials == nil {
            remoteCredentials = description.credentials
            deadline = now + configuration.patience
        }
        remoteRenominates = description.renominates
        pacing = max(pacing, description.pacing).clamped(to: ICEDescription.pacings)
        for candidate in description.candidates { addRemote(candidate) }
        if description.isComplete { remoteIsComplete = true }
        let waiting = early
        early = []
        for check in waiting { learn(check, now: now) }
        resume(now: now)
        failIfHopeless(now: now)
    }

    /// Both ends have proved to be on one link with these addresses: candidates of the peer at its address there are checked
    /// from here on, from the own one, and no others that are private.
    package mutating func provedSameNetwork(_ proved: ICENeighbours, now: ContinuousClock.Instant) {
        guard neighbours.count < Self.maximumNeighbours else { return }
        neighbours.insert(proved)
        let candidates = withheld.filter { $0.address.address == proved.peer }
        withheld.removeAll { $0.address.address == proved.peer }
        for candidate in candidates { accept(candidate) }
        // One that is known by another link of this end may be checked from this one too.
        for remote in remoteCandidates where remote.address.address == proved.peer {
            for own in localCandidates { pair(own, remote) }
        }
        resume(now: now)
    }

    /// Whether something may be sent from an own address to one of the peer's.
    func allows(from own: IPAddress, to peer: IPAddress) -> Bool {
        switch ICEReach(of: peer) {
        case .open: true
        case .sameNetworkOnly: isSameNetwork || neighbours.contains(ICENeighbours(own: own, peer: peer))
        case .never: false
        }
    }

    /// Draws new credentials and begins anew with the own candidates (§9). Data goes on over the selected pair until
    /// another is. The peer has to be told.
    package mutating func restart(now: ContinuousClock.Instant) {
        if let pair = selected.flatMap({ pairs[$0] }), let remoteCredentials {
            former = Former(pair: pair, local: localCredentials, remote: remoteCredentials)
        }
        localCredentials = ICECredentials(using: &random)
        remoteCredentials = nil
        (remoteCandidates, withheld, early, triggered) = ([], [], [], [])
        (pairs, checks) = ([:], [:])
        (selected, nominating, climb, firstSuccess, deadline) = (nil, nil, nil, nil, nil)
        (lastNomination, hasFailed, remoteIsComplete) = (0, false, false)
        pacing = configuration.pacing.clamped(to: ICEDescription.pacings)
        nextSlot = max(nextSlot, now)
    }

    private mutating func addRemote(_ candidate: ICECandidate) {
        guard
            !remoteCandidates.contains(where: { $0.address == candidate.address && $0.kind != .peerReflexive }),
            !withheld.contains(where: { $0.address == candidate.address })
        else { return }
        let told = remoteCandidates.count { $0.kind != .peerReflexive } + withheld.count
        let reach = ICEReach(ofCandidate: candidate.address)
        guard told < ICEDescription.maximumCandidates, reach != .never, candidate.kind != .peerReflexive,
            !localCandidates.contains(where: { $0.base == candidate.address })
        else {
            refusedCandidates += 1
            return
        }
        guard
            reach == .open || isSameNetwork || neighbours.contains(where: { $0.peer == candidate.address.address })
        else {
            withheld.append(candidate)
            return
        }
        accept(candidate)
    }

    private mutating func accept(_ candidate: ICECandidate) {
        // An address that a check has shown before is told of now: the pairs that it has stay, and are worth what the
        // candidate is (§7.3.1.3).
        remoteCandidates.removeAll { $0.kind == .peerReflexive && $0.address == candidate.address }
        remoteCandidates.append(candidate)
        for key in pairs.keys where key.remote == candidate.address { pairs[key]?.remote = candidate }
        for own in localCandidates { pair(own, candidate) }
    }

    private mutating func pair(own: ICECandidate) {
        for remote in remoteCandidates { pair(own, remote) }
    }

    /// Makes a pair of an own base and a candidate of the peer (§6.1.2.2). Reflexive ones are sent from their bases, so
    /// their pairs would be others' again (§6.1.2.4).
    mutating func pair(_ own: ICECandidate, _ remote: ICECandidate) {
        guard own.kind == .host || own.kind == .relayed, own.address.address.isSameKind(as: remote.address.address)
        else { return }
        // A server cannot reach into this end's network, and would be made to look around in its own.
        guard own.kind == .host || ICEReach(of: remote.address.address) == .open,
            allows(from: own.base.address, to: remote.address.address)
        else { return }
        let address = SocketEndpoint(remote.address.address, port: remote.address.port, zone: own.base.zone)
        let key = ICEPair.Key(local: own.base, remote: address)
        guard pairs[key] == nil else { return }
        if pairs.count >= configuration.maximumPairs {
            let fresh = ICEPair(key: key, local: own, remote: remote)
            guard let worst = ranked({ $0.state == .frozen || $0.state == .waiting }).last,
                priority(worst) < fresh.priority(isControlling: role == .controlling)
            else { return }
            forget(worst)
        }
        pairs[key] = ICEPair(key: key, local: own, remote: remote)
    }

    mutating func forget(_ key: ICEPair.Key) {
        pairs[key] = nil
        triggered.removeAll { $0 == key }
        checks = checks.filter { $0.value.key != key }
        if nominating?.key == key { nominating = nil }
    }
}

/// What own candidates of one foundation have in common.
struct ICEOrigin: Hashable, Sendable {
    let kind: ICECandidate.Kind
    let base: IPAddress
    let server: IPAddress?
}

extension IPAddress {
    /// Of one family, and both or neither of a link (RFC 8445 §6.1.2.2).
    fileprivate func isSameKind(as other: IPAddress) -> Bool {
        switch (self, other) {
        case (.v4, .v4): true
        case (.v6(let left), .v6(let right)): left.isLinkLocal == right.isLinkLocal
        default: false
        }
    }
}
