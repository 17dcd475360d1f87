/// The group's time in one run of a controller: the host's clock is read once, and from there on it only goes forward, as
/// the key manager's beacons do. So a certificate that is issued at this time holds for whoever has heard them.
struct GroupClock: Sendable {
    /// The group's time when the run began, in seconds since the group was made.
    let start: UInt64
    /// When that was.
    let began: ContinuousClock.Instant

    /// The group's time, in whole seconds.
    func time(at now: ContinuousClock.Instant) -> UInt64 {
        start + UInt64(max(0, (now - began).components.seconds))
    }
}
