import Synchronization
import Tunnel

extension RemoteSession {
    /// What a request for an action does next.
    enum Step: Sendable {
        case run
        case answered(Answer)
        case unknown
        case refused
        /// The request that ran first is done.
        case woken
        case ended
    }

    /// Runs `action` unless a request of this id ran or runs already; then its answer is given again.
    ///
    /// The action goes on when the exchange that asked for it is broken off: it may have reached the
    /// device, so its answer is kept for the request's repetition.
    func atMostOnce(_ id: String, _ action: @escaping @Sendable () async -> Answer) async throws(Problem) -> Answer {
        while true {
            switch await nextStep(for: id) {
            case .woken: continue
            case .answered(let answer): return answer
            case .unknown:
                throw Problem(.device, "The action may have run, but its answer is no longer known.", status: 504)
            case .refused:
                throw Problem(.unavailable, "Too many actions at once; try again in a minute.", status: 503)
            case .ended: throw Problem(.unavailable, "The session ended while the action ran.", status: 503)
            case .run:
                // Unstructured on purpose: the answer must be kept even when the exchange that asked is gone. It
                // stays on the exchange's event loop: a call is mostly waiting, and threads cost more than it does.
                let loop = withUnsafeCurrentTask { $0?.unownedTaskExecutor }?.asTaskExecutor()
                let running = Task(executorPreference: loop) {
                    let answer = await action()
                    self.finish(id, answer)
                    return answer
                }
                return await running.value
            }
        }
    }

    private func nextStep(for id: String) async -> Step {
        await withCheckedContinuation { continuation in
            let step: Step? = state.withLock { state in
                guard !state.ended else { return .ended }
                state.nextWaiter += 1
                switch state.ledger.begin(id, waiter: state.nextWaiter, now: .now) {
                case .run: return .run
                case .answered(let answer): return .answered(answer)
                case .unknown: return .unknown
                case .refused: return .refused
                case .wait:
                    state.waiters[state.nextWaiter] = { continuation.resume(returning: $0) }
                    return nil
                }
            }
            if let step { continuation.resume(returning: step) }
        }
    }

    private func finish(_ id: String, _ answer: Answer) {
        let woken = state.withLock { state in
            state.ledger.finish(id, answer: answer, size: answer.body.utf8.count, now: .now)
                .compactMap { state.waiters.removeValue(forKey: $0) }
        }
        for waiter in woken { waiter(.woken) }
    }
}
