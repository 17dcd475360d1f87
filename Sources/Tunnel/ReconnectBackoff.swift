/// How long to wait before the next attempt to reconnect: doubles from a floor to a ceiling, with jitter
/// so that clients that lost the same gateway do not come back together.
package struct ReconnectBackoff: Hashable, Sendable {
    private let floor: Duration
    private let ceiling: Duration
    private var attempts = 0

    /// Waits between `floor` (default 0.2 s) and `ceiling` (default 10 s). A ceiling below the floor is the floor.
    package init(floor: Duration = .milliseconds(200), ceiling: Duration = .seconds(10)) {
        self.floor = max(floor, .milliseconds(1))
        self.ceiling = max(ceiling, self.floor)
    }

    /// How many delays were asked for since the last success.
    package var failures: Int { attempts }

    /// The next delay: somewhere in the upper half of floor · 2ⁿ, never above the ceiling or below the floor.
    package mutating func nextDelay(using random: inout some RandomNumberGenerator) -> Duration {
        // Beyond 2^20 the doubling is past any ceiling that makes sense, and cannot overflow before it.
        let full = min(ceiling, floor * (1 << min(attempts, 20)))
        attempts += 1
        let half = full / 2
        return max(floor, half + half * Double.random(in: 0...1, using: &random))
    }

    /// A connection was made and answered: the next loss is tried again at once.
    package mutating func succeeded() {
        attempts = 0
    }
}
