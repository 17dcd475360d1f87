import Foundation
package import Logging
import Synchronization
package import TrustCore

/// Writes what requests cause to the audit log, off their way: whoever tells an event waits for nothing.
///
/// One writer, many events to a transaction, a bounded queue. When the queue is full the event is counted instead,
/// nothing is denied for it, and an entry says how many are missing. What must not be missing (pairings, revocations,
/// changes of grants and policy) does not come this way: it is written with the change itself, before it is
/// acknowledged.
package final class AuditWriter: Sendable {
    private struct State {
        var queue: [AuditEvent] = []
        var dropped: UInt32 = 0
        var coalescer = AuditCoalescer()

        mutating func add(_ events: [AuditEvent], limit: Int) {
            for event in events {
                if queue.count < limit { queue.append(event) } else if dropped < .max { dropped += 1 }
            }
        }
    }

    private let store: any AuditStore
    private let limit: Int
    private let interval: Duration
    private let logger: Logger
    private let state = Mutex(State())
    private let wakeups = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    /// Events of one transaction.
    private static let batch = 512

    /// - Parameters:
    ///   - limit: Events that wait at most.
    ///   - interval: How long events are gathered: what a power failure may lose of them.
    package init(
        store: any AuditStore, limit: Int = 4_096, interval: Duration = .milliseconds(200), logger: Logger
    ) {
        self.store = store
        self.limit = limit
        self.interval = interval
        self.logger = logger
    }

    /// Takes an event, to be written soon.
    package func record(_ event: AuditEvent, pace: AuditCoalescer.Pace = .each) {
        let isNews = state.withLock { state in
            let events = state.coalescer.take(event, pace: pace, now: Date())
            state.add(events, limit: limit)
            return !events.isEmpty
        }
        if isNews { wakeups.continuation.yield() }
    }

    /// Writes until the task is cancelled, and then what is left.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    // Cancelled is over.
                    try? await Task.sleep(for: .seconds(5))
                    self.release(now: Date())
                }
            }
            for await _ in wakeups.stream {
                await flush()
                // What comes meanwhile is written together; cancelled, the loop ends by itself.
                try? await Task.sleep(for: interval)
            }
            group.cancelAll()
        }
        release(now: nil)
        // A task of its own: the store refuses to write for a cancelled one.
        await Task { await self.flush() }.value
    }

    /// Puts into the queue what was held back and is due; nil for everything.
    private func release(now: Date?) {
        let isNews = state.withLock { state in
            let events = state.coalescer.due(now: now)
            state.add(events, limit: limit)
            return !events.isEmpty
        }
        if isNews { wakeups.continuation.yield() }
    }

    /// Writes everything that waits.
    package func flush() async {
        while true {
            let (events, dropped) = state.withLock { state in
                let events = Array(state.queue.prefix(Self.batch))
                state.queue.removeFirst(events.count)
                let dropped = state.dropped
                state.dropped = 0
                return (events, dropped)
            }
            guard !events.isEmpty || dropped > 0 else { return }
            let missing = dropped > 0 ? [AuditEvent(.dropped, count: dropped)] : []
            do {
                try await store.audit(events + missing, now: Date())
            } catch {
                logger.warning("the audit log could not be written", metadata: ["error": "\(error)"])
                state.withLock { state in
                    let (sum, overflow) = state.dropped.addingReportingOverflow(
                        dropped + UInt32(clamping: events.count))
                    state.dropped = overflow ? .max : sum
                }
                return
            }
        }
    }
}
