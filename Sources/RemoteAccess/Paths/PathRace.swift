import NIOTunnel
import Tunnel

/// Tries several ways at once, the better ones with a head start, and takes the first that stands.
struct PathRace: Sendable {
    /// Which kinds of ways are used, the best first.
    var order = PathOrder.all
    /// How long a way has before the next one is tried beside it; less when it fails at once.
    var headStart: Duration
    /// How long a way that failed rests while others are still tried.
    var retryPause = Duration.milliseconds(700)
    let dialer: TunnelDialer
    let book: PathBook

    /// A way that stands.
    struct Winner: Sendable {
        let way: Way
        let reached: Way.Reached

        var carrier: any Carrier { reached.carrier }
    }

    /// The first of the ways that stands; the others are given up.
    /// - Throws: what the best of the ways failed with, when all did.
    /// - Parameter link: The carrier that stands, when there is one already.
    func first(of ways: [Way], link: Link? = nil) async throws -> Winner {
        let context = Way.Context(dialer: dialer, link: link)
        let ordered = order.arranged(ways)
        return try await withThrowingTaskGroup(of: Attempted.self) { attempts in
            var waiting = ordered[...]
            var failures: [(kind: PathKind, error: any Error)] = []
            var running = 0
            func begin() {
                guard let way = waiting.popFirst() else { return }
                running += 1
                attempts.addTask { await attempt(way, context) }
                if !waiting.isEmpty {
                    let next = waiting.startIndex
                    attempts.addTask {
                        try? await Task.sleep(for: headStart)
                        return .timeIsUp(next)
                    }
                }
            }
            begin()
            var winner: Winner?
            while running > 0 || !waiting.isEmpty, let attempted = try await attempts.next() {
                switch attempted {
                case .stood(let standing) where winner == nil:
                    winner = standing
                    running -= 1
                    waiting = []
                    attempts.cancelAll()
                case .stood(let late):
                    running -= 1
                    late.carrier.close(.closed)
                case .failed(let way, let error):
                    running -= 1
                    failures.append((way.kind, error))
                    guard winner == nil else { continue }
                    begin()
                    // A better way may take long to fail; this one may be back before.
                    if running > 0 {
                        attempts.addTask {
                            try? await Task.sleep(for: retryPause)
                            return .again(way)
                        }
                    }
                case .again(let way):
                    guard winner == nil, running > 0 else { continue }
                    running += 1
                    attempts.addTask { await attempt(way, context) }
                case .timeIsUp(let index): if winner == nil, waiting.startIndex == index { begin() }
                }
            }
            attempts.cancelAll()
            if let winner { return winner }
            try Task.checkCancellation()
            // A gateway that was reached and refused says more than one that was not reached.
            throw failures.map(\.error).first { ($0 as? TunnelError)?.code == .refused }
                ?? order.kinds.lazy.compactMap { kind in failures.first { $0.kind == kind }?.error }.first
                ?? TunnelError(.unreachable, "No way to the gateway is known that is to be used.")
        }
    }

    private enum Attempted: Sendable {
        case stood(Winner)
        case failed(Way, any Error)
        /// A way that failed may be tried again, while others have not failed yet.
        case again(Way)
        /// The way before the one of this number has had its head start.
        case timeIsUp(Int)
    }

    private func attempt(_ way: Way, _ context: Way.Context) async -> Attempted {
        let begun = ContinuousClock.now
        do {
            let reached = try await way.connect(context)
            book.note(way, failure: nil, after: .now - begun)
            return .stood(Winner(way: way, reached: reached))
        } catch {
            if !Task.isCancelled { book.note(way, failure: SessionKeeper.sentence(error), after: .now - begun) }
            return .failed(way, error)
        }
    }
}
