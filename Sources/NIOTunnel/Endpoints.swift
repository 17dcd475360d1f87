internal import NIOCore
internal import NetworkTypes

extension SocketEndpoint {
    /// The endpoint of a socket's address; nil for a UNIX socket.
    init?(_ address: SocketAddress?) {
        guard let address, let port = address.port, let text = address.ipAddress,
            // A scope such as `%eth0` is not part of the address.
            let ip = IPAddress(text.prefix { $0 != "%" })
        else { return nil }
        self.init(ip.unmapped, port: UInt16(truncatingIfNeeded: port))
    }

    /// The address as NIO wants it.
    func socketAddress() throws -> SocketAddress {
        try SocketAddress(ipAddress: "\(address)", port: Int(port))
    }

    static let unknown = SocketEndpoint(.v4(.unspecified), port: 0)
}

/// From where to where a connection goes.
struct ConnectionEnds: Hashable, Sendable {
    var remote: SocketEndpoint
    var local: SocketEndpoint
    /// The relay between them, which told them; nil where the socket did.
    var relay: SocketEndpoint?

    init(remote: SocketEndpoint, local: SocketEndpoint, relay: SocketEndpoint) {
        self.remote = remote
        self.local = local
        self.relay = relay
    }

    init(_ channel: any Channel) {
        self.remote = SocketEndpoint(channel.remoteAddress) ?? .unknown
        self.local = SocketEndpoint(channel.localAddress) ?? .unknown
    }
}
