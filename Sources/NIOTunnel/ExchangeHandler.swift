internal import HTTPTypes
internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import Tunnel

/// One stream of HTTP/2 on its event loop: hands what arrives to its `ExchangeStream`, writes in its turn.
final class ExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let core: ConnectionCore
    private let connection: TunnelConnection
    private let outbound: Bool
    private var context: ChannelHandlerContext?
    private var sawHead = false
    private var isLeft = false
    private var endIsWritten = false
    private var drain: Scheduled<Void>?
    private var drained = 0
    private var isReset = false
    private var inboundEnded = false
    private var failure: (any Error)?
    private(set) var stream: ExchangeStream

    /// For a stream that this end opens, with its exchange; without, for one that the peer opened.
    init(core: ConnectionCore, connection: TunnelConnection, stream: ExchangeStream? = nil) {
        self.core = core
        self.connection = connection
        self.outbound = stream != nil
        self.stream = stream ?? ExchangeStream(connection.purpose.trafficClass, connection: connection)
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: What the core asks for

    func read() {
        context?.read()
    }

    /// Lets the peer send so much more.
    func widen(by bytes: Int) {
        guard let context, !isReset, !inboundEnded else { return }
        context.writeAndFlush(wrapOutboundOut(.windowUpdate(windowSizeIncrement: bytes)), promise: nil)
    }

    private func giveWholeWindow(_ context: ChannelHandlerContext) {
        let more = connection.settings.streamWindow - ConnectionSettings.defaultWindow
        guard more > 0 else { return }
        context.write(wrapOutboundOut(.windowUpdate(windowSizeIncrement: more)), promise: nil)
    }

    /// Writes one turn; says how much, and whether there is more.
    func write(atMost bytes: Int) -> (written: Int, more: Bool) {
        guard let context else { return (0, false) }
        var portion = stream.take(bytes)
        var written = 0
        if let head = portion.head {
            let ends = portion.end && portion.chunks.isEmpty
            if ends { portion.end = false }
            write(.headers(.init(headers: head, endStream: ends)), context, ends: ends)
            if outbound { giveWholeWindow(context) }
        }
        for (index, chunk) in portion.chunks.enumerated() {
            written += chunk.readableBytes
            let ends = portion.end && index == portion.chunks.count - 1
            write(.data(.init(data: .byteBuffer(chunk), endStream: ends)), context, ends: ends)
        }
        if portion.end, portion.chunks.isEmpty {
            write(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)), context, ends: true)
        }
        context.flush()
        return (written, portion.more)
    }

    private func write(_ payload: HTTP2Frame.FramePayload, _ context: ChannelHandlerContext, ends: Bool) {
        guard ends else {
            context.write(wrapOutboundOut(payload), promise: nil)
            return
        }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenSuccess {
            self.endIsWritten = true
            self.leaveIfComplete()
        }
        context.write(wrapOutboundOut(payload), promise: written)
    }

    func reset(_ code: ResetCode) {
        guard let context, !isReset else { return }
        isReset = true
        let code = HTTP2ErrorCode(networkCode: Int(code.rawValue))
        context.writeAndFlush(wrapOutboundOut(.rstStream(code)), promise: nil)
        context.close(promise: nil)
    }

    /// The exchange's handler has returned; what it wrote may still wait for room.
    func leave() {
        isLeft = true
        leaveIfComplete()
    }

    /// RFC 9113 §8.1: the rest of a request is not wanted once its answer is complete, and a reset says
    /// so. The end of most requests is on its way by then, so that a little of the rest is read and
    /// dropped first: resets are counted against the peer that sends them.
    private func leaveIfComplete() {
        guard isLeft, endIsWritten, stream.wantsNoMore, drain == nil, let context else { return }
        drain = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { self.reset(.noError) }
        context.read()
    }

    // MARK: The stream

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        core.joined(self, stream)
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        if outbound { core.ready(stream) }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let headers): received(headers)
        case .data(let data):
            if case .byteBuffer(let chunk) = data.data { received(chunk) }
            if data.endStream { receivedEnd() }
        default: break
        }
    }

    private func received(_ chunk: ByteBuffer) {
        guard drain != nil else {
            stream.received(chunk)
            return
        }
        drained += chunk.readableBytes
        if drained > 64 << 10 { reset(.noError) }
    }

    private func received(_ frame: HTTP2Frame.FramePayload.Headers) {
        defer { if frame.endStream { receivedEnd() } }
        guard !sawHead else { return }
        guard outbound else {
            sawHead = true
            accept(frame.headers)
            if !frame.endStream, let context {
                giveWholeWindow(context)
                context.flush()
            }
            return
        }
        guard let response = HeaderTranslation.response(frame.headers) else {
            stream.reset(.internalError)
            return
        }
        // RFC 9110 §15.2: interim answers may come first.
        guard response.status.kind != .informational else { return }
        sawHead = true
        stream.received(response)
    }

    private func receivedEnd() {
        inboundEnded = true
        stream.receivedEnd()
    }

    private func accept(_ headers: HPACKHeaders) {
        guard let (request, trafficClass) = HeaderTranslation.request(headers) else {
            stream.reset(.internalError)
            return
        }
        if let trafficClass, connection.purpose == .session, trafficClass != .media { reclassify(trafficClass) }
        if request.isHello {
            answerHello()
            return
        }
        let exchange = ServerExchange(request: request, stream: stream)
        if !connection.accept(exchange) { stream.reset(.refused) }
    }

    private func reclassify(_ trafficClass: TrafficClass) {
        core.left(stream)
        stream = ExchangeStream(trafficClass, connection: connection)
        core.joined(self, stream)
    }

    private func answerHello() {
        try? stream.send(head: HeaderTranslation.headers(HTTPResponse(status: .noContent)))
        try? stream.finish()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if drain != nil || stream.deliver() { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { core.ready(stream) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let closed = error as? NIOHTTP2Errors.StreamClosed {
            failure = ExchangeReset(ResetCode(rawValue: UInt32(truncatingIfNeeded: closed.errorCode.networkCode)))
        } else {
            failure = failure ?? ExchangeReset(.internalError)
            reset(.internalError)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        _ = stream.deliver()
        let end = connection.end.value
        stream.close(end ?? failure ?? ExchangeReset(.cancelled))
        core.left(stream)
        drain?.cancel()
        self.context = nil
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }
}

extension ConnectionPurpose {
    /// The class of exchanges that say nothing else.
    var trafficClass: TrafficClass { self == .media ? .media : .control }
}

extension HTTPRequest {
    /// The first exchange of a dialled connection: its answer is the proof that the listener let us in.
    static var hello: HTTPRequest { HTTPRequest(method: .options, scheme: "https", authority: "latchkey", path: "*") }

    var isHello: Bool { method == .options && path == "*" }
}
