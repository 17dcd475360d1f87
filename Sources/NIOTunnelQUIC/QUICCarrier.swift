package import HTTPTypes
internal import NIOCore
package import NetworkTypes
package import Tunnel

/// A carrier on QUIC (RFC 9000): one connection, and on it one stream for each exchange, of whatever class.
///
/// Either end opens exchanges.
package final class QUICCarrier: Carrier {
    private let link: QUICLink

    init(_ link: QUICLink) {
        self.link = link
    }

    deinit {
        close(.closed)
    }

    /// The address that the peer has at the moment.
    package var remote: SocketEndpoint { link.remote }
    /// Our own address and port at the moment.
    package var local: SocketEndpoint { link.local }

    package func withExchange<Result: Sendable>(
        _ request: HTTPRequest,
        trafficClass: TrafficClass,
        _ body: @Sendable (any OutboundExchange) async throws -> Result
    ) async throws -> Result {
        if let end = link.end.value { throw end }
        let exchange = try link.open(request, trafficClass)
        defer {
            // Does nothing to an exchange that is complete.
            exchange.reset(.cancelled)
            exchange.leave()
        }
        return try await body(QUICClientExchange(exchange: exchange))
    }

    package func serve(_ handler: @escaping @Sendable (any InboundExchange) async -> Void) async throws {
        await Self.serve(link, handler)
    }

    static func serve(
        _ link: QUICLink, _ handler: @escaping @Sendable (any InboundExchange) async -> Void
    ) async {
        await withDiscardingTaskGroup { group in
            for await exchange in link.inbound {
                group.addTask { await run(exchange, handler) }
            }
            group.cancelAll()
        }
    }

    /// Runs the handler, and cancels it when the peer gives the exchange up.
    private static func run(
        _ exchange: QUICServerExchange, _ handler: @escaping @Sendable (any InboundExchange) async -> Void
    ) async {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await handler(exchange)
                if !exchange.exchange.isAnswered { exchange.exchange.reset(.internalError) }
                exchange.exchange.leave()
                return true
            }
            group.addTask { await exchange.exchange.closed.wait() ?? false }
            if await group.next() == true { group.cancelAll() }
        }
    }

    /// Limits what this end writes of class media to a rate in bytes per second; nil lifts the limit.
    package func paceMedia(bytesPerSecond: Int?) {
        link.onLoop { $0.pace(bytesPerSecond) }
    }

    /// Goes on from another socket, and so another port, of this host, and from whatever address the host has by
    /// now; exchanges go on. For the end that dialled.
    package func migrate() {
        link.onLoop { $0.endpoint?.moveToAnotherSocket() }
    }

    package func close(_ reason: CarrierEnd) {
        link.close(reason)
    }

    package func ended() async -> CarrierEnd {
        await link.end.wait() ?? link.end.value ?? .closed
    }
}

/// An exchange that this end opened.
struct QUICClientExchange: OutboundExchange {
    let exchange: QUICExchange

    func send(_ chunk: ByteBuffer) async throws { try await exchange.send(chunk) }
    func finish() async throws { try exchange.finish() }
    func response() async throws -> HTTPResponse { try await exchange.response() }
    var body: ExchangeBody { ExchangeBody { [exchange] in try await exchange.nextChunk() } }
    func reset(_ code: ResetCode) { exchange.reset(code) }
}

/// An exchange that the peer opened.
struct QUICServerExchange: InboundExchange {
    let request: HTTPRequest
    let exchange: QUICExchange

    var trafficClass: TrafficClass { exchange.trafficClass }
    var body: ExchangeBody { ExchangeBody { [exchange] in try await exchange.nextChunk() } }
    func respond(_ response: HTTPResponse) async throws { try exchange.send(head: .response(response)) }
    func send(_ chunk: ByteBuffer) async throws {
        // RFC 9110 §9.3.2: an answer to HEAD has no body.
        guard request.method != .head else { return }
        try await exchange.send(chunk)
    }

    func finish() async throws { try exchange.finish() }
    func reset(_ code: ResetCode) { exchange.reset(code) }
}
