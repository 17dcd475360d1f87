import HTTPTypes
package import Logging
import NIOCore
package import NIOTunnel
package import Tunnel

/// What the away client does when its session changes.
package protocol SessionObserver: Sendable {
    /// A session stands on a carrier; a session that was not resumed starts with a snapshot.
    func opened(_ answer: SessionAnswer) async
    /// An event of the session, in order, none lost and none twice.
    func received(_ event: SessionEvent) async
    /// The carrier ended.
    func lost(_ reason: String) async
    /// The gateway does not let the client in, or could not be reached; it will be tried again.
    func waiting(_ reason: String, next: Duration) async
}

/// Keeps a session with the gateway: dials, opens or resumes, reads the event log, and starts over with
/// growing pauses when anything of it fails. No hand is needed.
package struct SessionKeeper: Sendable {
    /// Whom to reach, and as whom.
    package struct Target: Sendable {
        /// Opens a carrier, by the dialer where one is needed.
        let connect: @Sendable (TunnelDialer) async throws -> any Carrier

        /// A gateway behind a tunnel.
        /// - Parameters:
        ///   - addresses: In the order of preference.
        ///   - verifyServer: Nil to accept the gateway's certificate, or a sentence that says why not.
        package init(
            addresses: [TunnelAddress], identity: TunnelIdentity,
            verifyServer: @escaping @Sendable (PeerCertificate) -> String?
        ) {
            self.connect = { dialer in
                try await dialer.connect(
                    to: addresses, identity: identity, purpose: .session, verifyServer: verifyServer)
            }
        }

        /// A gateway in this process.
        package init(entrance: LocalEntrance) {
            self.connect = { _ in try entrance.connect() }
        }
    }

    private let dialer: TunnelDialer
    private let link: TunnelLink
    private let observer: any SessionObserver
    private let backoff: ReconnectBackoff
    private let limits: WireLimits
    private let logger: Logger

    package init(
        dialer: TunnelDialer, link: TunnelLink, observer: any SessionObserver,
        backoff: ReconnectBackoff = .init(), limits: WireLimits = .init(), logger: Logger
    ) {
        self.dialer = dialer
        self.link = link
        self.observer = observer
        self.backoff = backoff
        self.limits = limits
        self.logger = logger
    }

    /// Where the session stands between two carriers.
    private struct Position {
        var session: String?
        var cursor: UInt64?
    }

    /// Runs until the task is cancelled.
    /// - Parameter target: Asked before each attempt, so that new pins and addresses take effect.
    package func run(authority: String, target: @Sendable () -> Target) async throws {
        var backoff = backoff
        var random = SystemRandomNumberGenerator()
        var position = Position()
        while !Task.isCancelled {
            var opened = false
            let reason: String
            do {
                let carrier = try await target().connect(dialer)
                defer { carrier.close(.closed) }
                let answer = try await open(carrier, authority: authority, position: &position)
                opened = true
                backoff.succeeded()
                link.up(Link(carrier: carrier, session: answer.session))
                await observer.opened(answer)
                reason = try await follow(carrier, position: &position)
            } catch is CancellationError {
                link.down()
                throw CancellationError()
            } catch {
                reason = Self.sentence(error)
            }
            link.down()
            if opened { await observer.lost(reason) }
            let pause = backoff.nextDelay(using: &random)
            await observer.waiting(reason, next: pause)
            try await Task.sleep(for: pause)
        }
    }

    private func open(
        _ carrier: any Carrier, authority: String, position: inout Position
    ) async throws -> SessionAnswer {
        let answer = try await carrier.post(
            SessionRequest(authority: authority, resume: position.session), to: WirePath.session, session: nil,
            answer: SessionAnswer.self, limits: limits)
        if !answer.resumed { position.cursor = nil }
        position.session = answer.session
        return answer
    }

    /// Reads the event log until the carrier ends; answers why it did.
    private func follow(_ carrier: any Carrier, position: inout Position) async throws -> String {
        var path = WirePath.events
        if let cursor = position.cursor { path += "?cursor=\(cursor)" }
        var request = HTTPRequest(method: .get, scheme: "https", authority: "gateway", path: path)
        request.headerFields[.latchkeySession] = position.session
        let start = position.cursor
        let reached = EventPosition(start)
        do {
            try await carrier.withExchange(request, trafficClass: .event) { exchange in
                try await exchange.finish()
                let head = try await exchange.response()
                guard head.status == .ok else {
                    throw Problem(reading: head, try await exchange.body.collect(upTo: limits.messageBytes))
                }
                for try await line in exchange.body.lines(upTo: limits.eventBytes) where line.readableBytes > 0 {
                    let event = try WireCoding.decode(SessionEvent.self, from: line)
                    await observer.received(event)
                    reached.advance(to: event.cursor)
                }
            }
            position.cursor = reached.value
            return "the gateway ended the session"
        } catch {
            position.cursor = reached.value
            throw error
        }
    }

    /// What to tell a person about a failure.
    static func sentence(_ error: any Error) -> String {
        switch error {
        case let problem as Problem: problem.title
        case let error as TunnelError: error.message
        case CarrierEnd.closed: "the gateway closed the connection"
        case CarrierEnd.revoked: "the pairing was revoked"
        case CarrierEnd.silent(let time): "nothing was heard from the gateway for \(time.components.seconds) seconds"
        case CarrierEnd.failed(let sentence): sentence
        default: "\(error)"
        }
    }
}
