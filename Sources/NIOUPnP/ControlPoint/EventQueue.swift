import Synchronization
import UPnP

/// Holds events for a reader that may lag, and never loses one silently.
///
///     flowing ──too much waits──▶ overrun ──reader comes──▶ refreshing ──whole state──▶ flowing
///
/// When more waits than is allowed, all of it is dropped, and what comes is too: it would be changes of a state
/// that the reader does not have. When the reader comes, the subscription is made anew, and the whole state
/// that this brings is the next event. So memory is bounded, and the device is asked once for each time that
/// the reader has fallen behind.
final class EventQueue: Sendable {
    private enum Phase { case flowing, overrun, refreshing }

    private struct State {
        var phase = Phase.flowing
        var events: [DeviceEvent] = []
        var bytes = 0
        var isFinished = false
        var reader: CheckedContinuation<DeviceEvent?, Never>?
        var refresh: (@Sendable () async -> Void)?
    }

    private let limit: Int
    private let byteLimit: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - limit: Events that may wait.
    ///   - byteLimit: Bytes that may wait in them.
    init(limit: Int, byteLimit: Int) {
        self.limit = max(1, limit)
        self.byteLimit = byteLimit
    }

    /// What makes the subscription anew.
    func onOverrun(_ refresh: @escaping @Sendable () async -> Void) { state.withLock { $0.refresh = refresh } }

    func yield(_ event: DeviceEvent) {
        let reader: CheckedContinuation<DeviceEvent?, Never>? = state.withLock { state in
            guard !state.isFinished, state.phase == .flowing || event.isInitialState else { return nil }
            state.phase = .flowing
            if let reader = state.reader {
                state.reader = nil
                return reader
            }
            let size = event.properties.textBytes
            // A whole state makes what was before it irrelevant when there is no room for both.
            if event.isInitialState, state.events.count >= limit || state.bytes + size > byteLimit {
                state.events = []
                state.bytes = 0
            }
            state.events.append(event)
            state.bytes += size
            if state.events.count > limit || state.bytes > byteLimit, state.events.count > 1 {
                state.events = []
                state.bytes = 0
                state.phase = .overrun
            }
            return nil
        }
        reader?.resume(returning: event)
    }

    /// Nothing more comes; what waits can still be read.
    func finish() {
        let reader = state.withLock { state in
            state.isFinished = true
            state.refresh = nil
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: nil)
    }

    /// The next event; nil at the end, and in a cancelled task. For one reader at a time.
    func next() async -> DeviceEvent? {
        let refresh: (@Sendable () async -> Void)? = state.withLock { state in
            guard state.phase == .overrun, !state.isFinished else { return nil }
            state.phase = .refreshing
            return state.refresh
        }
        await refresh?()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                enum Step { case resume(DeviceEvent?), wait }
                let step: Step = state.withLock { state in
                    if !state.events.isEmpty {
                        let event = state.events.removeFirst()
                        state.bytes -= event.properties.textBytes
                        return .resume(event)
                    }
                    if state.isFinished || state.reader != nil || Task.isCancelled { return .resume(nil) }
                    state.reader = continuation
                    return .wait
                }
                if case .resume(let event) = step { continuation.resume(returning: event) }
            }
        } onCancel: {
            let reader = state.withLock { state in
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume(returning: nil)
        }
    }
}

extension PropertySet {
    fileprivate var textBytes: Int { properties.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count } }
}
