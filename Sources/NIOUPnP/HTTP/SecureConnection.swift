public import NIOCore
import Synchronization

/// What stands between a listener's sockets and HTTP: TLS, made by somebody who knows it.
///
/// NIOUPnP itself knows no TLS: it only puts these handlers before its own, and asks who the peer is.
public struct HTTPServerSecurity: Sendable {
    let prepare: @Sendable (any Channel) throws -> Void
    let peerCertificate: @Sendable (any Channel) -> [UInt8]?

    /// - Parameters:
    ///   - prepare: Adds TLS to a connection that was accepted. Called on its event loop.
    ///   - peerCertificate: The leaf certificate, in DER, that the peer of a connection has shown, once its
    ///     handshake is complete; nil when it showed none. Called on the connection's event loop.
    public init(
        prepare: @escaping @Sendable (any Channel) throws -> Void,
        peerCertificate: @escaping @Sendable (any Channel) -> [UInt8]?
    ) {
        self.prepare = prepare
        self.peerCertificate = peerCertificate
    }
}

/// What stands between a client's sockets and HTTP.
public struct HTTPClientSecurity: Hashable, Sendable {
    /// Which TLS it is: connections are shared only among those of one name.
    public let name: String
    let prepare: @Sendable (any Channel) throws -> Void

    /// - Parameters:
    ///   - name: Another one for each identity that is shown, and each peer that is expected.
    ///   - prepare: Adds TLS, and the check of the peer's certificate, to a new connection. Called on its event loop.
    public init(name: String, prepare: @escaping @Sendable (any Channel) throws -> Void) {
        self.name = name
        self.prepare = prepare
    }

    /// Whether both are of one name.
    public static func == (left: HTTPClientSecurity, right: HTTPClientSecurity) -> Bool { left.name == right.name }

    /// Hashes the name.
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// A connection over TLS, as those see it who answer its requests.
public final class SecureConnection: Sendable {
    /// A number that no other connection has at the time.
    public let id: UInt64
    /// The leaf certificate, in DER, that the peer has shown; nil when it showed none.
    public let peerCertificateDER: [UInt8]?

    private let closing: EventLoopFuture<Void>
    private let closeNext: @Sendable () -> Void

    init(
        id: UInt64, peerCertificateDER: [UInt8]?, closing: EventLoopFuture<Void>,
        closeNext: @escaping @Sendable () -> Void
    ) {
        self.id = id
        self.peerCertificateDER = peerCertificateDER
        self.closing = closing
        self.closeNext = closeNext
    }

    /// Calls `body` when the connection has closed.
    public func onClose(_ body: @escaping @Sendable () -> Void) { closing.whenComplete { _ in body() } }

    /// Closes the connection once the present request is answered.
    public func closeAfterAnswer() { closeNext() }
}
