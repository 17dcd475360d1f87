internal import NIOCore
internal import NIOSSL
internal import NetworkTypes
internal import RelayProtocol

/// The first handler of every connection: reads the ClientHello and nothing after it, and passes the connection on to
/// whom it is for.
final class FrontDoorHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case reading(ClientHelloReader)
        /// A client whose gateway is being called.
        case waiting
        case gone
    }

    /// Beyond a hello, what a client may have sent on its own (early data) while its gateway is called.
    private static let mostHeld = ClientHelloReader.maximumBytes + (48 << 10)

    let id: RelayHouse.ID
    let remote: SocketEndpoint
    private let house: RelayHouse
    private var state = State.reading(ClientHelloReader())
    private var held = ByteBuffer()
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var isSettled = false

    init(house: RelayHouse, id: RelayHouse.ID, remote: SocketEndpoint) {
        self.house = house
        self.id = id
        self.remote = remote
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let channel = context.channel
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: house.configuration.helloTime) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        settle()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard held.readableBytes + bytes.readableBytes <= Self.mostHeld else { return refuse(.malformed) }
        switch state {
        case .gone: return
        case .waiting: held.writeBuffer(&bytes)
        case .reading(var reader):
            let step = reader.feed(bytes)
            held.writeBuffer(&bytes)
            state = .reading(reader)
            switch step {
            case .more: break
            case .refused: refuse(.malformed)
            case .hello(let hello): take(hello, context)
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
        // Whoever has only a hello to say wants no session.
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Turns the connection away with an alert (RFC 8446 §6, RFC 6066 §3), which everybody who speaks TLS understands.
    func refuse(_ refusal: RelayRefusal) {
        guard let context else { return }
        house.counters.refuse(refusal)
        leave()
        let description: UInt8 =
            switch refusal {
            case .unknownName, .unanswered: 112
            case .malformed: 50
            default: 80
            }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [21, 3, 3, 0, 2, 2, description])), promise: nil)
        context.close(promise: nil)
    }

    private func settle() {
        timer?.cancel()
        guard !isSettled else { return }
        isSettled = true
        house.settled()
    }

    private func leave() {
        settle()
        if case .waiting = state { house.sessionEnded(id) }
        state = .gone
    }

    private func take(_ hello: ClientHello, _ context: ChannelHandlerContext) {
        let purpose = hello.protocols.lazy.compactMap { RelayPurpose(rawValue: $0) }.first
        let ticket = hello.serverName.flatMap { RelayTicket(serverName: $0) }
        switch (purpose, ticket) {
        case (.register?, _): register(context)
        case (.standby?, let ticket?): standBy(ticket, context)
        case (.answer?, let ticket?): answer(ticket, context)
        default:
            guard let name = hello.serverName.flatMap({ RelayName(serverName: $0) }) else {
                return refuse(hello.serverName == nil ? .malformed : .unknownName)
            }
            if let refusal = house.arrived(self, for: name) { return refuse(refusal) }
            settle()
            state = .waiting
            // No byte more is taken from the client before somebody takes it from us.
            _ = context.channel.setOption(.autoRead, value: false)
        }
    }

    private func register(_ context: ChannelHandlerContext) {
        if let refusal = house.registrationArrived(from: remote.address) { return refuse(refusal) }
        do {
            let tls = NIOSSLServerHandler(
                context: house.context,
                customVerificationCallback: { _, promise in promise.succeed(.certificateVerified) },
                configuration: .init())
            let handler = RegistrationHandler(house: house, source: remote.address)
            try handOver(context, to: [tls, handler])
        } catch {
            house.registrationEnded(from: remote.address)
            context.close(promise: nil)
        }
    }

    private func standBy(_ ticket: RelayTicket, _ context: ChannelHandlerContext) {
        guard let key = house.key(of: ticket) else { return refuse(.unknownName) }
        do {
            held.moveReaderIndex(forwardBy: try lengthOfHello())
            try handOver(context, to: [StandbyHandler(house: house, id: id, ticket: ticket, key: key)])
        } catch {
            context.close(promise: nil)
        }
    }

    private func answer(_ ticket: RelayTicket, _ context: ChannelHandlerContext) {
        guard let client = house.answered(ticket) else { return refuse(.unknownName) }
        do {
            held.moveReaderIndex(forwardBy: try lengthOfHello())
            try client.join(context.channel, first: held)
            state = .gone
            held = ByteBuffer()
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            client.refuse(.unanswered)
            context.close(promise: nil)
        }
    }

    /// Hello records of our own are written in one piece.
    private func lengthOfHello() throws -> Int {
        guard let length = held.getInteger(at: held.readerIndex + 3, as: UInt16.self),
            held.readableBytes >= 5 + Int(length)
        else { throw RelayError("a plain hello in several records") }
        return 5 + Int(length)
    }

    private func handOver(_ context: ChannelHandlerContext, to handlers: [any ChannelHandler]) throws {
        let pipeline = context.pipeline.syncOperations
        try pipeline.addHandlers(handlers, position: .after(self))
        state = .gone
        let bytes = held
        held = ByteBuffer()
        if bytes.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(bytes))
            context.fireChannelReadComplete()
        }
        pipeline.removeHandler(self, promise: nil)
    }

    /// Ties this client to the connection on which its gateway has come.
    private func join(_ gateway: any Channel, first: ByteBuffer) throws {
        guard let context else { throw RelayError("the client has gone") }
        let header = ProxyHeader(source: remote, destination: SocketEndpoint(context.channel.localAddress))
        let (near, far) = SpliceHandler.pair(house: house, id: id)
        try gateway.pipeline.syncOperations.addHandler(far)
        try context.pipeline.syncOperations.addHandler(near, position: .after(self))
        house.began(near, id)
        far.begin(writing: [header.encoded, held])
        near.begin(writing: [first])
        state = .gone
        held = ByteBuffer()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}
