/// Whether a key manager leads, and whether it may act by its own clock (group keys specification 3.12.2): it fences
/// itself before its lease ends.
struct LeaderState: Sendable {
    /// Where it is on its way; `KeyManager` has the map.
    enum Phase: Sendable { case starting, leading, rereading, deposed }

    var phase = Phase.starting
    private let fence: Duration?
    private let began: ContinuousClock.Instant
    private let timeAtStart: UInt64
    private var renewedAt: ContinuousClock.Instant

    /// A leader that has just got its lease. Without a fence nobody else can lead.
    /// `time` is the group's at that moment, in seconds since its creation.
    init(fence: Duration?, began: ContinuousClock.Instant, time: UInt64) {
        self.fence = fence
        self.began = began
        timeAtStart = time
        renewedAt = began
    }

    /// The lease was renewed by a request sent at this time.
    mutating func renewed(sentAt instant: ContinuousClock.Instant) { renewedAt = max(renewedAt, instant) }

    /// The group's time, in seconds since its creation.
    func groupTime(now: ContinuousClock.Instant) -> UInt64 {
        timeAtStart + UInt64(clamping: (now - began).components.seconds)
    }

    /// Whether it may act.
    func isHeld(now: ContinuousClock.Instant) -> Bool { fence.map { now < renewedAt + $0 } ?? true }
}
