import GroupKeys
import NetworkTypes

/// What each kind of change makes durable. Nothing here changes the key manager's own state: a step that conflicts
/// leaves no trace.
extension KeyManager {
    /// A batch of the hardened tree; nil when nothing is left of it.
    mutating func makeStep(_ batch: WaitingMembership.Batch, now: ContinuousClock.Instant) -> KeyManagerStep? {
        var step = KeyManagerStep()
        step.isUrgent = batch.isUrgent
        var latest: [DeviceID: Admission] = [:]
        for admission in batch.joins {
            if let older = latest.updateValue(admission, forKey: admission.record.device) {
                registrar.handle(.discarded(older.registration), now: now, using: &random)
            }
        }
        let joins = batch.joins.filter { latest[$0.record.device]?.record.id == $0.record.id }
        for join in joins where hasItsTree(for: join, now: now) { step.admissions.append(join) }
        var removals = batch.removals
        for admission in step.admissions {
            if let old = state.member(of: admission.record.device) { removals[old.id] = .left }
        }
        step.removals = removals.keys.sorted().compactMap { id in
            state.members[id] == nil ? nil : (id, removals[id] ?? .left)
        }
        step.refreshes = batch.refreshes.values.filter { isCurrent($0) && removals[$0.member] == nil }
            .sorted { $0.member < $1.member }
        guard stage(&step, now: now) else { return nil }
        return step
    }

    private mutating func stage(_ step: inout KeyManagerStep, now: ContinuousClock.Instant) -> Bool {
        var batch = KeyTreeBatch()
        batch.removals = step.removals.compactMap { hardenedLeaf(of: $0.member) }
        batch.joiners = step.admissions.compactMap { admission in
            admission.leafSecret.map { KeyTreeBatch.Joiner(member: admission.record.id, secret: $0) }
        }
        batch.refreshes = step.refreshes.compactMap { refresh in
            guard let leaf = hardenedLeaf(of: refresh.member), let secret = refresh.leafSecret else { return nil }
            return (leaf, KeyTreeBatch.Joiner(member: refresh.member, secret: secret))
        }
        if batch.count > 0 {
            guard let diff = try? trees.hardened.plan(batch, using: &random),
                let staged = try? trees.hardened.stage(diff)
            else { return declineJoins(of: &step, now: now) }
            step.staged = staged
        }
        step.changes = [.removed(step.removals.map(\.member)), .admitted(step.admissions.map(\.record))]
        step.changes += step.refreshes.map(\.change)
        if let staged = step.staged {
            if state.journal.count >= configuration.journalLimit { step.changes.append(.condensed(trees.snapshot())) }
            step.changes.append(.rekeyed(staged.diff))
        }
        return !(step.removals.isEmpty && step.admissions.isEmpty && step.refreshes.isEmpty)
    }

    /// The tree has no room for the joiners: they are told so, and the others are served without them.
    private mutating func declineJoins(of step: inout KeyManagerStep, now: ContinuousClock.Instant) -> Bool {
        guard !step.admissions.isEmpty else { return false }
        for admission in step.admissions {
            registrar.handle(.declined(admission.registration, .capacity), now: now, using: &random)
        }
        serveRegistrar(now: now)
        step.admissions = []
        return stage(&step, now: now)
    }

    /// Whether a refresh follows on what the member has.
    private func isCurrent(_ refresh: RefreshStep) -> Bool {
        state.members[refresh.member]?.generation == refresh.pending.generation
    }

    private func hardenedLeaf(of member: UInt32) -> UInt32? {
        guard let record = state.members[member], record.suite.isHardened else { return nil }
        return record.leaf
    }

    /// One change of the classic tree; nil when there is nothing to do.
    mutating func makeStep(
        _ work: WaitingMembership.ClassicWork, now: ContinuousClock.Instant
    ) -> KeyManagerStep? {
        let seed = SecretBytes(count: 32, using: &random)
        var step = KeyManagerStep()
        switch work {
        case .leave(let member, let departure):
            guard let record = state.members[member] else { return nil }
            step.removals = [(member, departure)]
            step.changes = [.removed([member])]
            guard !record.suite.isHardened, let leaf = record.leaf else { return step }
            return classic(ClassicTreeChange(change: .leave, leaf: leaf, member: nil, seed: seed), step)
        case .join(let admission):
            // A join whose first try conflicted may wait twice.
            guard state.members[admission.record.id] == nil, hasItsTree(for: admission, now: now) else { return nil }
            if let old = state.member(of: admission.record.device) {
                // Its old membership goes first; then the join is tried again.
                _ = waiting.classic(work)
                return makeStep(.leave(old.id, .left), now: now)
            }
            guard let leaf = trees.classic.emptyLeaf else {
                registrar.handle(.declined(admission.registration, .capacity), now: now, using: &random)
                serveRegistrar(now: now)
                return nil
            }
            step.admissions = [admission]
            step.changes = [.admitted([admission.record])]
            let change = ClassicTreeChange(change: .join, leaf: leaf, member: admission.record.id, seed: seed)
            return classic(change, step)
        }
    }

    /// Whether a device has no leaf of the other suite's tree. If it has, because its record has changed, that tree is
    /// rekeyed first, by a change of its own, and the device begins again meanwhile.
    private mutating func hasItsTree(for admission: Admission, now: ContinuousClock.Instant) -> Bool {
        guard let old = state.member(of: admission.record.device), old.isServer,
            old.suite.isHardened != admission.record.suite.isHardened
        else { return true }
        registrar.handle(.discarded(admission.registration), now: now, using: &random)
        remove(old, .left, isUrgent: false, now: now)
        return false
    }

    private func classic(_ change: ClassicTreeChange, _ step: KeyManagerStep) -> KeyManagerStep? {
        guard let staged = try? GroupTrees.stage(change, on: trees.classic) else { return nil }
        var step = step
        step.classic = [staged]
        if state.classicJournal.count >= configuration.journalLimit {
            step.changes.append(.classicCondensed(trees.classicSnapshot()))
        }
        step.changes.append(.classicRekeyed(change))
        return step
    }

    /// Changes that need no rekey.
    mutating func makeStep(_ changes: [WaitingChange], now: ContinuousClock.Instant) -> KeyManagerStep {
        var step = KeyManagerStep()
        for change in changes {
            switch change {
            case .admission(let admission): add(admission, to: &step, now: now)
            case .removal(let member, let departure):
                guard state.members[member] != nil else { continue }
                step.removals.append((member, departure))
                step.changes.append(.removed([member]))
            case .refresh(let refresh):
                guard isCurrent(refresh) else { continue }
                step.refreshes.append(refresh)
                step.changes.append(refresh.change)
            case .offers(let member, let offers, let correlation):
                guard state.members[member] != nil, state.directory.hasRoom(for: offers, of: member) else {
                    continue
                }
                step.changes.append(.offered(member, offers))
                step.replies.append((member, OfferMessages.acknowledgement(correlation)))
            case .administrative(let change): step.changes.append(change)
            case .refreshConfirmed(let member): step.changes.append(.refreshConfirmed(member))
            }
        }
        return step
    }

    private mutating func add(_ admission: Admission, to step: inout KeyManagerStep, now: ContinuousClock.Instant) {
        if let old = state.member(of: admission.record.device) {
            guard !old.isServer else {
                // A server that comes back as a client: its leaf goes in a batch, and it begins again meanwhile.
                registrar.handle(.discarded(admission.registration), now: now, using: &random)
                return remove(old, .left, isUrgent: false, now: now)
            }
            step.removals.append((old.id, .left))
            step.changes.append(.removed([old.id]))
        }
        step.admissions.append(admission)
        step.changes.append(.admitted([admission.record]))
    }
}
