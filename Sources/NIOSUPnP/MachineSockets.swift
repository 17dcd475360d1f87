package import NetworkTypes

/// Which sockets a machine has on each link.
package struct MachineSockets: Sendable {
    /// The host's own addresses that are used, IPv4 and IPv6; each gets a unicast socket.
    package var links: [InterfaceAddress]
    /// The port of the unicast sockets; 0: any free one, which is a member's way.
    package var port: UInt16
    /// Where ``MachineAction/multicast(_:)`` goes: at most one address per family, none for a member.
    package var multicast: [SocketEndpoint]
    /// TTL and IPv6 hop limit of all that is sent.
    package var hopLimit: Int
    /// How many bytes of datagrams the system holds for each socket until they are read, in its own counting. It gives
    /// less where the process may not have as much (`net.core.rmem_max`).
    package var receiveBuffer = 4 << 20

    /// Sockets on these links.
    package init(links: [InterfaceAddress], port: UInt16 = 0, multicast: [SocketEndpoint] = [], hopLimit: Int = 2) {
        self.links = links
        self.port = port
        self.multicast = multicast
        self.hopLimit = hopLimit
    }

    /// As many datagrams are read with one call: a controller is spoken to by everybody.
    var datagramsPerRead: Int { multicast.isEmpty ? 4 : 32 }
}
