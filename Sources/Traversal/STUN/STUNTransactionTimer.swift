/// When a request over UDP is sent again, and when it has failed (RFC 8489 §6.2.1).
///
///     sent ──RTO──▶ sent again (RTO doubles) … the seventh time ──16 × RTO──▶ failed
///
/// With the defaults: 0, 500, 1500, 3500, 7500, 15500, 31500 ms, and given up at 39500 ms. Over a stream nothing is sent
/// again, and 39.5 s is the limit.
package struct STUNTransactionTimer: Hashable, Sendable {
    /// The values of §6.2.1.
    package struct Configuration: Hashable, Sendable {
        /// The first wait. ICE asks for a longer one when many requests are on their way.
        package var firstWait = Duration.milliseconds(500)
        /// How often it is sent in all (Rc).
        package var sends = 7
        /// How many first waits are waited for after the last (Rm).
        package var lastWaits = 16
        /// Whether the transport loses nothing.
        package var isReliable = false

        package init() {}
    }

    /// What is due.
    package enum Due: Hashable, Sendable {
        /// Send the request again, then ask for the next moment.
        case send
        /// Nobody has answered.
        case failed
    }

    private let configuration: Configuration
    private var sent = 1
    /// The moment at which ``due(at:)`` has something to say.
    package private(set) var next: ContinuousClock.Instant

    /// The request is sent at `now` for the first time.
    package init(at now: ContinuousClock.Instant, configuration: Configuration = .init()) {
        self.configuration = configuration
        next = now
        next = now + (configuration.isReliable ? .milliseconds(39_500) : wait)
    }

    /// The wait after the sends that were made.
    private var wait: Duration {
        sent < configuration.sends
            ? configuration.firstWait * (1 << (sent - 1)) : configuration.firstWait * configuration.lastWaits
    }

    /// What is due at a moment; nil while there is nothing.
    package mutating func due(at now: ContinuousClock.Instant) -> Due? {
        guard now >= next else { return nil }
        guard !configuration.isReliable, sent < configuration.sends else { return .failed }
        sent += 1
        next += wait
        return .send
    }
}
