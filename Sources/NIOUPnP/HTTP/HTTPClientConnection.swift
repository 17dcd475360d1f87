import HTTPTypes
import NIOCore
import NIOHTTP1
import NetworkTypes

/// The client's end of one connection: one request at a time; between two it waits in the pool.
///
/// idle ──send──▶ head ──answer's head──▶ body ──end──▶ idle (or closed)
///
/// Lives on its event loop.
final class HTTPClientConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private enum Phase {
        case idle, closed
        case head(Exchange)
        case body(Exchange)
    }

    private struct Exchange {
        let limits: HTTPClientLimits
        let inflow: BodyInflow
        let outflow: Outflow
        let head: EventLoopPromise<HTTPResponse>
        var requestEnded: Bool
        let deadline: NIODeadline?
    }

    private var phase = Phase.idle
    private var keepsAlive = true
    private var answerBegan = false
    private var context: ChannelHandlerContext?
    private var timer: ConnectionTimer?
    private let becameIdle: (HTTPClientConnection) -> Bool
    private let closed: () -> Void

    /// - Parameters:
    ///   - becameIdle: Told, on the loop, that another request may follow; false when none will.
    ///   - closed: Told, on the loop, that the connection is over.
    init(becameIdle: @escaping (HTTPClientConnection) -> Bool, closed: @escaping () -> Void) {
        self.becameIdle = becameIdle
        self.closed = closed
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        timer = ConnectionTimer(eventLoop: context.eventLoop) { [weak self] in self?.deadlinePassed() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), phase) {
        case (.head(let head), .head(let exchange)):
            answerBegan = true
            guard head.status != .switchingProtocols else {
                return fail(.init(.malformedMessage, "the peer switches to a protocol that was not asked for"))
            }
            guard let response = HTTPHeadCodec.response(head) else {
                return fail(.init(.malformedMessage, "the peer's status \(head.status.code) is none of an answer"))
            }
            keepsAlive = keepsAlive && head.isKeepAlive
            phase = .body(exchange)
            timer?.set(bodyDeadline(exchange))
            exchange.head.succeed(response)
            _ = exchange.inflow.startReading()
        case (.body(let chunk), .body(let exchange)):
            _ = exchange.inflow.append(chunk)
        case (.end, .body(let exchange)):
            timer?.clear()
            // A request that is still being sent cannot be followed by another.
            if !exchange.requestEnded { keepsAlive = false }
            phase = .idle
            // Kept before its reader learns of the end, so that the reader's next request finds it.
            if keepsAlive, context.channel.isActive, becameIdle(self) {
                timer?.set(in: HTTPClientPool.idleTime)
                context.read()
            } else {
                close()
            }
            exchange.inflow.finish()
        default:
            // Bytes that nobody asked for.
            keepsAlive = false
            close()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch phase {
        case .idle, .head: context.read()
        case .body(let exchange): if exchange.inflow.readCompleted() { context.read() }
        case .closed: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answerBegan = true
        if case HTTPParserError.invalidEOFState = error {
            fail(Self.brokeOff)
        } else if error is HTTPParserError || error is NIOHTTPDecoderError || error is ByteToMessageDecoderError {
            fail(.init(.malformedMessage, "the peer's answer is malformed: \(error)"))
        } else {
            fail(.init(.connectionClosed, "the connection failed: \(error)"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended(Self.brokeOff)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended(Self.brokeOff)
        self.context = nil
    }

    private static let brokeOff = HTTPTransportError(.connectionClosed, "the peer closed the connection early")

    // MARK: One exchange

    /// What the caller needs to send one request.
    struct Start: Sendable {
        let head: HTTPRequestHead
        let body: ByteBuffer?
        /// Whether the body follows by `write` and `endRequest`.
        let uploads: Bool
        let limits: HTTPClientLimits
        let inflow: BodyInflow
        let outflow: Outflow
        let response: EventLoopPromise<HTTPResponse>
        let deadline: NIODeadline?
    }

    /// Sends a request; false when the connection has gone and not a byte of it was sent.
    func send(_ start: Start) -> Bool {
        guard case .idle = phase, let context, context.channel.isActive, keepsAlive else { return false }
        answerBegan = false
        phase = .head(
            Exchange(
                limits: start.limits, inflow: start.inflow, outflow: start.outflow, head: start.response,
                requestEnded: !start.uploads, deadline: start.deadline
            )
        )
        timer?.set(min(.now() + TimeAmount(start.limits.headTime), start.deadline ?? .distantFuture))
        context.write(wrapOutboundOut(.head(start.head)), promise: nil)
        if let body = start.body { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        if start.uploads { context.flush() } else { context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
        context.read()
        return true
    }

    /// Sends a part of an uploaded body.
    func write(_ chunk: ByteBuffer, outflow: Outflow) {
        guard let context, isCurrent(outflow) else { return outflow.fail(Self.brokeOff) }
        let promise = context.eventLoop.makePromise(of: Void.self)
        let bytes = chunk.readableBytes
        promise.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success: outflow.sent(bytes)
            case .failure: outflow.fail(Self.brokeOff)
            }
        }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(chunk))), promise: promise)
        // While the request goes out it is the sending that may stall, and no answer is due.
        restartHeadTimer()
    }

    /// Ends an uploaded body.
    func endRequest(outflow: Outflow) {
        guard let context, isCurrent(outflow) else { return }
        switch phase {
        case .head(var exchange):
            exchange.requestEnded = true
            phase = .head(exchange)
        case .body(var exchange):
            exchange.requestEnded = true
            phase = .body(exchange)
        case .idle, .closed:
            return
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        restartHeadTimer()
    }

    private func isCurrent(_ outflow: Outflow) -> Bool {
        switch phase {
        case .head(let exchange), .body(let exchange): exchange.outflow === outflow
        case .idle, .closed: false
        }
    }

    private func restartHeadTimer() {
        guard case .head(let exchange) = phase else { return }
        timer?.set(min(.now() + TimeAmount(exchange.limits.headTime), exchange.deadline ?? .distantFuture))
    }

    /// The reader wants more of the body.
    func bodyWanted() { context?.read() }

    /// Whether anything of the answer to the last request has arrived.
    var hasAnswer: Bool { answerBegan }

    // MARK: Ends

    /// Ends the connection and tells whoever waits why.
    func fail(_ error: HTTPTransportError) {
        ended(error)
        context?.close(promise: nil)
    }

    /// Ends the connection if it still serves the exchange of `outflow`.
    func abandon(_ outflow: Outflow, _ reason: String) {
        if isCurrent(outflow) { fail(.init(.misuse, reason)) }
    }

    /// Ends the connection.
    func close() { fail(Self.brokeOff) }

    private func ended(_ error: HTTPTransportError) {
        timer?.cancel()
        switch phase {
        case .head(let exchange):
            phase = .closed
            exchange.head.fail(error)
            exchange.inflow.fail(error)
            exchange.outflow.fail(error)
        case .body(let exchange):
            phase = .closed
            exchange.inflow.fail(error)
            exchange.outflow.fail(error)
        case .idle:
            phase = .closed
        case .closed:
            return
        }
        closed()
    }

    private func bodyDeadline(_ exchange: Exchange) -> NIODeadline {
        min(.now() + TimeAmount(exchange.limits.stallTime), exchange.deadline ?? .distantFuture)
    }

    private func deadlinePassed() {
        let now = NIODeadline.now()
        switch phase {
        case .idle:
            close()
        case .head(let exchange):
            if let deadline = exchange.deadline, deadline <= now {
                fail(.init(.timedOut, "the exchange took longer than its whole time allows"))
            } else {
                fail(.init(.timedOut, "no answer within \(exchange.limits.headTime)"))
            }
        case .body(let exchange):
            if let deadline = exchange.deadline, deadline <= now {
                return fail(.init(.timedOut, "the answer took longer than its whole time allows"))
            }
            let waits = [exchange.inflow.waitingSince, exchange.outflow.waitingSince].compactMap { $0 }
            if waits.contains(where: { $0 + TimeAmount(exchange.limits.stallTime) <= now }) {
                return fail(.init(.timedOut, "the peer stalled for \(exchange.limits.stallTime)"))
            }
            let next = (waits.min() ?? now) + TimeAmount(exchange.limits.stallTime)
            timer?.set(min(next, exchange.deadline ?? .distantFuture))
        case .closed:
            break
        }
    }
}
