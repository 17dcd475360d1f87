internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NetworkTypes

/// Answers `GET /metrics`, and nothing else, where the operator chose.
enum MetricsListener {
    static func bind(
        _ endpoint: SocketEndpoint?, _ house: NIOLoopBound<RelayHouse>, _ loop: any EventLoop
    ) async throws -> (any Channel)? {
        guard let endpoint else { return nil }
        do {
            return try await ServerBootstrap(group: loop)
                .serverChannelOption(.backlog, value: 16)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
                        try pipeline.addHandler(MetricsHandler(house: house.value))
                    }
                }
                .bind(to: try endpoint.socketAddress()).get()
        } catch let error as IOError {
            throw RelayError("metrics cannot be served on \(endpoint): \(error)")
        }
    }
}

/// One request, one answer, and the end.
private final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let house: RelayHouse
    private var status = HTTPResponseStatus.notFound
    private var timer: Scheduled<Void>?

    init(house: RelayHouse) { self.house = house }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(5)) { channel.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) { timer?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            if head.uri == "/metrics" { status = head.method == .GET ? .ok : .methodNotAllowed }
        case .body: break
        case .end: answer(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ context: ChannelHandlerContext) {
        let body = ByteBuffer(string: status == .ok ? house.current.prometheus : "\(status.reasonPhrase)\n")
        let head = HTTPResponseHead(
            version: .http1_1, status: status,
            headers: [
                "content-type": "text/plain; version=0.0.4; charset=utf-8", "connection": "close",
                "content-length": "\(body.readableBytes)",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let channel = context.channel
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }
}
