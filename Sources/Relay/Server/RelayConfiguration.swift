package import NIOCore
package import NetworkTypes
package import RelayProtocol

/// What a relay can be told.
package struct RelayConfiguration: Sendable {
    /// The one TCP port for everybody.
    package var listen: SocketEndpoint
    /// Where metrics are read, on this host or a network of the operator's; nil nowhere.
    package var metrics: SocketEndpoint?
    /// Who may register; nil everybody.
    package var invited: InviteList?
    /// The bounds of gateways and sessions.
    package var limits = SwitchboardLimits()
    /// Connections at once that have not said what they are for.
    package var maximumNewcomers = 1_024
    /// How long a connection may take to say it, and a registration to be complete.
    package var helloTime = TimeAmount.seconds(5)
    /// How long a pair of connections may be silent. Tunnels are never silent for so long: their ends ask each other.
    package var idleTime = TimeAmount.minutes(5)
    /// What may wait in one direction of a session before its sender is held back, in bytes.
    package var sessionBuffer = 256 << 10
    /// How long sessions may go on after the relay was told to stop.
    package var drainTime = TimeAmount.seconds(30)

    /// Makes the default configuration of a relay on that address and port; port 0 takes any free one.
    package init(listen: SocketEndpoint) { self.listen = listen }
}

extension SocketEndpoint {
    /// The endpoint of a socket's address; nil for a UNIX socket.
    init?(_ address: SocketAddress?) {
        guard let address, let port = address.port, let text = address.ipAddress,
            // A scope such as `%eth0` is not part of the address.
            let ip = IPAddress(text.prefix { $0 != "%" })
        else { return nil }
        self.init(ip.unmapped, port: UInt16(truncatingIfNeeded: port))
    }

    func socketAddress() throws -> SocketAddress { try SocketAddress(ipAddress: "\(address)", port: Int(port)) }
}
