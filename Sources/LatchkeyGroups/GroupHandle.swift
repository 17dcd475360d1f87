internal import CLatchkeyGroups
internal import Dispatch
internal import Groups
internal import Synchronization

/// A membership that C holds.
final class GroupHandle: Sendable {
    typealias Inbound = (request: GroupInboundRequest, at: ContinuousClock.Instant)

    private static let services = 32
    private static let rememberedRequests = 1_024
    private static let memory: Duration = .seconds(60)

    private struct State {
        var isClosed = false
        var nextNumber: UInt64 = 1
        var requests: [UInt64: Task<Void, Never>] = [:]
        var servers: [String: (number: UInt64, task: Task<Void, Never>)] = [:]
        /// Those that were told to stop, and whose handlers may still run.
        var stopping: [String: (number: UInt64, task: Task<Void, Never>)] = [:]
        var inbound: [UInt64: Inbound] = [:]
        var running: Task<Void, Never>?
        /// What a service could not be served for.
        var failure: GroupError?
    }

    let member: GroupMember
    let callbacks = CallbackQueue()
    private let state = Mutex(State())
    private let ended = DispatchSemaphore(value: 0)

    init(_ member: GroupMember) { self.member = member }

    // MARK: The membership

    /// Begins to be a member. `event` is told what happens, on the queue of callbacks.
    func start(_ event: @escaping @Sendable (CEvent) -> Void) {
        let (events, services) = (member.events, member.serviceChanges)
        let (member, callbacks, ended) = (member, callbacks, ended)
        let body = { @Sendable in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await happened in events {
                        if let told = CEvent(happened) { await callbacks.deliver { event(told) } }
                    }
                }
                group.addTask {
                    for await change in services { await callbacks.deliver { event(CEvent(change)) } }
                }
                var failure: (any Error)?
                do { try await member.run() } catch { failure = error }
                await group.waitForAll()
                if let failure = self.serverFailure ?? failure {
                    await callbacks.deliver { event(CEvent(ended: failure)) }
                }
            }
            ended.signal()
        }
        // Unstructured, as everything here, because C has no scope that a task could belong to; close() ends it. Made
        // under the lock: the first callback may close the group, and has to find it.
        state.withLock { $0.running = Task { await body() } }
    }

    private var serverFailure: (any Error)? { state.withLock { $0.failure } }

    /// Waits until the device is a member, in a thread that is none of the library's.
    func wait(_ limit: Duration) -> latchkey_status {
        let (done, outcome) = (DispatchSemaphore(value: 0), WaitOutcome())
        // Unstructured because its caller is no task; it ends with the time.
        let task = Task { [member] in
            do {
                try await member.registered()
                outcome.set(LATCHKEY_OK)
            } catch is CancellationError {
                outcome.set(LATCHKEY_TIMED_OUT)
            } catch {
                outcome.set(latchkey_status(error))
            }
            done.signal()
        }
        let (seconds, attoseconds) = limit.components
        let time = DispatchTime.now() + .seconds(Int(seconds)) + .nanoseconds(Int(attoseconds / 1_000_000_000))
        if done.wait(timeout: time) == .timedOut { task.cancel() }
        return outcome.value
    }

    /// Leaves, and ends all that goes on. Whoever closes it a second time meanwhile waits as well.
    func close() {
        callbacks.close()
        let (tasks, running) = state.withLock { state in
            state.isClosed = true
            defer { (state.requests, state.servers, state.inbound) = ([:], [:], [:]) }
            return (Array(state.requests.values) + state.servers.values.map(\.task), state.running)
        }
        for task in tasks { task.cancel() }
        running?.cancel()
        guard running != nil, !callbacks.isCurrent else { return }
        ended.wait()
        // For another one that closes at the same time.
        ended.signal()
    }

    // MARK: Asking

    /// Does something that can be cancelled, with a number of its own; nil when the group is closed.
    func begin(_ work: @escaping @Sendable (UInt64) async -> Void) -> UInt64? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            let number = state.nextNumber
            state.nextNumber += 1
            // See start(_:).
            state.requests[number] = Task {
                await work(number)
                _ = self.state.withLock { $0.requests.removeValue(forKey: number) }
            }
            return number
        }
    }

    /// Ends what ``begin(_:)`` has begun; false when it is over.
    func cancel(_ number: UInt64) -> Bool {
        let task = state.withLock { $0.requests.removeValue(forKey: number) }
        task?.cancel()
        return task != nil
    }

    // MARK: Answering

    /// Offers a service; false when it is offered already, when there are 32, or the group is closed.
    ///
    /// A service that was stopped keeps its place until its handlers are over; the new one begins after that.
    func serve(_ service: String, _ asked: @escaping @Sendable (UInt64, GroupInboundRequest) -> Void) -> Bool {
        state.withLock { state in
            let places = Set(state.servers.keys).union(state.stopping.keys).subtracting([service]).count
            guard !state.isClosed, state.servers[service] == nil, places < Self.services else { return false }
            let before = state.stopping[service]?.task
            let number = state.nextNumber
            state.nextNumber += 1
            // See start(_:).
            let task = Task {
                await before?.value
                await self.run(service, asked)
                self.forget(service, number)
            }
            state.servers[service] = (number, task)
            return true
        }
    }

    private func run(
        _ service: String, _ asked: @escaping @Sendable (UInt64, GroupInboundRequest) -> Void
    ) async {
        do {
            try await member.serve(service) { request in
                guard let number = self.remember(request) else { return nil }
                await self.callbacks.deliver { asked(number, request) }
                return nil
            }
        } catch let error as GroupError where error.code == .notAServer {
            let running = state.withLock { state in
                state.failure = state.failure ?? error
                return state.running
            }
            running?.cancel()
        } catch {
            // The membership has ended, and says so itself, or the service is offered no longer.
        }
    }

    private func forget(_ service: String, _ number: UInt64) {
        state.withLock { state in
            if state.servers[service]?.number == number { state.servers[service] = nil }
            if state.stopping[service]?.number == number { state.stopping[service] = nil }
        }
    }

    func stopServing(_ service: String) -> Bool {
        let task = state.withLock { state in
            guard let server = state.servers.removeValue(forKey: service) else { return Task<Void, Never>?.none }
            state.stopping[service] = server
            return server.task
        }
        task?.cancel()
        return task != nil
    }

    private func remember(_ request: GroupInboundRequest) -> UInt64? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            let now = ContinuousClock.now
            if state.inbound.count >= Self.rememberedRequests {
                state.inbound = state.inbound.filter { $0.value.at + Self.memory > now }
                // Numbers rise, so that the least is the oldest.
                if state.inbound.count >= Self.rememberedRequests, let oldest = state.inbound.keys.min() {
                    state.inbound[oldest] = nil
                }
            }
            let number = state.nextNumber
            state.nextNumber += 1
            state.inbound[number] = (request, now)
            return number
        }
    }

    /// Answers a request that was remembered; false when it is none any more, or the answer is too long.
    func answer(_ number: UInt64, _ payload: [UInt8], isLast: Bool) -> Bool {
        let inbound = state.withLock { state in
            guard let inbound = state.inbound[number] else { return Inbound?.none }
            let isOver = inbound.at + Self.memory <= .now
            if isLast || isOver { state.inbound[number] = nil }
            return isOver ? nil : inbound
        }
        guard let inbound else { return false }
        do { try inbound.request.reply(payload, isLast: isLast) } catch { return false }
        return true
    }
}

/// What a wait has come to, between the task that waits and the thread that waits for it.
private final class WaitOutcome: Sendable {
    private let status = Mutex(LATCHKEY_TIMED_OUT)
    var value: latchkey_status { status.withLock { $0 } }
    func set(_ value: latchkey_status) { status.withLock { $0 = value } }
}
