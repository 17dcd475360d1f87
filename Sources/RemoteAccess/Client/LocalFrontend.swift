import HTTPTypes
package import Logging
import NIOCore
package import NIOUPnP
import NetworkTypes
import Tunnel

/// What the away client serves to apps over HTTP: every sealed path of the mirror, and nothing else.
///
/// It knows no home URL. It adds who asked and at which authority, and passes bytes.
package struct LocalFrontend: Sendable {
    /// The bounds of one app request.
    package struct Limits: Hashable, Sendable {
        /// How long a request waits for a tunnel that is down before its app is told.
        package var tunnelTime: Duration = .seconds(20)
        /// The body of an action, in bytes.
        package var actionBytes = 1 << 20
        /// How long a stream that broke off waits for another carrier before it tries the same one again, at first.
        package var retryPause: Duration = .milliseconds(100)
        /// How often in a row a stream may break off without a byte in between.
        package var resumptions = 16

        package init() {}
    }

    private let link: TunnelLink
    private let events: EventFrontend
    private let neighbours: Neighbourhood
    private let limits: Limits
    private let logger: Logger

    package init(
        link: TunnelLink, events: EventFrontend, neighbours: Neighbourhood, limits: Limits = .init(), logger: Logger
    ) {
        self.link = link
        self.events = events
        self.neighbours = neighbours
        self.limits = limits
        self.logger = logger
    }

    /// Answers one request of an app.
    package func handle(_ exchange: HTTPServerExchange) async throws {
        // UPnP has no use for names here, and a name is how DNS rebinding would reach us.
        guard exchange.request.authority == exchange.local.description else {
            return try await exchange.refuse(.misdirectedRequest, "This host serves \(exchange.local) only.")
        }
        guard exchange.request.headerFields[.origin] == nil else {
            return try await exchange.refuse(.forbidden, "Web pages are not served.")
        }
        let path = exchange.request.path ?? "/"
        let kind = path.dropFirst().prefix { $0 != "/" }
        do {
            switch (exchange.request.method.rawValue, kind) {
            case ("POST", "c"): try await forwardAction(exchange)
            case ("GET", "d"), ("HEAD", "d"), ("GET", "s"), ("HEAD", "s"):
                try await forwardStream(exchange, trafficClass: .control)
            case ("GET", "m"), ("HEAD", "m"): try await forwardStream(exchange, trafficClass: .media)
            case ("SUBSCRIBE", "e"), ("UNSUBSCRIBE", "e"): try await events.handle(exchange, via: via(exchange))
            case (_, "c"), (_, "d"), (_, "s"), (_, "m"), (_, "e"):
                try await exchange.refuse(.methodNotAllowed, "\(exchange.request.method) has no meaning here.")
            default: try await exchange.refuse(.notFound, "Nothing is served at this path.")
            }
        } catch let problem as Problem {
            try await exchange.refuse(.init(code: problem.status), problem.title)
        } catch is ExchangeReset {
            try await exchange.refuse(.badGateway, "The gateway gave this request up.")
        }
    }

    private func via(_ exchange: HTTPServerExchange) -> String {
        neighbours.isOwnHost(exchange.peer.address) ? "own" : exchange.peer.address.unmapped.description
    }

    /// The request as the gateway gets it.
    private func request(_ exchange: HTTPServerExchange, session: String) -> HTTPRequest {
        var request = HTTPRequest(
            method: exchange.request.method, scheme: "https", authority: "gateway", path: exchange.request.path)
        for field in exchange.request.headerFields where !Self.connectionFields.contains(field.name) {
            request.headerFields.append(field)
        }
        request.headerFields[.latchkeySession] = session
        request.headerFields[.latchkeyVia] = via(exchange)
        return request
    }

    /// Fields that concern this connection (RFC 9110 §7.6.1), and those that only this client may set.
    private static let connectionFields: Set<HTTPField.Name> = [
        .connection, .transferEncoding, .upgrade, .te, .trailer, .proxyAuthenticate, .proxyAuthorization, .expect,
        .contentLength, .known("keep-alive"), .known("proxy-connection"), .known("host"),
        .latchkeySession, .latchkeyVia, .latchkeyRequestID, .latchkeyStream,
    ]

    /// An action runs at most once: when the carrier dies before the answer, the same request id asks again.
    private func forwardAction(_ exchange: HTTPServerExchange) async throws {
        let body = try await exchange.body.collect(upTo: limits.actionBytes)
        var random = SystemRandomNumberGenerator()
        let id = random.uuid()
        let deadline = ContinuousClock.now + limits.tunnelTime
        var failed = 0
        while true {
            let found = try await link.link(after: failed, within: deadline - .now)
            var request = request(exchange, session: found.link.session)
            request.headerFields[.latchkeyRequestID] = id
            do {
                let (head, answer) = try await found.link.carrier.call(
                    request, body: body, upTo: WireLimits().documentBytes)
                return try await exchange.respond(head.status, headers: head.headerFields.endToEnd, body: answer)
            } catch let error where error.isOfTheCarrier {
                logger.debug("action waits for another carrier", metadata: ["error": "\(error)"])
                failed = found.generation
            }
        }
    }

    private func forwardStream(_ exchange: HTTPServerExchange, trafficClass: TrafficClass) async throws {
        var resumption: StreamContinuation?
        var started = false
        var failed: TunnelLink.Found?
        var interruptions = 0
        while interruptions <= limits.resumptions {
            let found: TunnelLink.Found
            do {
                found = try await self.found(after: failed, interruptions)
            } catch let problem as Problem where started {
                // The head is gone already; all that is left is to break the stream off visibly.
                throw StreamBroken(reason: problem.title)
            }
            var request = request(exchange, session: found.link.session)
            resumption?.apply(to: &request)
            let progress = StreamProgress(resumption: resumption, started: started)
            let use = found.link.use
            use.began()
            defer { use.ended() }
            do {
                try await found.link.carrier.withExchange(request, trafficClass: trafficClass) { tunnel in
                    try await tunnel.finish()
                    let response = try await tunnel.response()
                    try await progress.head(response, of: exchange)
                    for try await chunk in tunnel.body {
                        try await exchange.send(chunk)
                        progress.deliver(chunk.readableBytes)
                        if use.isRetired, progress.state.0?.isComplete == false { throw StreamMoves() }
                    }
                }
                return try await exchange.finish()
            } catch let error where error.isOfTheCarrier {
                (resumption, started) = progress.state
                guard !started || resumption != nil else { throw StreamBroken(reason: "\(error)") }
                if resumption?.isComplete == true { return try await exchange.finish() }
                // Those in a row count: a radio may play for weeks.
                if progress.hasMoved { interruptions = 0 }
                if !(error is StreamMoves) { interruptions += 1 }
                logger.debug("stream waits for another carrier", metadata: ["error": "\(error)"])
                failed = found
            }
        }
        throw StreamBroken(reason: "too many interruptions")
    }

    /// What a stream goes over, the first time or after an interruption; the pause before the same carrier is tried again
    /// grows with those.
    private func found(after failed: TunnelLink.Found?, _ interruptions: Int) async throws -> TunnelLink.Found {
        guard let failed else { return try await link.link(within: limits.tunnelTime) }
        let pause = min(limits.retryPause * (1 << min(interruptions, 8)), .seconds(4))
        return try await link.link(afterStreamOver: failed, pause: pause, within: limits.tunnelTime)
    }
}

/// A stream goes on over a better carrier that stands.
private struct StreamMoves: Error {}

/// A stream whose head was sent and whose rest cannot be had; it breaks the app's connection.
struct StreamBroken: Error {
    let reason: String
}
