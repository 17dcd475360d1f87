internal import NIOCore
internal import Synchronization

/// The one timer of an engine: re-armed after each input, never two at once.
final class WakeTimer: Sendable {
    private struct State {
        var scheduled: Scheduled<Void>?
        var at: ContinuousClock.Instant?
    }

    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Calls `fire` on the event loop at `instant`, in place of what was armed before; nil disarms.
    func arm(at instant: ContinuousClock.Instant?, fire: @escaping @Sendable () -> Void) {
        state.withLock { state in
            guard state.at != instant || instant == nil else { return }
            state.scheduled?.cancel()
            state.scheduled = nil
            state.at = instant
            guard let instant else { return }
            let delay = max(.zero, instant - .now)
            state.scheduled = eventLoop.scheduleTask(in: TimeAmount(delay)) { [weak self] in
                self?.state.withLock { if $0.at == instant { $0.at = nil } }
                fire()
            }
        }
    }
}
