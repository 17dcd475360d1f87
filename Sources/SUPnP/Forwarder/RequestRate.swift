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

    /// Takes so many tokens, if there are as many; of more than the bucket holds, a full one.
    mutating func allows(_ count: Int = 1, now: ContinuousClock.Instant) -> Bool {
        refill(now: now)
        let count = min(count, burst)
        guard tokens >= count else { return false }
        tokens -= count
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
