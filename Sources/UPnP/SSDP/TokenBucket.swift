/// A rate limit that allows bursts: `capacity` tokens at first, refilled at `rate` a second.
struct TokenBucket: Sendable {
    private let capacity: Double
    private let rate: Double
    private var tokens: Double
    private var refilled: ContinuousClock.Instant

    init(capacity: Int, rate: Int, now: ContinuousClock.Instant) {
        self.capacity = Double(max(capacity, 0))
        self.rate = Double(max(rate, 0))
        self.tokens = self.capacity
        self.refilled = now
    }

    /// Takes one token if there is one.
    mutating func take(now: ContinuousClock.Instant) -> Bool {
        refill(now: now)
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }

    /// Whether nothing has been taken for so long that the bucket need not be remembered.
    mutating func isFull(now: ContinuousClock.Instant) -> Bool {
        refill(now: now)
        return tokens >= capacity
    }

    private mutating func refill(now: ContinuousClock.Instant) {
        guard now > refilled else { return }
        tokens = min(capacity, tokens + (now - refilled) / .seconds(1) * rate)
        refilled = now
    }
}
