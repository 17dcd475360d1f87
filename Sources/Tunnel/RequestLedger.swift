/// Sees to it that a request that may have been sent twice runs at most once.
///
/// ```
///          begin                finish(answer)              answers over their bound, or no answer
///  (none) ───────▶ running ───────────────────▶ answered ──────────────────────────▶ unknown
///     ▲               │                             │                                   │
///     │           abandon                           └────────────── age ────────────────┤
///     └───────────────┴─────────────────────────────────────────────────────────────────┘
/// ```
/// A request that was seen and whose answer is gone is never run again: its repetition is told that the
/// outcome is unknown. Identifiers are forgotten by age only, so a client must not repeat a request
/// after `Limits.age`. Waiting is the driver's affair: it names its waiters, and `finish` returns them.
package struct RequestLedger<Answer: Sendable, Waiter: Hashable & Sendable>: Sendable {
    /// The bounds of a ledger.
    package struct Limits: Hashable, Sendable {
        /// Requests remembered.
        package var requests = 4_096
        /// Sum of the sizes of the answers kept.
        package var bytes = 4 << 20
        /// How long a finished request is remembered.
        package var age = Duration.seconds(600)
        /// How many may wait for one running request.
        package var waitersPerRequest = 8
        /// The longest identifier, in bytes of UTF-8.
        package var identifierBytes = 128
        /// Makes the default bounds.
        package init() {}
    }

    /// What to do with a request.
    package enum Decision: Sendable {
        /// It is new: run it, then call `finish` or `abandon`.
        case run
        /// It is running: the waiter is returned by `finish` or `abandon`.
        case wait
        /// It has run: give this answer again.
        case answered(Answer)
        /// It may have run; the answer is gone. It must not run again.
        case unknown
        /// It cannot be remembered, so it must not run.
        case refused
    }

    private enum State: Sendable {
        case running(waiters: [Waiter])
        case answered(Answer, size: Int, at: ContinuousClock.Instant)
        case unknown(at: ContinuousClock.Instant)
    }

    private let limits: Limits
    private var requests: [String: State] = [:]
    /// Finished requests, oldest first.
    private var finished: [(id: String, at: ContinuousClock.Instant)] = []
    private var oldestAnswer = 0
    /// The sum of the sizes of the answers kept.
    package private(set) var bytes = 0

    /// Makes an empty ledger.
    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// How many requests are remembered.
    package var count: Int { requests.count }

    /// A request of that name has come.
    package mutating func begin(_ id: String, waiter: Waiter, now: ContinuousClock.Instant) -> Decision {
        expire(now: now)
        switch requests[id] {
        case nil:
            guard requests.count < limits.requests, id.utf8.count <= limits.identifierBytes else { return .refused }
            requests[id] = .running(waiters: [])
            return .run
        case .running(let waiters):
            guard waiters.count < limits.waitersPerRequest else { return .refused }
            requests[id] = .running(waiters: waiters + [waiter])
            return .wait
        case .answered(let answer, _, _): return .answered(answer)
        case .unknown: return .unknown
        }
    }

    /// The request has run. A nil answer says that nobody knows how it ended. Returns who waits.
    package mutating func finish(
        _ id: String, answer: Answer?, size: Int, now: ContinuousClock.Instant
    ) -> [Waiter] {
        guard case .running(let waiters) = requests[id] else { return [] }
        if let answer {
            requests[id] = .answered(answer, size: max(size, 0), at: now)
            bytes += max(size, 0)
        } else {
            requests[id] = .unknown(at: now)
        }
        finished.append((id, now))
        dropAnswers()
        return waiters
    }

    /// The request certainly did not run, so that it may be tried again. Returns who waits.
    package mutating func abandon(_ id: String) -> [Waiter] {
        guard case .running(let waiters) = requests[id] else { return [] }
        requests[id] = nil
        return waiters
    }

    /// A waiter went away.
    package mutating func cancel(_ waiter: Waiter, of id: String) {
        guard case .running(let waiters) = requests[id] else { return }
        requests[id] = .running(waiters: waiters.filter { $0 != waiter })
    }

    /// Forgets what is older than `Limits.age`.
    package mutating func expire(now: ContinuousClock.Instant) {
        let over = finished.prefix { $0.at + limits.age <= now }
        guard !over.isEmpty else { return }
        for (id, _) in over {
            if case .answered(_, let size, _) = requests[id] { bytes -= size }
            requests[id] = nil
        }
        finished.removeFirst(over.count)
        oldestAnswer = max(0, oldestAnswer - over.count)
    }

    private mutating func dropAnswers() {
        while bytes > limits.bytes, oldestAnswer < finished.count {
            let id = finished[oldestAnswer].id
            if case .answered(_, let size, let at) = requests[id] {
                bytes -= size
                requests[id] = .unknown(at: at)
            }
            oldestAnswer += 1
        }
    }
}
