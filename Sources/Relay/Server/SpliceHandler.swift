internal import NIOCore
internal import RelayProtocol

/// One end of a session: what it reads, the other end writes, and it reads no more than the other end takes.
final class SpliceHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let house: RelayHouse
    private let id: RelayHouse.ID
    /// Towards the gateway, or towards the client.
    private let isClient: Bool
    private var partner: SpliceHandler?
    private var context: ChannelHandlerContext?
    private var isReadHeld = false
    private var isInputClosed = false
    private(set) var lastUse = NIODeadline.now()

    private init(house: RelayHouse, id: RelayHouse.ID, isClient: Bool) {
        self.house = house
        self.id = id
        self.isClient = isClient
    }

    /// The two ends of a session: the client's and the gateway's.
    static func pair(house: RelayHouse, id: RelayHouse.ID) -> (SpliceHandler, SpliceHandler) {
        let near = SpliceHandler(house: house, id: id, isClient: true)
        let far = SpliceHandler(house: house, id: id, isClient: false)
        near.partner = far
        far.partner = near
        return (near, far)
    }

    /// Writes what belongs before everything, and begins to read. Both ends are in their pipelines.
    func begin(writing first: [ByteBuffer]) {
        guard let context else { return }
        let options = context.channel.syncOptions
        let most = house.configuration.sessionBuffer
        try? options?.setOption(.writeBufferWaterMark, value: .init(low: most / 2, high: most))
        try? options?.setOption(
            .recvAllocator, value: PassingAllocator(minimum: 4 << 10, initial: 16 << 10, maximum: most))
        for bytes in first where bytes.readableBytes > 0 { context.write(wrapOutboundOut(bytes), promise: nil) }
        context.flush()
        try? options?.setOption(.autoRead, value: true)
        context.read()
    }

    func close() { context?.close(promise: nil) }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if isClient {
            house.counters.bytesFromClients += UInt64(bytes.readableBytes)
        } else {
            house.counters.bytesFromGateways += UInt64(bytes.readableBytes)
        }
        partner?.context?.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        lastUse = .now()
        partner?.lastUse = lastUse
        partner?.context?.flush()
    }

    func read(context: ChannelHandlerContext) {
        if partner?.context?.channel.isWritable == true {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { partner?.readAgain() }
    }

    private func readAgain() {
        guard isReadHeld, let context else { return }
        isReadHeld = false
        context.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return }
        isInputClosed = true
        partner?.closeOutput()
    }

    /// Nothing more will come for this end; what came before goes first.
    private func closeOutput() {
        guard let context else { return }
        if isInputClosed {
            closeAfterWriting(context)
        } else {
            context.close(mode: .output, promise: nil)
        }
    }

    /// NIO drops what is not written when a channel closes whole.
    private func closeAfterWriting(_ context: ChannelHandlerContext) {
        let channel = context.channel
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let other = partner
        partner = nil
        if let other {
            other.partner = nil
            other.outlive()
            house.sessionEnded(id)
        }
        context.fireChannelInactive()
    }

    /// The other end is gone: this one gets what is left for it, if it takes it soon.
    private func outlive() {
        guard let context else { return }
        let channel = context.channel
        let timer = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in timer.cancel() }
        closeAfterWriting(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
