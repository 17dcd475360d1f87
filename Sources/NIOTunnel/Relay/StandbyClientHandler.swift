internal import NIOCore
internal import NetworkTypes
internal import RelayProtocol
internal import Tunnel

/// The gateway's end of a standby connection: proves the key, says that it lives, and hears calls.
final class StandbyClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How long the relay may take to answer.
    private static let patience = TimeAmount.seconds(10)

    private let registered: RelayRegistration.Accepted
    private let end: Latch<StandbyEnd>
    private let calls: AsyncStream<RelayTicket>.Continuation
    private let isCurrent: @Sendable () -> Bool
    private let onEvent: @Sendable (RelayRegistrar.Event) -> Void
    private var codec: StandbyCodec
    private var held = ByteBuffer()
    private var isStanding = false
    private var lastHeard = NIODeadline.now()
    private var timer: RepeatedTask?

    init(
        _ registered: RelayRegistration.Accepted, end: Latch<StandbyEnd>, calls: AsyncStream<RelayTicket>.Continuation,
        isCurrent: @escaping @Sendable () -> Bool, onEvent: @escaping @Sendable (RelayRegistrar.Event) -> Void
    ) {
        self.registered = registered
        self.end = end
        self.calls = calls
        self.isCurrent = isCurrent
        self.onEvent = onEvent
        self.codec = StandbyCodec(key: registered.key, side: .gateway)
    }

    /// Says that nobody will come for this call.
    static func decline(_ call: RelayTicket, on channel: any Channel) {
        channel.eventLoop.execute {
            guard let context = try? channel.pipeline.syncOperations.context(handlerType: StandbyClientHandler.self),
                let handler = context.handler as? StandbyClientHandler
            else { return }
            handler.send(.decline(call), context)
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        var random = SystemRandomNumberGenerator()
        let hello = PlainHello.record(ticket: registered.ticket, purpose: .standby, using: &random)
        context.write(wrapOutboundOut(hello), promise: nil)
        send(.ping, context)
        // A little less than what the relay asks for, and not everybody at once.
        let period = TimeAmount.nanoseconds(registered.keepalive.nanoseconds / 100 * Int64.random(in: 70...95))
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in
            bound.value.0.tick(bound.value.1)
        }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        lastHeard = .now()
        held.writeBuffer(&bytes)
        do {
            while let frame = try codec.decode(from: &held) { receive(frame, context) }
        } catch {
            end.set(.forged)
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        end.set(.closed)
        calls.finish()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func receive(_ frame: StandbyFrame, _ context: ChannelHandlerContext) {
        switch frame {
        case .pong:
            guard !isStanding else { return }
            isStanding = true
            onEvent(.registered(registered.name, at: registered.relay))
        case .call(let call):
            if case .dropped = calls.yield(call) { send(.decline(call), context) }
        case .draining(let seconds): onEvent(.draining(seconds: seconds))
        case .replaced:
            end.set(.replaced)
            context.close(promise: nil)
        case .ping, .decline:
            end.set(.forged)
            context.close(promise: nil)
        }
    }

    private func tick(_ context: ChannelHandlerContext) {
        guard isCurrent() else {
            end.set(.rotated)
            return context.close(promise: nil)
        }
        send(.ping, context)
        let asked = NIODeadline.now()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.patience) {
            let (handler, context) = bound.value
            guard handler.lastHeard < asked, context.channel.isActive else { return }
            handler.end.set(.silent)
            context.close(promise: nil)
        }
    }

    private func send(_ frame: StandbyFrame, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(codec.encode(frame)), promise: nil)
    }
}
