/// When something that nobody has answered is sent again: after each of its intervals, the last one as often as wanted.
struct RetrySchedule: Sendable {
    private let intervals: [Duration]
    private let attempts: Int
    private var sent = 0
    /// When it is sent next, or given up.
    private(set) var at: ContinuousClock.Instant

    /// Begins at `at`; `attempts` sendings in all.
    init(intervals: [Duration], attempts: Int, at: ContinuousClock.Instant) {
        self.intervals = intervals
        self.attempts = attempts
        self.at = at
    }

    /// A request of a client (group keys specification 3.10.3).
    static func request(at: ContinuousClock.Instant) -> RetrySchedule {
        let steps: [Duration] = [.milliseconds(250), .milliseconds(500), .milliseconds(1_000)]
        return RetrySchedule(intervals: steps, attempts: 3, at: at)
    }

    /// A message to the key manager that has to arrive. It is repeated ever more seldom: a key manager that cannot keep
    /// up is not helped by being asked more.
    static func control(at: ContinuousClock.Instant, attempts: Int = .max) -> RetrySchedule {
        let steps: [Duration] = [.milliseconds(500), .seconds(1), .seconds(2), .seconds(4)]
        return RetrySchedule(intervals: steps, attempts: attempts, at: at)
    }

    /// The same for what all members may want at one time: its intervals are up to a quarter shorter or longer, so that
    /// those who ask together do not ask again together.
    static func control(
        at: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> RetrySchedule {
        let plain = RetrySchedule.control(at: at)
        let stretch = Int.random(in: 750...1_250, using: &random)
        return RetrySchedule(
            intervals: plain.intervals.map { $0 / 1_000 * stretch }, attempts: plain.attempts, at: at)
    }

    /// What is due.
    enum Due: Hashable, Sendable {
        case nothing, send, giveUp
    }

    /// What is due now.
    mutating func due(now: ContinuousClock.Instant) -> Due {
        guard at <= now else { return .nothing }
        guard sent < attempts else { return .giveUp }
        at = now + intervals[min(sent, intervals.count - 1)]
        sent += 1
        return .send
    }
}
