internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOTLS
internal import NetworkTypes
internal import RelayProtocol
internal import Tunnel

/// One registration: TLS to the relay with the gateway's own certificate, one message, one answer.
struct RelayRegistration: Sendable {
    /// What a relay has given.
    struct Accepted: Sendable {
        let name: RelayName
        let relay: SocketEndpoint
        let ticket: RelayTicket
        let key: StandbyKey
        let keepalive: TimeAmount
    }

    private let configuration: RelayRegistrar.Configuration
    private let identity: TunnelIdentity
    private let group: any EventLoopGroup

    init(_ configuration: RelayRegistrar.Configuration, _ identity: TunnelIdentity, _ group: any EventLoopGroup) {
        self.configuration = configuration
        self.identity = identity
        self.group = group
    }

    /// The name that a certificate's key stands for.
    static func name(of identity: TunnelIdentity) -> RelayName? {
        identity.chainDER.first.flatMap { try? NIOSSLCertificate(bytes: $0, format: .der) }
            .flatMap { try? PeerCertificate($0) }.flatMap { RelayName(keyDigest: $0.keyPin) }
    }

    /// Throws `TunnelError`; `.refused` when the relay has said no, `.untrustedPeer` when it is another relay.
    func run() async throws -> Accepted {
        guard let name = Self.name(of: identity) else {
            throw TunnelError(.badIdentity, "The gateway's certificate cannot be read.")
        }
        let context = try clientContext()
        let outcome = Latch<Result<RegistrationAnswer, TunnelError>>()
        let relay = Latch<SocketEndpoint>()
        let configuration = configuration
        let host = configuration.relay.host
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(configuration.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = RegistrationClientHandler(configuration, name, outcome, relay)
                    let tls = try NIOSSLClientHandler(
                        context: context, serverHostname: IPAddress(host) == nil ? host : nil,
                        customVerificationCallback: { chain, promise in
                            promise.completeWith(RegistrationClientHandler.verify(chain, configuration, outcome))
                        }, configuration: .init())
                    try channel.pipeline.syncOperations.addHandlers([tls, handler])
                }
            }
        let connecting: EventLoopFuture<any Channel>
        if let ip = IPAddress(host) {
            let endpoint = SocketEndpoint(ip, port: configuration.relay.port)
            connecting = bootstrap.connect(to: try endpoint.socketAddress())
        } else {
            connecting = bootstrap.connect(host: host, port: Int(configuration.relay.port))
        }
        connecting.whenFailure { error in
            outcome.set(
                .failure(
                    TunnelError(.unreachable, "The relay \(configuration.relay) cannot be reached: \(error).")))
        }
        let result = await outcome.wait()
        connecting.whenSuccess { $0.close(promise: nil) }
        guard let result else { throw CancellationError() }
        switch try result.get() {
        case .refused(let refusal):
            throw TunnelError(.refused, "\(configuration.relay) refuses the gateway: \(refusal.sentence)")
        case .accepted(let ticket, let key, let keepalive):
            guard let relay = relay.value else { throw TunnelError(.unreachable, "The relay has no address.") }
            return Accepted(
                name: name, relay: relay, ticket: ticket, key: key,
                keepalive: .seconds(Int64(min(max(keepalive, 5), 600))))
        }
    }

    /// TLS 1.3 and nothing older: its signatures say which end they were made for (RFC 8446 §4.4.3), so that what the
    /// gateway's key signs here, as a client, can stand in for the gateway nowhere. The signature covers the relay's
    /// certificate too, so that no relay can pass a registration on to another.
    private func clientContext() throws(TunnelError) -> NIOSSLContext {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        tls.curves = [.x25519_MLKEM768, .x25519, .secp256r1]
        tls.certificateVerification = .noHostnameVerification
        tls.trustRoots = .certificates([])
        tls.applicationProtocols = [RelayPurpose.register.rawValue]
        tls.shutdownTimeout = .seconds(1)
        do {
            tls.certificateChain = try identity.sources()
            tls.privateKey = try identity.keySource()
            return try NIOSSLContext(configuration: tls)
        } catch {
            throw TunnelError(.badIdentity, "The gateway's certificate cannot be used: \(error).")
        }
    }
}

/// The gateway's end of a registration.
private final class RegistrationClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    typealias Outcome = Latch<Result<RegistrationAnswer, TunnelError>>

    private let configuration: RelayRegistrar.Configuration
    private let name: RelayName
    private let outcome: Outcome
    private let relay: Latch<SocketEndpoint>
    private var bytes: [UInt8] = []
    private var timer: Scheduled<Void>?

    init(
        _ configuration: RelayRegistrar.Configuration, _ name: RelayName, _ outcome: Outcome,
        _ relay: Latch<SocketEndpoint>
    ) {
        self.configuration = configuration
        self.name = name
        self.outcome = outcome
        self.relay = relay
    }

    static func verify(
        _ chain: [NIOSSLCertificate], _ configuration: RelayRegistrar.Configuration, _ outcome: Outcome
    ) -> Result<NIOSSLVerificationResult, any Error> {
        guard let leaf = chain.first, let certificate = try? PeerCertificate(leaf) else {
            outcome.set(.failure(TunnelError(.untrustedPeer, "The relay showed no certificate that can be read.")))
            return .success(.failed)
        }
        guard let pin = configuration.pin, pin != certificate.keyPin else { return .success(.certificateVerified) }
        outcome.set(
            .failure(
                TunnelError(
                    .untrustedPeer,
                    "What answers at \(configuration.relay) is not the relay of the pin that was configured.")))
        return .success(.failed)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        let outcome = outcome
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: configuration.connectTimeout) {
            outcome.set(.failure(TunnelError(.timedOut, "The relay took too long to register the gateway.")))
            channel.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent else { return }
        guard negotiated == RelayPurpose.register.rawValue,
            let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self),
            let certificate = try? tls.peerCertificate.map({ try PeerCertificate($0) })
        else {
            outcome.set(
                .failure(TunnelError(.handshakeFailed, "What answers at \(configuration.relay) is no Latchkey relay.")))
            return context.close(promise: nil)
        }
        if let endpoint = SocketEndpoint(context.channel.remoteAddress) { relay.set(endpoint) }
        let audience = certificate.keyPin
        let request = RegistrationRequest(
            audience: audience,
            invitation: configuration.invitation.map {
                RegistrationRequest.proof(token: $0, audience: audience, name: name)
            })
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: request.bytes)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += unwrapInboundIn(data).readableBytesView
        guard bytes.first != 0 || bytes.count >= RegistrationAnswer.byteCount else { return }
        if let answer = RegistrationAnswer(bytes: Array(bytes.prefix(RegistrationAnswer.byteCount))) {
            outcome.set(.success(answer))
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        outcome.set(.failure(TunnelError(.handshakeFailed, "The relay closed the connection before it answered.")))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        outcome.set(.failure(TunnelError(.handshakeFailed, "The registration at the relay failed: \(error).")))
        context.close(promise: nil)
    }
}
