/// How a member that lacks an epoch is served (group keys specification 3.9.6): alone, with the others of its packet,
/// or not yet.
struct ResyncGate: Sendable {
    /// What is done.
    enum Verdict: Hashable, Sendable {
        /// The member gets its keys, sealed for it alone.
        case unicast
        /// The packet is sent to all again.
        case resend(packet: Int)
        /// Nothing: it comes too often, or there is too much to do.
        case refuse
    }

    private let limits: KeyManagerLimits
    private var rate: RequestRate
    private var servedAt: [UInt32: ContinuousClock.Instant] = [:]
    private var missing: [Int: Set<UInt32>] = [:]
    private var resentAt: [Int: ContinuousClock.Instant] = [:]

    init(limits: KeyManagerLimits, now: ContinuousClock.Instant) {
        self.limits = limits
        rate = RequestRate(perSecond: limits.resyncsPerSecond, burst: limits.resyncsPerSecond, now: now)
    }

    /// An epoch begins; what was counted for the one before does not matter any more.
    mutating func epochBegan() {
        servedAt = [:]
        missing = [:]
        resentAt = [:]
    }

    /// Decides for a member. `packet` is the packet of the current epoch that would help it, with the number of its
    /// members; nil when none would, because the member lacks more than this epoch. `copies` is how often a unicast
    /// answer is sent: each counts.
    mutating func verdict(
        for member: UInt32, packet: (index: Int, members: Int)?, copies: Int = 1, now: ContinuousClock.Instant
    ) -> Verdict {
        if let at = servedAt[member], now - at < limits.resyncGap { return .refuse }
        if let packet {
            missing[packet.index, default: []].insert(member)
            let lacking = missing[packet.index]?.count ?? 0
            if lacking > limits.resendFloor, lacking * 100 > packet.members * limits.resendPercent {
                if let at = resentAt[packet.index], now - at < limits.resyncGap { return .refuse }
                resentAt[packet.index] = now
                missing[packet.index] = []
                servedAt[member] = now
                return .resend(packet: packet.index)
            }
        }
        guard rate.allows(copies, now: now) else { return .refuse }
        servedAt[member] = now
        return .unicast
    }
}
