internal import NIOCore
internal import NIOSSL
internal import NetworkTypes
internal import RelayProtocol
internal import Tunnel

/// Where connections come in while a listener runs, whichever way they came.
struct TunnelEntrance: Sendable {
    private let house: ServerGate.House
    private let contexts: ServerContextCache
    private let identity: @Sendable () -> TunnelIdentity

    /// Finds a bad identity here, and not by the first client.
    init(
        house: ServerGate.House, tls: TunnelTLS, identity: @escaping @Sendable () -> TunnelIdentity
    ) throws {
        self.house = house
        self.contexts = ServerContextCache(tls)
        self.identity = identity
        _ = try contexts.context(for: identity())
    }

    /// Takes a place for the connection before TLS has cost anything, and adds TLS; on its event loop.
    func admit(_ channel: any Channel, _ ends: ConnectionEnds) throws {
        let origin = Admission.Origin(address: ends.remote.address.source, isRelayed: ends.relay != nil)
        guard ends.remote != .unknown,
            let place = house.admission.enter(from: origin, close: { channel.close(promise: nil) })
        else { throw TunnelError(.refused, "There are too many connections.") }
        channel.closeFuture.whenComplete { [house] _ in house.admission.leave(place) }
        try SocketOptions.apply(to: channel)
        let tls = NIOSSLServerHandler(
            context: try contexts.context(for: identity()),
            customVerificationCallback: { _, promise in promise.succeed(.certificateVerified) },
            configuration: .init()
        )
        try channel.pipeline.syncOperations.addHandlers([tls, ServerGate(house: house, place: place, ends: ends)])
    }
}

/// On a connection to a relay: shows the hello, reads whose connection it becomes, and lets that in.
final class RelayedArrivalHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let entrance: TunnelEntrance
    private let relay: SocketEndpoint
    private let hello: ByteBuffer
    private let time: TimeAmount
    private let arrival: Latch<Result<Void, TunnelError>>
    private var held = ByteBuffer()
    private var timer: Scheduled<Void>?

    init(
        _ entrance: TunnelEntrance, relay: SocketEndpoint, hello: ByteBuffer, within time: TimeAmount,
        arrival: Latch<Result<Void, TunnelError>>
    ) {
        self.entrance = entrance
        self.relay = relay
        self.hello = hello
        self.time = time
        self.arrival = arrival
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        let arrival = arrival
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            arrival.set(.failure(TunnelError(.timedOut, "The relay did not pass its client on.")))
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(hello), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        held.writeBuffer(&bytes)
        switch ProxyHeader.take(from: &held) {
        case .more: break
        case .malformed:
            fail(context, TunnelError(.refused, "The relay has no client for this call."))
        case .header(let header):
            do {
                let local = header.destination ?? SocketEndpoint(context.channel.localAddress) ?? .unknown
                let ends = ConnectionEnds(remote: header.source ?? .unknown, local: local, relay: relay)
                try entrance.admit(context.channel, ends)
                arrival.set(.success(()))
                let rest = held
                held = ByteBuffer()
                if rest.readableBytes > 0 {
                    context.fireChannelRead(wrapInboundOut(rest))
                    context.fireChannelReadComplete()
                }
                context.pipeline.syncOperations.removeHandler(self, promise: nil)
            } catch {
                fail(context, error as? TunnelError ?? TunnelError(.refused, "\(error)"))
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        arrival.set(.failure(TunnelError(.refused, "The relay closed the connection.")))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(context, TunnelError(.unreachable, "The connection to the relay failed: \(error)."))
    }

    private func fail(_ context: ChannelHandlerContext, _ error: TunnelError) {
        arrival.set(.failure(error))
        context.close(promise: nil)
    }
}
