import GroupKeys
import NetworkTypes

extension KeyManager {
    /// Does what has fallen due, and begins the next commit if none is on its way.
    mutating func advance(now: ContinuousClock.Instant) {
        if leader.phase == .starting, ledger.isIdle, withheld == nil, leader.isHeld(now: now) {
            let term = (state.leadership?.term ?? 0) &+ 1
            var step = KeyManagerStep()
            step.leads = true
            step.changes = [.led(Leadership(term: term, boot: configuration.identity.boot))]
            begin(step, of: .none)
        }
        guard mayAct(now: now) else { return }
        registrar.handle(.woken, now: now, using: &random)
        serveRegistrar(now: now)
        while let member = leases.nextExpired(now: now) {
            if let record = state.members[member] { remove(record, .evicted, isUrgent: false, now: now) }
        }
        for packet in delivery.due(now: now) { outputs.append(.multicast(packet)) }
        sendBeacon(now: now)
        if feed.isDue(now: now) { tellForwarders(.progress) }
        if ledger.isIdle { beginNext(now: now) }
        askForWake(now: now)
    }

    private mutating func askForWake(now: ContinuousClock.Instant) {
        var instants = [pulse.nextAt, feed.nextAt, delivery.nextAt, leases.nextDeadline].compactMap { $0 }
        if ledger.isIdle, let at = waiting.firesAt { instants.append(at) }
        if let next = instants.min() { outputs.append(.wake(at: max(next, now))) }
    }

    private mutating func begin(_ step: KeyManagerStep, of origin: KeyManagerStep.Origin) {
        var step = step
        step.origin = origin
        let revision = ledger.begin(step)
        outputs.append(.commit(step.changes, expectedRevision: revision))
    }

    /// The first of these that there is: a batch that is due, a change of the classic tree, changes that need no rekey.
    private mutating func beginNext(now: ContinuousClock.Instant) {
        if let batch = waiting.takeBatch(now: now), let step = makeStep(batch, now: now) {
            return begin(step, of: .batch(batch))
        }
        while let work = waiting.takeClassic() {
            if let step = makeStep(work, now: now) { return begin(step, of: .classic(work)) }
        }
        while case let changes = waiting.takeChanges(), !changes.isEmpty {
            let step = makeStep(changes, now: now)
            if !step.changes.isEmpty { return begin(step, of: .changes(changes)) }
        }
    }

    /// A change waits for its commit; where too many do, it is dropped: whoever wanted it asks again.
    mutating func wait(for change: WaitingChange) {
        _ = waiting.change(change)
    }

    // MARK: The store's answers

    mutating func committed(revision: UInt64, now: ContinuousClock.Instant) {
        guard let step = ledger.committed(revision: revision) else { return }
        withheld = step
        releaseWithheld(now: now)
    }

    /// What is durable is told only while the lease is held: when the answer has come too late another may lead, who
    /// tells it, and more. Once the lease is renewed after all it is told.
    mutating func releaseWithheld(now: ContinuousClock.Instant) {
        guard let step = withheld, leader.isHeld(now: now) else { return }
        withheld = nil
        if step.leads { return beginLeading(step, now: now) }
        release(step, now: now)
    }

    /// What was staged is dropped, and nothing is sent before the state has been read again.
    mutating func conflicted(now: ContinuousClock.Instant) {
        guard let step = ledger.conflicted() else { return }
        waiting.putBack(step.origin, now: now)
        leader.phase = .rereading
        outputs.append(.reread)
    }

    /// As after a conflict, with nothing to drop. A commit that is on its way finds out itself.
    mutating func outdated() {
        guard leader.phase == .leading, withheld == nil, ledger.outdated() else { return }
        leader.phase = .rereading
        outputs.append(.reread)
    }

    /// Whoever still leads decides anew, from the state as it is, what the dropped step was wanted for.
    mutating func reread(_ state: GroupState, revision: UInt64, now: ContinuousClock.Instant) {
        guard leader.phase == .rereading, ledger.reread(revision: revision) else { return }
        let wasLeading = self.state.leadership?.boot == configuration.identity.boot
        if wasLeading, state.leadership?.boot != configuration.identity.boot {
            self.state = state
            return depose()
        }
        guard let trees = try? GroupTrees(configuration, state: state) else { return depose() }
        if wasLeading { follow(to: state, now: now) }
        let isRekeyed = (trees.hardened.epoch, trees.classic.trafficKeyID) != (epoch, self.trees.classic.trafficKeyID)
        self.state = state
        self.trees = trees
        leader.phase = wasLeading ? .leading : .starting
        // Whoever has changed the state may have struck a device off.
        for device in registrar.credentials.keys where state.credentials[device] == nil {
            registrar.handle(.removed(device), now: now, using: &random)
            withdrawAdmissions(of: device, now: now)
        }
        for record in state.credentials.values { registrar.handle(.loaded(record), now: now, using: &random) }
        guard wasLeading else { return }
        if isRekeyed { sendLastRekey(now: now) }
        tellForwardersEverything()
        for command in leader.takeCommands() { act(on: command, now: now) }
    }

    /// A commit whose answer was lost may have been made all the same. Who is gone by it is told, who is new is watched;
    /// a device that has not heard that it is a member begins again.
    private mutating func follow(to next: GroupState, now: ContinuousClock.Instant) {
        for member in state.members.keys.sorted() where next.members[member] == nil {
            notice(member, .evicted, now: now)
        }
        for member in next.members.keys where state.members[member] == nil { leases.began(member, now: now) }
    }

    private mutating func depose() {
        leader.phase = .deposed
        outputs.discard()
        for _ in leader.takeCommands() { outputs.append(.event(.refused)) }
        outputs.append(.event(.deposed))
    }

    private mutating func beginLeading(_ step: KeyManagerStep, now: ContinuousClock.Instant) {
        state.apply(step.changes)
        leader.phase = .leading
        sendLastRekey(now: now)
        tellForwardersEverything()
        for command in leader.takeCommands() { act(on: command, now: now) }
    }

    /// What the key manager before has committed, and perhaps not sent (3.12.2).
    private mutating func sendLastRekey(now: ContinuousClock.Instant) {
        delivery.began(
            trees.lastPackets, coverage: trees.lastCoverage, members: trees.hardened.memberCount, now: now)
        for packet in trees.lastPackets { outputs.append(.multicast(packet)) }
        if let classic = trees.lastClassic { outputs.append(.multicast(classic.datagram)) }
        pulse.news()
    }
}

extension StagedClassicRekey {
    /// REKEY0 as a datagram: in clear, since its keys are sealed (3.5).
    var datagram: [UInt8] {
        Header(
            flags: [.control, .broadcast, .server], suite: .classic, keyID: trafficKeyID, nonce: trafficKeyID,
            bodyCount: body.count
        ).encoded + body
    }
}
