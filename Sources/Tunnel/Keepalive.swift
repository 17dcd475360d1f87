/// When to ask a quiet peer for a sign of life, and when to give it up.
///
/// ```
/// listening ──quiet for `interval`──▶ asking ──quiet for `patience`──▶ silent
///     ▲                                  │
///     └──────────── heard ───────────────┘
/// ```
/// Everything that arrives counts as a sign of life; what is sent does not. The machine holds no
/// timer: the driver calls `nextStep` when it was told to, and `heard` whenever bytes arrive.
package struct Keepalive: Hashable, Sendable {
    /// The two times of a keepalive.
    package struct Configuration: Hashable, Sendable {
        /// How long the peer may be quiet before it is asked; asked again as often.
        package var interval: Duration
        /// How long the peer may be quiet before it is declared silent.
        package var patience: Duration

        /// Three and ten seconds unless said otherwise. `patience` is never less than `interval`.
        package init(interval: Duration = .seconds(3), patience: Duration = .seconds(10)) {
            self.interval = max(interval, .milliseconds(1))
            self.patience = max(patience, self.interval)
        }
    }

    /// What the driver has to do.
    package enum Step: Hashable, Sendable {
        /// Nothing before this time.
        case wake(at: ContinuousClock.Instant)
        /// Send a ping, and come back at this time.
        case ping(wakeAt: ContinuousClock.Instant)
        /// Give the peer up: nothing was heard for so long.
        case silent(for: Duration)
    }

    private let configuration: Configuration
    private var lastHeard: ContinuousClock.Instant
    private var lastAsked: ContinuousClock.Instant?

    /// Starts listening.
    package init(_ configuration: Configuration, now: ContinuousClock.Instant) {
        self.configuration = configuration
        self.lastHeard = now
    }

    /// The peer gave a sign of life.
    package mutating func heard(now: ContinuousClock.Instant) {
        lastHeard = max(lastHeard, now)
        lastAsked = nil
    }

    /// What is due at `now`.
    package mutating func nextStep(now: ContinuousClock.Instant) -> Step {
        let quiet = lastHeard.duration(to: now)
        if quiet >= configuration.patience { return .silent(for: quiet) }
        let end = lastHeard + configuration.patience
        let due = (lastAsked ?? lastHeard) + configuration.interval
        guard now >= due else { return .wake(at: min(due, end)) }
        lastAsked = now
        return .ping(wakeAt: min(now + configuration.interval, end))
    }
}
