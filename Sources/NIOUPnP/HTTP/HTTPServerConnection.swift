import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import NetworkTypes

/// The server's end of one connection: one exchange at a time, the peer's early requests kept in order.
///
/// idle ──bytes──▶ head ──request──▶ exchange ──answered──▶ idle (or the next early request)
///                   │                  │
///                   └── refused ──▶ lingering ──▶ closed
///
/// Lives on its event loop. It reads from the socket only when it wants something: the next head, or a
/// part of a body that its reader has room for.
final class HTTPServerConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    enum Phase {
        case idle, head, lingering, closed
        case exchange(Exchange)
    }

    /// The exchange that is being answered.
    final class Exchange {
        let id: UInt64
        let inflow: BodyInflow
        let outflow: Outflow
        /// What the handler is to answer, until it is called.
        var unhandled: HTTPServerExchange?
        var task: Task<Void, Never>?
        var requestEnded = false
        var responseStarted = false
        var expectsContinue: Bool

        init(
            id: UInt64, inflow: BodyInflow, outflow: Outflow, unhandled: HTTPServerExchange, expectsContinue: Bool
        ) {
            self.id = id
            self.inflow = inflow
            self.outflow = outflow
            self.unhandled = unhandled
            self.expectsContinue = expectsContinue
        }
    }

    /// What every connection of a server shares.
    struct Context {
        let limits: HTTPServerLimits
        let logger: Logger
        let tally: ConnectionTally
        let security: HTTPServerSecurity?
        let handler: @Sendable (HTTPServerExchange) async throws -> Void
    }

    let shared: Context
    let peer: SocketEndpoint
    let local: SocketEndpoint
    var phase = Phase.idle
    var early: [HTTPServerRequestPart] = []
    var earlyHeads = 0
    private var exchanges: UInt64 = 0
    var closesAfterAnswer = false
    var flushScheduled = false
    var inputClosed = false
    var context: ChannelHandlerContext?
    var timer: ConnectionTimer?
    private var executor: EventLoopTaskExecutor?
    var secured: SecureConnection?

    init(shared: Context, peer: SocketEndpoint, local: SocketEndpoint) {
        self.shared = shared
        self.peer = peer
        self.local = local
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        executor = EventLoopTaskExecutor(context.eventLoop)
        timer = ConnectionTimer(eventLoop: context.eventLoop) { [weak self] in self?.deadlinePassed() }
    }

    func channelActive(context: ChannelHandlerContext) {
        // A peer that connects and says nothing gets no longer than one that dawdles over its head.
        timer?.set(in: shared.limits.headTime)
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if case .exchange(let exchange) = phase, !exchange.requestEnded {
            receive(part)
        } else if case .lingering = phase {
            return
        } else if case .exchange = phase {
            keepEarly(part)
        } else {
            receive(part)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch phase {
        case .idle:
            phase = .head
            timer?.set(in: shared.limits.headTime)
            context.read()
        case .head, .lingering:
            context.read()
        case .exchange(let exchange):
            if exchange.unhandled != nil {
                startHandler(atOnce: true)
            } else if !exchange.requestEnded, exchange.inflow.readCompleted() {
                context.read()
            }
        case .closed:
            break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            inputClosed = true
            closesAfterAnswer = true
            if case .exchange(let exchange) = phase {
                if !exchange.requestEnded { exchange.inflow.fail(Self.peerLeft) }
            } else {
                close()
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError || error is NIOHTTPDecoderError || error is ByteToMessageDecoderError else {
            return close()
        }
        switch phase {
        case .idle, .head:
            refuse(HTTPHeadCodec.status(for: error))
        case .exchange(let exchange):
            closesAfterAnswer = true
            if !exchange.requestEnded {
                exchange.inflow.fail(.init(.malformedMessage, "the request's body is malformed: \(error)"))
            }
        case .lingering, .closed:
            break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
        self.context = nil
    }

    private func ended() {
        timer?.cancel()
        early = []
        if case .exchange(let exchange) = phase {
            exchange.inflow.fail(Self.peerLeft)
            exchange.outflow.fail(Self.peerLeft)
            exchange.task?.cancel()
        }
        phase = .closed
    }

    static let peerLeft = HTTPTransportError(.connectionClosed, "the peer closed the connection")

    // MARK: Requests

    func receive(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(let head): begin(head)
        case .body(let chunk):
            guard case .exchange(let exchange) = phase else { return }
            if !exchange.inflow.append(chunk) { closesAfterAnswer = true }
        case .end:
            guard case .exchange(let exchange) = phase else { return }
            exchange.requestEnded = true
            exchange.inflow.finish()
        }
    }

    private func keepEarly(_ part: HTTPServerRequestPart) {
        if closesAfterAnswer { return }
        if case .head = part { earlyHeads += 1 }
        // The parts were all in the buffer of one read, so their bytes are bounded by it.
        guard earlyHeads <= shared.limits.pipelinedRequests else {
            closesAfterAnswer = true
            early = []
            return
        }
        early.append(part)
    }

    private func begin(_ head: HTTPRequestHead) {
        guard let context, let executor else { return }
        timer?.clear()
        let request: HTTPRequest
        do {
            request = try HTTPHeadCodec.request(head)
        } catch {
            return refuse(error.status)
        }
        // After an upgrade's head the decoder reads nothing more (llhttp), so the connection cannot go on.
        if head.method == .CONNECT || head.headers.contains(name: "upgrade") || !head.isKeepAlive {
            closesAfterAnswer = true
        }
        if let limit = shared.limits.bodyBytes, let length = request.headerFields.value(of: .contentLength),
            Int(length).map({ $0 > limit }) ?? true
        {
            return refuse(.contentTooLarge)
        }
        let expectation = request.headerFields.value(of: .expect)
        guard expectation == nil || expectation?.lowercased() == "100-continue" else {
            return refuse(.expectationFailed)
        }
        exchanges += 1
        let id = exchanges
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        let inflow = BodyInflow(capacity: shared.limits.bufferedBytes, limit: shared.limits.bodyBytes) {
            eventLoop.hop { bound.value.bodyWanted(id) }
        }
        let outflow = Outflow(capacity: shared.limits.unsentBytes)
        let link = HTTPServerExchange.Link(
            connection: bound, eventLoop: eventLoop, executor: executor, id: id, outflow: outflow,
            acceptsChunked: head.version.minor >= 1,
            keepsAliveExplicitly: head.version.minor == 0 && head.isKeepAlive
        )
        let exchange = HTTPServerExchange(
            request: request, peer: peer, local: local, body: HTTPBody { try await inflow.next() },
            connection: secureConnection(context), link: link
        )
        phase = .exchange(
            Exchange(
                id: id, inflow: inflow, outflow: outflow, unhandled: exchange, expectsContinue: expectation != nil)
        )
        timer?.set(in: min(shared.limits.bodyStallTime, shared.limits.sendStallTime))
    }

    /// Calls the handler, when the read that brought the head is over: a small request is then there as a
    /// whole. At once, it is answered within the same turn of the loop, unless its handler waits for something.
    func startHandler(atOnce: Bool) {
        guard case .exchange(let current) = phase, let exchange = current.unhandled, let executor else { return }
        current.unhandled = nil
        let handler = shared.handler
        let logger = shared.logger
        let tally = shared.tally
        tally.handlerStarted()
        // Unstructured because it is the connection that must cancel it, from the event loop. The server's
        // `run` does not return before the tally has seen every handler return.
        let work: @Sendable () async -> Void = {
            await exchange.run(handler, logger: logger)
            tally.handlerReturned()
        }
        current.task =
            atOnce
            ? Task.immediate(executorPreference: executor, operation: work)
            : Task(executorPreference: executor, operation: work)
        // The peer may have left while the handler ran for the first time.
        if case .closed = phase { current.task?.cancel() }
    }

    private func bodyWanted(_ id: UInt64) {
        guard case .exchange(let exchange) = phase, exchange.id == id, let context else { return }
        if exchange.expectsContinue, !exchange.responseStarted, !exchange.requestEnded {
            exchange.expectsContinue = false
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
        context.read()
    }
}

extension EventLoop {
    /// Runs `body` on the loop: at once when already there.
    func hop(_ body: @escaping @Sendable () -> Void) {
        if inEventLoop { body() } else { execute(body) }
    }
}
