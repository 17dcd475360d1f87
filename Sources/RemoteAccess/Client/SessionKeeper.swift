import HTTPTypes
package import Logging
import NIOCore
package import NIOTunnel
import Synchronization
import Tunnel

/// What the away client does when its session changes.
package protocol SessionObserver: Sendable {
    /// A session stands on a carrier; a session that was not resumed starts with a snapshot.
    func opened(_ answer: SessionAnswer) async
    /// An event of the session, in order, none lost and none twice.
    func received(_ event: SessionEvent) async
    /// The carrier ended.
    func lost(_ reason: String) async
    /// The session goes over this way from now on.
    func uses(_ way: Way.Reached) async
    /// The gateway does not let the client in, or could not be reached; it will be tried again.
    func waiting(_ reason: String, next: Duration) async
}

/// Keeps a session with the gateway: reaches it in the way that answers first, opens or resumes, reads the event log,
/// moves to a better way when one stands, and starts over with growing pauses when anything of it fails. No hand is
/// needed.
package struct SessionKeeper: Sendable {
    private let link: TunnelLink
    private let observer: any SessionObserver
    private let pace: Pace
    private let limits: WireLimits
    private let race: PathRace
    private let book: PathBook
    private let logger: Logger

    package init(
        dialer: TunnelDialer, link: TunnelLink, observer: any SessionObserver, pace: Pace = .init(),
        book: PathBook = .init(), limits: WireLimits = .init(), logger: Logger
    ) {
        self.link = link
        self.observer = observer
        self.pace = pace
        self.limits = limits
        self.race = PathRace(order: pace.order, headStart: pace.headStart, dialer: dialer, book: book)
        self.book = book
        self.logger = logger
    }

    /// Where the session stands between two carriers.
    private final class Position: Sendable {
        private let state = Mutex<(session: String?, cursor: UInt64?)>((nil, nil))

        var session: String? { state.withLock { $0.session } }
        var cursor: UInt64? { state.withLock { $0.cursor } }

        func opened(_ answer: SessionAnswer) {
            state.withLock { state in
                if !answer.resumed { state.cursor = nil }
                state.session = answer.session
            }
        }

        func reached(_ cursor: UInt64?) { state.withLock { $0.cursor = cursor } }
    }

    /// A carrier on which the session stands.
    private struct Standing: Sendable {
        let winner: PathRace.Winner
        let answer: SessionAnswer

        var carrier: any Carrier { winner.carrier }
    }

    private enum Outcome: Sendable {
        case ended(String)
        case climbed(Standing)
        /// The way went silent, and another one stands.
        case rescued(Standing)
    }

    /// Runs until the task is cancelled.
    /// - Parameter target: Asked before each attempt, so that new pins and addresses take effect.
    package func run(authority: String, target: @escaping @Sendable () -> Target) async throws {
        var backoff = pace.backoff
        var random = SystemRandomNumberGenerator()
        let position = Position()
        try await withThrowingDiscardingTaskGroup { retired in
            defer { retired.cancelAll() }
            while !Task.isCancelled {
                var opened = false
                let reason: String
                do {
                    let standing = try await stand(in: target().ways, authority: authority, position: position)
                    opened = true
                    backoff.succeeded()
                    reason = try await keep(
                        standing, authority: authority, target: target, position: position, retired: &retired)
                } catch is CancellationError {
                    link.down()
                    book.uses(nil)
                    throw CancellationError()
                } catch {
                    reason = Self.sentence(error)
                    if (error as? TunnelError)?.code == .refused { link.refused(reason) }
                }
                link.down()
                book.uses(nil)
                if opened { await observer.lost(reason) }
                let pause = backoff.nextDelay(using: &random)
                await observer.waiting(reason, next: pause)
                try await Task.sleep(for: pause)
            }
        }
    }

    /// Reaches the gateway in one of the ways, and opens or resumes the session there.
    private func stand(
        in ways: [Way], link: Link? = nil, authority: String, position: Position
    ) async throws -> Standing {
        try await stand(on: try await race.first(of: ways, link: link), authority: authority, position: position)
    }

    private func stand(on winner: PathRace.Winner, authority: String, position: Position) async throws -> Standing {
        do {
            let answer = try await open(winner.carrier, authority: authority, position: position)
            return Standing(winner: winner, answer: answer)
        } catch {
            winner.carrier.close(.closed)
            throw error
        }
    }

    /// Uses a carrier, and after it each better one, until one of them ends; answers why.
    private func keep(
        _ first: Standing, authority: String, target: @escaping @Sendable () -> Target, position: Position,
        retired: inout ThrowingDiscardingTaskGroup<any Error>
    ) async throws -> String {
        var standing = first
        var isNews = true
        while true {
            let current = Link(carrier: standing.carrier, session: standing.answer.session)
            position.opened(standing.answer)
            link.up(current)
            book.uses(standing.winner.reached)
            if isNews { await observer.opened(standing.answer) }
            await observer.uses(standing.winner.reached)
            let outcome: Outcome
            do {
                outcome = try await outcomeOf(
                    standing, current, authority: authority, target: target, position: position)
            } catch {
                standing.carrier.close(.closed)
                throw error
            }
            switch outcome {
            case .ended(let reason):
                standing.carrier.close(.closed)
                return reason
            case .climbed(let better):
                let (carrier, retirement) = (standing.carrier, pace.retirement)
                retired.addTask {
                    // Streams that can go on elsewhere leave by themselves; the others may take their time.
                    await withTaskGroup(of: Void.self) { group in
                        group.addTask { await current.use.retire() }
                        group.addTask { try? await Task.sleep(for: retirement) }
                        await group.next()
                        group.cancelAll()
                    }
                    carrier.close(.closed)
                }
                standing = better
            case .rescued(let other):
                // What was on its way there is asked for again over the other one, at once.
                standing.carrier.close(.closed)
                standing = other
            }
            isNews = !standing.answer.resumed
            if isNews { await observer.lost("the gateway began a new session") }
        }
    }

    /// Follows the event log, and looks for a better way meanwhile.
    private func outcomeOf(
        _ standing: Standing, _ link: Link, authority: String, target: @escaping @Sendable () -> Target,
        position: Position
    ) async throws -> Outcome {
        try await withThrowingTaskGroup(of: Outcome?.self) { tasks in
            tasks.addTask { .ended(try await follow(standing.carrier, position: position)) }
            if let changes = standing.winner.reached.changes {
                tasks.addTask {
                    for await _ in changes { await observer.uses(standing.winner.reached) }
                    return nil
                }
            }
            if let silence = standing.winner.reached.silence {
                tasks.addTask {
                    for await isSilent in silence.changes where isSilent {
                        let other = try await rescue(
                            from: standing.winner.way.kind, silence, authority, target, position)
                        if let other { return .rescued(other) }
                    }
                    return nil
                }
            }
            tasks.addTask {
                try await climb(above: standing.winner.way.kind, link, authority, target, position).map(Outcome.climbed)
            }
            var outcome: Result<Outcome, any Error>?
            while let result = await tasks.nextResult() {
                switch result {
                case .success(.climbed(let late)?) where outcome != nil: late.carrier.close(.closed)
                case .success(.rescued(let late)?) where outcome != nil: late.carrier.close(.closed)
                case .success(let answer?) where outcome == nil:
                    outcome = .success(answer)
                    tasks.cancelAll()
                case .success: break
                case .failure(let error):
                    outcome = outcome ?? .failure(error)
                    tasks.cancelAll()
                }
            }
            return try outcome?.get() ?? .ended("the gateway ended the session")
        }
    }

    /// Tries the ways that are better, again and again; nil when there is no sense in going on.
    private func climb(
        above kind: PathKind, _ link: Link, _ authority: String, _ target: @Sendable () -> Target, _ position: Position
    ) async throws -> Standing? {
        var schedule = pace.climb
        while let pause = schedule.next() {
            try await Task.sleep(for: pause)
            let better = pace.order.better(than: kind, of: target().ways)
            guard !better.isEmpty else { continue }
            do {
                return try await stand(in: better, link: link, authority: authority, position: position)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                logger.debug("no better way stands", metadata: ["error": "\(error)"])
            }
        }
        return nil
    }

    /// Tries the other ways while one is silent; nil when none stands, or it answers again. The carrier stays meanwhile, so
    /// that a short gap of the network costs nothing.
    private func rescue(
        from kind: PathKind, _ silence: Way.Silence, _ authority: String, _ target: @Sendable () -> Target,
        _ position: Position
    ) async throws -> Standing? {
        let others = target().ways.filter { $0.kind != kind }
        guard silence.now(), !others.isEmpty else { return nil }
        do {
            let winner = try await race.first(of: others)
            guard silence.now() else {
                winner.carrier.close(.closed)
                return nil
            }
            return try await stand(on: winner, authority: authority, position: position)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            logger.debug("no other way stands", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func open(
        _ carrier: any Carrier, authority: String, position: Position
    ) async throws -> SessionAnswer {
        try await carrier.post(
            SessionRequest(authority: authority, resume: position.session), to: WirePath.session, session: nil,
            answer: SessionAnswer.self, limits: limits)
    }

    /// Reads the event log until the carrier ends; answers why it did.
    private func follow(_ carrier: any Carrier, position: Position) async throws -> String {
        var path = WirePath.events
        if let cursor = position.cursor { path += "?cursor=\(cursor)" }
        var request = HTTPRequest(method: .get, scheme: "https", authority: "gateway", path: path)
        request.headerFields[.latchkeySession] = position.session
        try await carrier.withExchange(request, trafficClass: .event) { exchange in
            try await exchange.finish()
            let head = try await exchange.response()
            guard head.status == .ok else {
                throw Problem(reading: head, try await exchange.body.collect(upTo: limits.messageBytes))
            }
            for try await line in exchange.body.lines(upTo: limits.eventBytes) where line.readableBytes > 0 {
                let event = try WireCoding.decode(SessionEvent.self, from: line)
                await observer.received(event)
                position.reached(event.cursor)
            }
        }
        return "the gateway ended the session"
    }
}
