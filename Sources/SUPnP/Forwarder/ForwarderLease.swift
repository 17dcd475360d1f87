/// Whether a forwarder may still speak for the group (group keys specification 3.12.4; finding F22).
///
/// It fences itself on its own clock: when its lease has not been renewed for 2.4 s, or when the key manager's
/// stream has shown no progress for 2 s. So a forwarder that is cut off stops encrypting to evicted members without
/// being told.
package struct ForwarderLease: Sendable {
    /// The times after which a forwarder stops.
    package struct Limits: Sendable {
        /// How long after the sending of an answered renewal the lease counts as held.
        package var fence: Duration = .milliseconds(2_400)
        /// How long the stream may be silent.
        package var progress: Duration = .seconds(2)

        /// The specification's times.
        package init() {}
    }

    private let limits: Limits
    private var renewalSentAt: ContinuousClock.Instant?
    private var progressAt: ContinuousClock.Instant?

    /// A forwarder that has no lease yet.
    init(limits: Limits) { self.limits = limits }

    /// The lease was renewed by a request that was sent at `instant`: the time of the answer does not count, since
    /// the lease ran from before it.
    mutating func renewed(sentAt instant: ContinuousClock.Instant) {
        renewalSentAt = max(instant, renewalSentAt ?? instant)
    }

    /// The key manager's stream was current at `instant`.
    mutating func progressed(at instant: ContinuousClock.Instant) { progressAt = max(instant, progressAt ?? instant) }

    /// When the lease ends unless something comes; nil when it is not held.
    var endsAt: ContinuousClock.Instant? {
        guard let renewalSentAt, let progressAt else { return nil }
        return min(renewalSentAt + limits.fence, progressAt + limits.progress)
    }

    /// Whether the forwarder may act.
    func isHeld(now: ContinuousClock.Instant) -> Bool { endsAt.map { now < $0 } ?? false }
}
