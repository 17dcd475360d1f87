/// When a beacon goes out: every second, and sooner when there is news.
struct BeaconPulse: Sendable {
    private let limits: KeyManagerLimits
    private var lastAt: ContinuousClock.Instant?
    private var hasNews = true
    private var sent: UInt32 = 0

    init(limits: KeyManagerLimits) { self.limits = limits }

    /// There is something that members do not know.
    mutating func news() { hasNews = true }

    /// When the next one goes out; nil for at once.
    var nextAt: ContinuousClock.Instant? {
        lastAt.map { $0 + (hasNews ? limits.beaconGap : limits.beaconInterval) }
    }

    /// The counter of the last beacon that went out.
    func last(term: UInt32) -> UInt64 { UInt64(term) << 32 | UInt64(sent) }

    /// The counter of the beacon that is due, if one is.
    mutating func due(term: UInt32, now: ContinuousClock.Instant) -> UInt64? {
        if let nextAt, nextAt > now { return nil }
        lastAt = now
        hasNews = false
        sent &+= 1
        return last(term: term)
    }
}
