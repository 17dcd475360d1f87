import Synchronization

/// What was tried to reach the gateway, with what result, and which way is in use: for reports.
package final class PathBook: Sendable {
    /// A report of the moment.
    package struct Report: Hashable, Sendable, Codable {
        /// The way in use.
        package var kind: PathKind?
        package var name: String?
        /// How long it has been, in seconds.
        package var seconds: Int
        /// The last attempt in each way, the best way first.
        package var attempts: [PathAttempt]

        package init(kind: PathKind?, name: String?, seconds: Int, attempts: [PathAttempt]) {
            self.kind = kind
            self.name = name
            self.seconds = seconds
            self.attempts = attempts
        }

        /// For people.
        package var sentence: String {
            guard let kind, let name else { return "none: the home is not reached" }
            return "\(kind.words) (\(name)), for \(seconds) s"
        }
    }

    /// Ways that are remembered at most.
    private static let most = 32

    private struct State {
        var current: (now: @Sendable () -> (kind: PathKind, name: String), since: ContinuousClock.Instant)?
        var attempts: [PathAttempt] = []
    }

    private let state = Mutex(State())

    package init() {}

    func note(_ way: Way, failure: String?, after time: Duration) {
        let attempt = PathAttempt(
            kind: way.kind, name: way.name, failure: failure,
            milliseconds: Int(time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000))
        state.withLock { state in
            state.attempts.removeAll { $0.name == way.name && $0.kind == way.kind }
            state.attempts.append(attempt)
            if state.attempts.count > Self.most { state.attempts.removeFirst() }
        }
    }

    func uses(_ reached: Way.Reached?) {
        state.withLock { $0.current = reached.map { ($0.now, .now) } }
    }

    /// What is known.
    package var report: Report {
        let state = state.withLock { $0 }
        let now = state.current?.now()
        return Report(
            kind: now?.kind, name: now?.name,
            seconds: state.current.map { Int((ContinuousClock.now - $0.since).components.seconds) } ?? 0,
            attempts: state.attempts.sorted { ($0.kind, $0.name) < ($1.kind, $1.name) })
    }
}
