/// When a session that stands looks for a better way: soon after it began, then ever more rarely, so that a phone on a
/// network that allows nothing better is not kept awake.
package struct ClimbSchedule: Hashable, Sendable {
    /// The pauses before the attempts; the last one is repeated.
    package var pauses: [Duration]
    /// Attempts in all; none after them until the way is lost.
    package var attempts: Int
    private var made = 0

    /// - Parameter pauses: 0.1 s, 3 s, 10 s, 1 min and then every 5 min by default.
    package init(
        pauses: [Duration] = [.milliseconds(100), .seconds(3), .seconds(10), .seconds(60), .seconds(300)],
        attempts: Int = 100
    ) {
        self.pauses = pauses
        self.attempts = attempts
    }

    /// The pause before the next attempt; nil when there is to be none.
    package mutating func next() -> Duration? {
        guard made < attempts, let last = pauses.last else { return nil }
        defer { made += 1 }
        return made < pauses.count ? pauses[made] : last
    }
}
