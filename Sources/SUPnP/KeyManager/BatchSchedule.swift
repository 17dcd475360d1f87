/// When the joins and leaves that wait become a rekey (group keys specification 3.9.7).
///
/// At once when one is urgent or there are many, otherwise when the oldest has waited its time; and never sooner after
/// the batch before than the minimum gap.
struct BatchSchedule: Sendable {
    private let limits: KeyManagerLimits
    private var oldest: ContinuousClock.Instant?
    private var isUrgent = false
    private var events = 0
    private var lastFired: ContinuousClock.Instant?

    init(limits: KeyManagerLimits) { self.limits = limits }

    /// Whether one more event fits.
    var hasRoom: Bool { events < limits.waitingEvents }

    /// A join or leave waits.
    mutating func added(isUrgent: Bool, now: ContinuousClock.Instant) {
        oldest = oldest ?? now
        self.isUrgent = self.isUrgent || isUrgent
        events += 1
    }

    /// When the batch fires; nil when nothing waits.
    var firesAt: ContinuousClock.Instant? {
        guard let oldest else { return nil }
        let isDue = isUrgent || events >= limits.batchEvents
        let wanted = isDue ? oldest : oldest + limits.batchInterval
        guard let lastFired else { return wanted }
        return max(wanted, lastFired + limits.minimumGap)
    }

    /// The batch has been taken.
    mutating func fired(now: ContinuousClock.Instant) {
        lastFired = now
        oldest = nil
        isUrgent = false
        events = 0
    }
}
