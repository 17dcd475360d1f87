internal import NIOCore
internal import NIOHTTP2
internal import NIOSSL
internal import NIOTLS
internal import Tunnel

/// Stands behind TLS at the dialer until the handshake is complete.
final class ClientGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    /// How an attempt went.
    typealias Outcome = Latch<Result<TunnelConnection, TunnelError>>

    private let purpose: ConnectionPurpose
    private let configuration: TunnelDialerConfiguration
    private let outcome: Outcome
    private let isRelayed: Bool
    private var timer: Scheduled<Void>?

    init(
        _ purpose: ConnectionPurpose, _ configuration: TunnelDialerConfiguration, _ outcome: Outcome, isRelayed: Bool
    ) {
        self.isRelayed = isRelayed
        self.purpose = purpose
        self.configuration = configuration
        self.outcome = outcome
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        let outcome = outcome
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: configuration.connectTimeout) {
            outcome.set(.failure(TunnelError(.timedOut, "The TLS handshake took too long.")))
            ConnectionCore.closeBeneathTLS(channel)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Whoever is on the way may have said so; what is said of a gateway's absence is not to be relied on anyway.
        guard !isRelayed || !"\(error)".contains("UNRECOGNIZED_NAME") else {
            return fail(context, TunnelError(.unreachable, "The gateway is not registered at the relay at the moment."))
        }
        fail(context, TunnelError(.handshakeFailed, "The TLS handshake failed: \(error)."))
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(context, TunnelError(.handshakeFailed, "The peer closed the connection during the TLS handshake."))
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        guard negotiated == purpose.rawValue else {
            fail(context, TunnelError(.handshakeFailed, "The peer is no Latchkey gateway, or one of another version."))
            return
        }
        do {
            let connection = try start(context.channel)
            if !outcome.set(.success(connection)) { connection.close(.closed) }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            fail(context, TunnelError(.handshakeFailed, "The connection could not be set up: \(error)."))
        }
    }

    private func start(_ channel: any Channel) throws -> TunnelConnection {
        let settings = purpose == .media ? configuration.media : configuration.control
        SocketOptions.apply(settings, purpose, to: channel)
        let idle = purpose == .media ? configuration.mediaIdleTimeout : nil
        let core = ConnectionCore(channel: channel, upkeep: .init(purpose, configuration.keepalive, idleTimeout: idle))
        try channel.pipeline.syncOperations.addHandler(ActivityHandler(core: core))
        return try core.start(.client, purpose: purpose, settings: settings)
    }

    private func fail(_ context: ChannelHandlerContext, _ error: TunnelError) {
        timer?.cancel()
        outcome.set(.failure(error))
        ConnectionCore.closeBeneathTLS(context.channel)
    }
}
