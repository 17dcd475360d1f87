import GroupKeys

/// The joins, leaves and refreshes that wait for a rekey, and the changes that need none.
struct WaitingMembership: Sendable {
    /// What one rekey of the hardened tree serves.
    struct Batch: Sendable {
        var joins: [Admission] = []
        var removals: [UInt32: LinkBook.Departure] = [:]
        var refreshes: [UInt32: RefreshStep] = [:]
        var isUrgent = false

        var isEmpty: Bool { joins.isEmpty && removals.isEmpty && refreshes.isEmpty }
    }

    /// One change of the classic tree, which serves each alone.
    enum ClassicWork: Sendable {
        case join(Admission)
        case leave(UInt32, LinkBook.Departure)
    }

    private let limits: KeyManagerLimits
    private var batch = Batch()
    private var schedule: BatchSchedule
    private var classic: [ClassicWork] = []
    private var changes: [WaitingChange] = []
    private var single: Set<WaitingChange.Single> = []
    private var nextMember: UInt32 = 0
    private var lastKeyID: UInt16 = 0

    init(limits: KeyManagerLimits) {
        self.limits = limits
        schedule = BatchSchedule(limits: limits)
    }

    /// When the next rekey is due; nil when nothing waits for one.
    var firesAt: ContinuousClock.Instant? { schedule.firesAt }

    /// A number for a member; it is given once, whether the member comes to be or not. Nil when there is none left.
    mutating func allocateMember(after state: GroupState) -> UInt32? {
        let id = max(nextMember, state.nextMember)
        guard id < .max else { return nil }
        nextMember = id + 1
        return id
    }

    /// The KEYID of a classic member, which names its key: none that a member has, and none of the last 65,533 given.
    /// Nil when there is none left.
    mutating func allocateClassicKeyID(in state: GroupState) -> UInt16? {
        for step in 1...0xFFFE {
            let id = UInt16((Int(lastKeyID) + step - 1) % 0xFFFE + 1)
            guard state.classicMember(keyID: id) == nil else { continue }
            lastKeyID = id
            return id
        }
        return nil
    }

    /// A server joins the hardened tree. False when too many wait.
    mutating func join(_ admission: Admission, now: ContinuousClock.Instant) -> Bool {
        guard schedule.hasRoom else { return false }
        batch.joins.append(admission)
        schedule.added(isUrgent: false, now: now)
        return true
    }

    /// A server of the hardened tree goes. Leaving twice is leaving once; what is more urgent holds.
    mutating func remove(
        _ member: UInt32, _ departure: LinkBook.Departure, isUrgent: Bool, now: ContinuousClock.Instant
    ) {
        let isKnown = batch.removals[member] != nil
        if !isKnown || departure == .evicted { batch.removals[member] = departure }
        batch.refreshes[member] = nil
        batch.isUrgent = batch.isUrgent || isUrgent
        if !isKnown || isUrgent { schedule.added(isUrgent: isUrgent, now: now) }
    }

    /// A server's leaf gets a fresh secret. False when it already waits for that, or for its removal.
    mutating func refresh(_ step: RefreshStep, now: ContinuousClock.Instant) -> Bool {
        guard batch.refreshes[step.member] == nil, batch.removals[step.member] == nil, schedule.hasRoom else {
            return false
        }
        batch.refreshes[step.member] = step
        schedule.added(isUrgent: false, now: now)
        return true
    }

    /// A change of the classic tree. False when too many wait; a leave always has its place, since it is the only one of
    /// its member.
    mutating func classic(_ work: ClassicWork) -> Bool {
        if case .leave(let member, let departure) = work {
            let known = classic.firstIndex { if case .leave(member, _) = $0 { true } else { false } }
            if let known {
                if departure == .evicted { classic[known] = work }
            } else {
                classic.append(work)
            }
            return true
        }
        guard classic.count < limits.waitingEvents else { return false }
        classic.append(work)
        return true
    }

    /// A change that needs no rekey. False when too many wait; a removal and what was set up here always have their
    /// place, so that nobody keeps them out. Of what a member says again only the last waits.
    mutating func change(_ change: WaitingChange) -> Bool {
        if let one = change.single, single.contains(one), let index = changes.firstIndex(where: { $0.single == one }) {
            if change.replaces(changes[index]) { changes[index] = change }
            return true
        }
        guard change.isAlwaysTaken || changes.count < limits.waitingChanges else { return false }
        if let one = change.single { single.insert(one) }
        changes.append(change)
        return true
    }

    /// Nobody is to be admitted any more on what a device has proven so far. Gives the admissions that waited.
    mutating func withdraw(_ device: DeviceID) -> [Admission] {
        var withdrawn = batch.joins.filter { $0.record.device == device }
        batch.joins.removeAll { $0.record.device == device }
        classic.removeAll { work in
            guard case .join(let admission) = work, admission.record.device == device else { return false }
            withdrawn.append(admission)
            return true
        }
        changes.removeAll { change in
            guard case .admission(let admission) = change, admission.record.device == device else { return false }
            withdrawn.append(admission)
            return true
        }
        return withdrawn
    }

    /// The batch, if it is due.
    mutating func takeBatch(now: ContinuousClock.Instant) -> Batch? {
        guard let at = schedule.firesAt, at <= now else { return nil }
        schedule.fired(now: now)
        defer { batch = Batch() }
        return batch.isEmpty ? nil : batch
    }

    /// The oldest change of the classic tree.
    mutating func takeClassic() -> ClassicWork? { classic.isEmpty ? nil : classic.removeFirst() }

    /// The oldest changes that need no rekey.
    mutating func takeChanges() -> [WaitingChange] {
        let taken = Array(changes.prefix(limits.changesPerCommit))
        changes.removeFirst(taken.count)
        single.subtract(taken.compactMap(\.single))
        return taken
    }

    /// What a commit that conflicted was made of waits again, before everything else.
    mutating func putBack(_ origin: KeyManagerStep.Origin, now: ContinuousClock.Instant) {
        switch origin {
        case .none: return
        case .batch(let old):
            batch.joins = old.joins + batch.joins
            batch.removals.merge(old.removals) { new, _ in new }
            batch.refreshes.merge(old.refreshes) { new, _ in new }
            batch.isUrgent = batch.isUrgent || old.isUrgent
            schedule.added(isUrgent: old.isUrgent, now: now)
        case .classic(let work): classic.insert(work, at: 0)
        case .changes(let old):
            changes = old + changes
            single.formUnion(old.compactMap(\.single))
        }
    }

    /// Whether a member's refresh waits.
    func refreshWaits(for member: UInt32) -> Bool {
        batch.refreshes[member] != nil
            || changes.contains { if case .refresh(let step) = $0 { step.member == member } else { false } }
    }
}
