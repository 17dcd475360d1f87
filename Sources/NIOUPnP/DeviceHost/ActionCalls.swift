import Logging
import NIOCore
import Synchronization
import UPnP

/// The actions that run at the moment: how many, and for how long at most (UDA 2.0 §3.2.1 wants an answer within
/// 30 seconds).
///
/// Whoever's time is up is answered for, and its action is cancelled; it counts until it has ended.
final class ActionCalls: Sendable {
    /// How a call ended.
    enum Outcome: Sendable {
        case answered(String)
        case fault(UPnPFault)
        /// Too many run already; this one has not begun.
        case refused
        /// The answer has been given in its place.
        case overdue
    }

    private struct Call: Sendable {
        let id: UInt64
        let deadline: NIODeadline
        let exchange: HTTPServerExchange
        let task: Task<Outcome, Never>
    }

    private struct State {
        var nextID: UInt64 = 0
        var running = 0
        /// In the order of their deadlines, because all have the same time.
        var calls: [Call] = []
        var isTimerArmed = false
        var overdue: Set<UInt64> = []
    }

    private let configuration: DeviceHostConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let state = Mutex(State())

    init(configuration: DeviceHostConfiguration, eventLoop: any EventLoop, logger: Logger) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// Runs an action for an exchange, and no longer than is allowed.
    func run(
        _ exchange: HTTPServerExchange, _ action: @escaping @Sendable () async throws(UPnPFault) -> String
    ) async -> Outcome {
        let limit = configuration.concurrentActions
        let id: UInt64? = state.withLock { state in
            guard state.running < limit else { return nil }
            state.running += 1
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return .refused }
        // Unstructured so that the timer can cancel it; awaited here, whatever becomes of it. It starts at once:
        // most actions have their answer before anything else could run.
        let task = Task<Outcome, Never>.immediate(executorPreference: exchange.executor) {
            do throws(UPnPFault) { return .answered(try await action()) } catch { return .fault(error) }
        }
        let deadline = NIODeadline.now() + TimeAmount(configuration.actionTime)
        let arms = state.withLock { state in
            state.calls.append(Call(id: id, deadline: deadline, exchange: exchange, task: task))
            defer { state.isTimerArmed = true }
            return !state.isTimerArmed
        }
        if arms { arm(deadline) }
        let outcome = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        return state.withLock { state in
            state.running -= 1
            if state.overdue.remove(id) != nil { return .overdue }
            state.calls.removeAll { $0.id == id }
            return outcome
        }
    }

    private func arm(_ deadline: NIODeadline) {
        _ = eventLoop.scheduleTask(deadline: deadline) { [weak self] in self?.expire() }
    }

    private func expire() {
        let now = NIODeadline.now()
        let (overdue, next) = state.withLock { state in
            let overdue = Array(state.calls.prefix { $0.deadline <= now })
            state.calls.removeFirst(overdue.count)
            state.overdue.formUnion(overdue.map(\.id))
            state.isTimerArmed = !state.calls.isEmpty
            return (overdue, state.calls.first?.deadline)
        }
        if let next { arm(next) }
        for call in overdue {
            logger.debug("an action took too long", metadata: ["peer.address": "\(call.exchange.peer)"])
            // Unstructured, bounded by the number of calls: an answer to a peer that may be slow to take it.
            Task { [configuration] in
                try? await HostedRequests.answerOverdue(call.exchange, configuration)
                call.task.cancel()
            }
        }
    }
}
