/// When each member was heard last: whoever is silent for the length of its lease is gone (3.9.7).
struct LeaseTable: Sendable {
    private let lease: Duration
    private var heardAt: [UInt32: ContinuousClock.Instant] = [:]
    private var checks = DeadlineQueue<UInt32>()

    init(lease: Duration) { self.lease = lease }

    /// A member is watched from `now` on.
    mutating func began(_ member: UInt32, now: ContinuousClock.Instant) {
        let isNew = heardAt.updateValue(now, forKey: member) == nil
        if isNew { checks.add(member, at: now + lease) }
    }

    /// A member was heard.
    mutating func heard(_ member: UInt32, now: ContinuousClock.Instant) {
        if heardAt[member] != nil { heardAt[member] = now }
    }

    /// A member is not watched any more.
    mutating func ended(_ member: UInt32) { heardAt[member] = nil }

    /// The next member whose lease is over; it is then not watched any more.
    mutating func nextExpired(now: ContinuousClock.Instant) -> UInt32? {
        while let member = checks.popDue(now: now) {
            guard let heard = heardAt[member] else { continue }
            if heard + lease <= now {
                heardAt[member] = nil
                return member
            }
            checks.add(member, at: heard + lease)
        }
        return nil
    }

    /// When ``nextExpired(now:)`` is worth a call.
    var nextDeadline: ContinuousClock.Instant? { checks.next }
}
