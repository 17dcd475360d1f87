/// Time that a test moves by hand, for machines and engines that take the time as a parameter.
package struct VirtualClock: Sendable {
    /// Where the clock started.
    package let start: ContinuousClock.Instant
    /// The time, which never goes back.
    package private(set) var now: ContinuousClock.Instant

    /// Starts a clock at an arbitrary instant.
    package init() {
        self.start = ContinuousClock.now
        self.now = start
    }

    /// How long the clock has run.
    package var elapsed: Duration { now - start }

    /// Moves on by `duration`; a negative one is ignored.
    package mutating func advance(by duration: Duration) { advance(to: now + duration) }

    /// Moves on to `instant`, if that is ahead.
    package mutating func advance(to instant: ContinuousClock.Instant) { now = max(now, instant) }
}

/// Things that happen at instants, in their order; those of one instant in the order they were added.
package struct Timeline<Event> {
    private var waiting: [(at: ContinuousClock.Instant, event: Event)] = []

    /// Makes a timeline without events.
    package init() {}

    /// When the next event happens; nil when none does.
    package var next: ContinuousClock.Instant? { waiting.last?.at }

    /// Adds an event at an instant.
    package mutating func add(_ event: Event, at instant: ContinuousClock.Instant) {
        let index = waiting.firstIndex { $0.at <= instant } ?? waiting.endIndex
        waiting.insert((instant, event), at: index)
    }

    /// Takes the next event if it happens by `now`.
    package mutating func popDue(now: ContinuousClock.Instant) -> Event? {
        guard let last = waiting.last, last.at <= now else { return nil }
        waiting.removeLast()
        return last.event
    }
}
