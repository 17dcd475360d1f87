internal import Logging
internal import NIOCore
internal import NIOHTTP2
internal import NIOSSL
internal import NIOTLS
internal import NetworkTypes
internal import Tunnel

/// Stands behind TLS at the listener until the handshake is complete, and decides there who comes in.
///
/// A handshake that resumes a session never comes to the verification callback, so this is the one
/// place where it is decided, for resumed handshakes as for others.
final class ServerGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    /// What the listener's owner decides and serves.
    struct House: Sendable {
        let configuration: TunnelListenerConfiguration
        let admission: Admission
        let pairingOpen: @Sendable () -> Bool
        let authorize: @Sendable (PeerCertificate) -> Authorization
        let admit: @Sendable (TunnelConnection, AdmittedPeer) -> Void
        let pair: @Sendable (TunnelConnection) -> Void
        let logger: Logger
    }

    private enum Verdict {
        case session(AdmittedPeer)
        case pairing
        case refused(String)
    }

    private let house: House
    private let place: Admission.Place
    private let ends: ConnectionEnds
    private var timer: Scheduled<Void>?
    private var isOpen = false

    init(house: House, place: Admission.Place, ends: ConnectionEnds) {
        self.house = house
        self.place = place
        self.ends = ends
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: house.configuration.handshakeTimeout) {
            ConnectionCore.closeBeneathTLS(channel)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        house.logger.debug("a handshake failed", metadata: ["error": "\(error)"])
        ConnectionCore.closeBeneathTLS(context.channel)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent, !isOpen else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        isOpen = true
        timer?.cancel()
        do {
            try open(context, negotiated)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            house.logger.debug("a connection could not be set up", metadata: ["error": "\(error)"])
            ConnectionCore.closeBeneathTLS(context.channel)
        }
    }

    private func open(_ context: ChannelHandlerContext, _ negotiated: String?) throws {
        guard let purpose = negotiated.flatMap(ConnectionPurpose.init) else {
            throw TunnelError(.handshakeFailed, "The peer speaks none of our protocols.")
        }
        let tls = try context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
        let channel = context.channel
        let certificate = try tls.peerCertificate.map { try PeerCertificate($0) }
        switch verdict(purpose, certificate) {
        case .session(let peer):
            let connection = try start(channel, purpose)
            guard house.admission.settle(place, peer: peer, close: { [weak connection] in connection?.close($0) })
            else { return }
            house.admit(connection, peer)
        case .pairing:
            let connection = try start(channel, purpose)
            guard house.admission.settle(place, peer: nil, close: { [weak connection] in connection?.close($0) })
            else { return }
            closeLater(channel, after: house.configuration.pairingTimeout)
            house.pair(connection)
        case .refused(let sentence):
            guard house.admission.settle(place, peer: nil, close: { _ in }) else { return }
            try refuse(channel, sentence)
        }
    }

    private func verdict(_ purpose: ConnectionPurpose, _ certificate: PeerCertificate?) -> Verdict {
        if purpose == .pairing {
            return house.pairingOpen()
                ? .pairing
                : .refused(
                    "No pairing code is outstanding at this gateway: yours was used, taken back, or has expired. Ask for a new one."
                )
        }
        guard let certificate else {
            return .refused("This gateway admits paired clients only, and no client certificate was presented.")
        }
        switch house.authorize(certificate) {
        case .refuse(let sentence): return .refused(sentence)
        case .admit(let subject):
            return .session(
                AdmittedPeer(
                    subject: subject, certificate: certificate, remote: ends.remote, local: ends.local,
                    purpose: purpose, relay: ends.relay
                )
            )
        }
    }

    private func start(_ channel: any Channel, _ purpose: ConnectionPurpose) throws -> TunnelConnection {
        let settings = purpose == .media ? house.configuration.media : house.configuration.control
        SocketOptions.apply(settings, purpose, to: channel)
        let core = ConnectionCore(channel: channel, upkeep: .init(purpose, house.configuration.keepalive))
        try channel.pipeline.syncOperations.addHandler(ActivityHandler(core: core))
        return try core.start(.server, purpose: purpose, settings: settings, ends: ends)
    }

    private func refuse(_ channel: any Channel, _ sentence: String) throws {
        house.logger.debug("a peer was refused", metadata: ["reason": "\(sentence)"])
        closeLater(channel, after: house.configuration.refusalTimeout)
        let http2 = NIOHTTP2Handler(
            mode: .server, eventLoop: channel.eventLoop, connectionConfiguration: ConnectionSettings.refusal.connection,
            streamConfiguration: ConnectionSettings.refusal.stream
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandler(RefusalHandler(sentence))
            }
        }
        try channel.pipeline.syncOperations.addHandlers([http2, RefusedConnectionHandler()])
    }

    private func closeLater(_ channel: any Channel, after time: TimeAmount) {
        let timer = channel.eventLoop.assumeIsolated().scheduleTask(in: time) {
            ConnectionCore.closeBeneathTLS(channel)
        }
        channel.closeFuture.whenComplete { _ in timer.cancel() }
    }
}

extension ConnectionCore.Upkeep {
    /// A media connection's pings wait behind its bodies, so that it is given three times as long.
    init(_ purpose: ConnectionPurpose, _ keepalive: Keepalive.Configuration, idleTimeout: TimeAmount? = nil) {
        self.keepalive = keepalive
        if purpose == .media { self.keepalive.patience = keepalive.patience * 3 }
        self.idleTimeout = idleTimeout
    }
}

extension ConnectionSettings {
    /// For peers that may only read why they are refused.
    static var refusal: ConnectionSettings {
        var settings = control
        settings.streams = 4
        settings.streamWindow = 16 << 10
        settings.connectionWindow = 64 << 10
        settings.resets = 16
        return settings
    }
}
