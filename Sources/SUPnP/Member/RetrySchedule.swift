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

    /// A message to the key manager that has to arrive.
    static func control(at: ContinuousClock.Instant, attempts: Int = .max) -> RetrySchedule {
        let steps: [Duration] = [.milliseconds(500), .milliseconds(1_000), .milliseconds(2_000)]
        return RetrySchedule(intervals: steps, attempts: attempts, at: at)
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
