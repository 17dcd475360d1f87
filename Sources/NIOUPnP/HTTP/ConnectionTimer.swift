import NIOCore

/// One deadline of a connection that moves often: moving it later costs a store, not a timer.
///
/// Used on its event loop only.
final class ConnectionTimer {
    private let eventLoop: any EventLoop
    private let expired: () -> Void
    private var deadline: NIODeadline?
    private var scheduled: (task: Scheduled<Void>, at: NIODeadline)?

    /// - Parameter expired: Called on the loop when a deadline has passed; it is unset by then.
    init(eventLoop: any EventLoop, expired: @escaping () -> Void) {
        self.eventLoop = eventLoop
        self.expired = expired
    }

    /// Sets the deadline, replacing an earlier one.
    func set(_ deadline: NIODeadline) {
        self.deadline = deadline
        if let scheduled, scheduled.at <= deadline { return }
        scheduled?.task.cancel()
        schedule(at: deadline)
    }

    /// Sets the deadline that long from this moment.
    func set(in duration: Duration) { set(.now() + TimeAmount(duration)) }

    /// Unsets the deadline.
    func clear() { deadline = nil }

    /// Unsets the deadline and lets go of the timer.
    func cancel() {
        deadline = nil
        scheduled?.task.cancel()
        scheduled = nil
    }

    private func schedule(at time: NIODeadline) {
        let task = eventLoop.assumeIsolated().scheduleTask(deadline: time) { self.fire() }
        scheduled = (task, time)
    }

    private func fire() {
        scheduled = nil
        guard let deadline else { return }
        if NIODeadline.now() < deadline { return schedule(at: deadline) }
        self.deadline = nil
        expired()
    }
}
