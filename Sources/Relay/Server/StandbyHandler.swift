internal import NIOCore
internal import RelayProtocol

/// The connection that a registered gateway waits on. All that an idle gateway costs is here: keep it small.
final class StandbyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let id: RelayHouse.ID
    private let house: RelayHouse
    private let ticket: RelayTicket
    private var codec: StandbyCodec
    private var context: ChannelHandlerContext?
    /// The beginning of a frame; nil between frames.
    private var partial: ByteBuffer?
    private var isProved = false

    init(house: RelayHouse, id: RelayHouse.ID, ticket: RelayTicket, key: StandbyKey) {
        self.house = house
        self.id = id
        self.ticket = ticket
        self.codec = StandbyCodec(key: key, side: .relay)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let channel = context.channel
        // NIO keeps a buffer of this size for each connection.
        try? channel.syncOptions?.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 128))
        // Only a connection that proves nothing is ended by it.
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: house.configuration.helloTime) {
            if !handler.value.isProved { channel.close(promise: nil) }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if var whole = partial {
            whole.writeBuffer(&bytes)
            bytes = whole
        }
        partial = nil
        do {
            while let frame = try codec.decode(from: &bytes) {
                guard receive(frame) else { return context.close(promise: nil) }
            }
            // No more than one frame is ever incomplete. A copy, so that what was read into is not kept.
            if bytes.readableBytes > 0 { partial = ByteBuffer(bytes: bytes.readableBytesView) }
        } catch {
            house.counters.forgedFrames += 1
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isProved { house.standbyEnded(id) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func send(_ frame: StandbyFrame) {
        guard let context else { return }
        // A gateway that takes nothing for so long that this much waits is gone.
        guard context.channel.isWritable else { return context.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(codec.encode(frame)), promise: nil)
    }

    func close(saying frame: StandbyFrame?) {
        if let frame { send(frame) }
        context?.close(promise: nil)
    }

    private func receive(_ frame: StandbyFrame) -> Bool {
        switch frame {
        case .ping:
            if !isProved {
                guard house.stand(self, ticket) else { return false }
                isProved = true
            }
            house.heard(id)
            send(.pong)
            return true
        case .decline(let call):
            house.declined(call, by: id)
            return isProved
        case .pong, .call, .replaced, .draining: return false
        }
    }
}
