import NIOCore
import NetworkTypes

extension SocketEndpoint {
    /// The endpoint of a socket's address; v4-mapped IPv6 becomes IPv4. Nil for what is not an IP address.
    init?(httpSocketAddress address: SocketAddress) {
        guard let endpoint = SocketEndpoint(socketAddress: address) else { return nil }
        self.init(endpoint.address.unmapped, port: endpoint.port, zone: endpoint.zone)
    }

    /// The endpoint for NIO.
    func httpSocketAddress() throws -> SocketAddress { try socketAddress() }
}
