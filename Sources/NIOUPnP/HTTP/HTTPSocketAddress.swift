import NIOCore
import NetworkTypes

extension SocketEndpoint {
    /// The endpoint of a socket's address; v4-mapped IPv6 becomes IPv4. Nil for what is not an IP address.
    init?(httpSocketAddress address: SocketAddress) {
        guard let text = address.ipAddress, let port = address.port.flatMap(UInt16.init(exactly:)) else { return nil }
        // The kernel's text of a link-local address can carry its zone.
        guard let ip = IPAddress(text.prefix { $0 != "%" }) else { return nil }
        self.init(ip.unmapped, port: port)
    }

    /// The endpoint for NIO.
    func httpSocketAddress() throws -> SocketAddress {
        try SocketAddress(ipAddress: address.description, port: Int(port))
    }
}
