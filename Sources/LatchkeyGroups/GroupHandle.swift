internal import CLatchkeyGroups
internal import Dispatch
internal import Groups
internal import Synchronization

/// A membership that C holds.
final class GroupHandle: Sendable {
    typealias Inbound = (request: GroupInboundRequest, at: ContinuousClock.Instant)

    private static let rememberedRequests = 1_024
    private static let memory: Duration = .seconds(60)

    private struct State {
        var isClosed = false
        var nextNumber: UInt64 = 1
        var requests: [UInt64: Task<Void, Never>] = [:]
        var servers: [String: Task<Void, Never>] = [:]
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
        // Unstructured, as everything here, because C has no scope that a task could belong to; close() ends it.
        let running = Task {
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
        state.withLock { $0.running = running }
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

    /// Leaves, and ends all that goes on.
    func close() {
        callbacks.close()
        let (tasks, running) = state.withLock { state in
            state.isClosed = true
            defer { (state.requests, state.servers, state.inbound) = ([:], [:], [:]) }
            return (Array(state.requests.values) + Array(state.servers.values), state.running)
        }
        for task in tasks { task.cancel() }
        running?.cancel()
        if !callbacks.isCurrent { ended.wait() }
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

    /// Offers a service; false when it is offered already or the group is closed.
    func serve(_ service: String, _ asked: @escaping @Sendable (UInt64, GroupInboundRequest) -> Void) -> Bool {
        state.withLock { state in
            guard !state.isClosed, state.servers[service] == nil else { return false }
            // See start(_:).
            state.servers[service] = Task { [member] in
                do {
                    try await member.serve(service) { request in
                        guard let number = self.remember(request) else { return nil }
                        await self.callbacks.deliver { asked(number, request) }
                        return nil
                    }
                } catch let error as GroupError where error.code == .notAServer {
                    let running = self.state.withLock { state in
                        state.failure = state.failure ?? error
                        return state.running
                    }
                    running?.cancel()
                } catch {
                    // The membership has ended, and says so itself, or the service is offered no longer.
                }
            }
            return true
        }
    }

    func stopServing(_ service: String) -> Bool {
        let task = state.withLock { $0.servers.removeValue(forKey: service) }
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
