internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import NetworkTypes
internal import RelayProtocol

/// Behind a registration's TLS: who has come is in the certificate, what it wants in one message, and the answer is all
/// that it gets.
final class RegistrationHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let house: RelayHouse
    private let source: IPAddress
    private var bytes: [UInt8] = []
    private var timer: Scheduled<Void>?
    private var isAnswered = false
    private var hasTicket = false

    init(house: RelayHouse, source: IPAddress) {
        self.house = house
        self.source = source
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: house.configuration.helloTime) {
            Self.close(channel)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswered else { return }
        bytes += unwrapInboundIn(data).readableBytesView
        guard bytes.count >= RegistrationRequest.byteCount else { return }
        isAnswered = true
        answer(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        // A ticket keeps the place of its source until it is used or over.
        if !hasTicket { house.registrationEnded(from: source) }
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { Self.close(context.channel) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        house.counters.failedHandshakes += 1
        Self.close(context.channel)
    }

    private func answer(_ context: ChannelHandlerContext) {
        // The certificate of the completed handshake, resumed or not: in TLS 1.3 a resumed one has proved its secret.
        guard let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self),
            let key = try? tls.peerCertificate?.extractPublicKey().toSPKIBytes()
        else { return Self.close(context.channel) }
        let pin = RelayIdentity.digest(key)
        let answer = house.register(RegistrationRequest(bytes: bytes), pin: pin, from: source)
        if case .accepted = answer { hasTicket = true }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer.bytes)), promise: nil)
        context.close(promise: nil)
    }

    private static func close(_ channel: any Channel) { channel.close(promise: nil) }
}
