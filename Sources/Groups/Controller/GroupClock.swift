import FoundationEssentials
import SUPnP

/// The group's time in one run of a controller: the host's clock is read once, and from there on it only goes forward, as
/// the key manager's beacons do. So a certificate that is issued at this time holds for whoever has heard them.
///
/// How far it has come is kept: a run whose host's clock is behind that begins there. A certificate of a time that members
/// have left behind would be one that has run out.
struct GroupClock: Sendable {
    /// The group's time when the run began, in seconds since the group was made.
    let start: UInt64
    /// When that was.
    let began: ContinuousClock.Instant

    /// A run that begins now, by the host's clock or, where that is behind, by what was reached before.
    init(of group: GroupIdentity, at date: Date, reached: UInt64) {
        self.init(start: max(reached, ControllerCredentials.time(of: group, at: date)), began: .now)
    }

    init(start: UInt64, began: ContinuousClock.Instant) {
        self.start = start
        self.began = began
    }

    /// The group's time, in whole seconds.
    func time(at now: ContinuousClock.Instant) -> UInt64 {
        start + UInt64(max(0, (now - began).components.seconds))
    }
}
