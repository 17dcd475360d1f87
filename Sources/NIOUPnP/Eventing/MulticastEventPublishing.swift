public import UPnP

/// One service's multicast events on all links of its host (UDA 2.0 §4.3.3).
///
/// The numbers, copies and rate are `MulticastEventPublisher`'s; this actor performs what that machine says.
public actor MulticastEventPublishing {
    private var publisher: MulticastEventPublisher
    private var sockets: [MulticastEventSocket] = []
    private var timer: (task: Task<Void, Never>, due: ContinuousClock.Instant)?

    /// Makes a publishing that sends nowhere until it is given links.
    public init(_ publisher: MulticastEventPublisher) { self.publisher = publisher }

    /// Sends through these sockets from now on; whoever opened them closes them.
    public func use(_ sockets: [MulticastEventSocket]) { self.sockets = sockets }

    /// The device's boot number has changed.
    public func setBootID(_ bootID: UInt32) { publisher.bootID = bootID }

    /// Takes new values of variables that are multicast.
    public func publish(_ changes: [EventProperty], level: MulticastEventLevel = .general) {
        send(publisher.publish(changes, level: level, now: .now))
    }

    /// Sends nothing more.
    public func end() {
        sockets = []
        timer?.task.cancel()
        timer = nil
    }

    private func send(_ events: [MulticastEvent]) {
        for event in events {
            for socket in sockets { socket.send(event) }
        }
        let next = publisher.nextWakeup
        guard next != timer?.due else { return }
        timer?.task.cancel()
        timer = nil
        guard let next else { return }
        // Unstructured: one at a time, cancelled when it is replaced and by `end`.
        let task = Task { [weak self] in
            do { try await Task.sleep(until: next, clock: .continuous) } catch { return }
            await self?.wake()
        }
        timer = (task, next)
    }

    private func wake() {
        timer = nil
        send(publisher.tick(now: .now))
    }
}
