import NIOCore

/// The TLS of a connection, for those whose answers depend on who the peer is.
extension HTTPServerConnection {
    /// The connection's TLS, asked at its first request, when the handshake is over; the same for those after it.
    func secureConnection(_ context: ChannelHandlerContext) -> SecureConnection? {
        guard let security = shared.security else { return nil }
        if let secured { return secured }
        let (channel, eventLoop) = (context.channel, context.eventLoop)
        let bound = NIOLoopBound(WeakConnection(self), eventLoop: eventLoop)
        let made = SecureConnection(
            id: .random(in: .min ... .max), peerCertificateDER: security.peerCertificate(channel),
            closing: channel.closeFuture
        ) {
            eventLoop.hop { bound.value.connection?.closesAfterAnswer = true }
        }
        secured = made
        return made
    }

    /// What answers requests may outlive the connection.
    private struct WeakConnection {
        weak var connection: HTTPServerConnection?

        init(_ connection: HTTPServerConnection) { self.connection = connection }
    }
}
