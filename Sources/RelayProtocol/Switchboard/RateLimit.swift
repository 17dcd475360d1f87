/// So many in a second, and so many at once, in the space of one instant (the generic cell rate algorithm of ITU-T
/// I.371, as a virtual schedule).
package struct RateLimit: Hashable, Sendable {
    /// A rate and its burst.
    package struct Rate: Hashable, Sendable {
        /// How many in a second, in the long run.
        package var perSecond: Double
        /// How many at once.
        package var burst: Int

        /// Makes a rate; both are at least a thousandth and 1.
        package init(perSecond: Double, burst: Int) {
            self.perSecond = max(perSecond, 0.001)
            self.burst = max(burst, 1)
        }
    }

    private var theoretical: ContinuousClock.Instant?

    /// Makes a limit that nothing has used.
    package init() {}

    /// Whether one more may come now; counts it if so.
    package mutating func admits(_ rate: Rate, now: ContinuousClock.Instant) -> Bool {
        let interval = Duration.seconds(1) / rate.perSecond
        let arrival = max(theoretical ?? now, now)
        guard now.duration(to: arrival) <= interval * Double(rate.burst - 1) else { return false }
        theoretical = arrival + interval
        return true
    }

    /// Whether nothing of it is used.
    package func isRested(now: ContinuousClock.Instant) -> Bool { theoretical.map { $0 <= now } ?? true }
}
