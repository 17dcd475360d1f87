/// A token bucket in whole tokens and attoseconds: so many at once, so many per second in the long run.
struct RequestRate: Sendable {
    private let burst: Int
    private let interval: Duration
    private var tokens: Int
    private var countedAt: ContinuousClock.Instant

    /// A full bucket. Both numbers are at least 1.
    init(perSecond: Int, burst: Int, now: ContinuousClock.Instant) {
        self.burst = max(1, burst)
        interval = .seconds(1) / max(1, perSecond)
        tokens = self.burst
        countedAt = now
    }

    /// Takes a token, if there is one.
    mutating func allows(now: ContinuousClock.Instant) -> Bool {
        refill(now: now)
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }

    private mutating func refill(now: ContinuousClock.Instant) {
        guard tokens < burst else { return countedAt = max(countedAt, now) }
        guard now - countedAt < interval * (burst - tokens) else {
            tokens = burst
            return countedAt = now
        }
        while now - countedAt >= interval, tokens < burst {
            tokens += 1
            countedAt += interval
        }
    }
}
