internal import NIOCore
internal import NIOPosix
internal import NetworkTypes
internal import Traversal

/// A stream to a TURN server, over TCP or what `secure` makes of it.
final class RelayStream {
    /// How long a server may take to answer.
    private static let connectTimeout = TimeAmount.seconds(5)
    /// What may wait to be written, in bytes; datagrams beyond it are lost, as they are on a full link.
    private static let longestQueue = 256 << 10

    private var channel: (any Channel)?
    private var isClosed = false
    private let closed: () -> Void

    init(
        _ relay: ICEEngine.Relay, secure: (@Sendable (any Channel, ICEEngine.Relay) throws -> Void)?,
        on loop: any EventLoop, opened: @escaping () -> Void, received: @escaping ([UInt8]) -> Void,
        closed: @escaping () -> Void
    ) {
        self.closed = closed
        let handler = NIOLoopBound(StreamHandler(received), eventLoop: loop)
        let address: SocketAddress
        do {
            address = try SocketAddress(ipAddress: relay.server.address.description, port: Int(relay.server.port))
        } catch {
            loop.assumeIsolated().execute { self.end() }
            return
        }
        ClientBootstrap(group: loop)
            .connectTimeout(Self.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: Self.longestQueue / 2, high: Self.longestQueue))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try secure?(channel, relay)
                    try channel.pipeline.syncOperations.addHandler(handler.value)
                }
            }
            .connect(to: address)
            .assumeIsolated().whenComplete { result in
                switch result {
                case .failure: self.end()
                case .success(let channel):
                    guard !self.isClosed else { return channel.close(promise: nil) }
                    self.channel = channel
                    channel.closeFuture.assumeIsolated().whenComplete { _ in self.end() }
                    opened()
                }
            }
    }

    func write(_ bytes: [UInt8]) {
        guard let channel, channel.isWritable else { return }
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    private func end() {
        guard !isClosed else { return }
        isClosed = true
        closed()
    }

    func close() {
        isClosed = true
        channel?.close(promise: nil)
    }
}

private final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let received: ([UInt8]) -> Void

    init(_ received: @escaping ([UInt8]) -> Void) { self.received = received }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received(Array(unwrapInboundIn(data).readableBytesView))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
