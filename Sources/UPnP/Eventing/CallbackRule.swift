public import NetworkTypes

/// Where events may be sent: only to neighbours on the link that the subscription came in on
/// (UDA 2.0 §4.1.1 as amended in 2020, the answer to CallStranger; upnp.md §4.2 rules 1 and 2).
///
/// For IPv4 a neighbour is in the interface's network. The amendment says nothing about IPv6; here a
/// neighbour has a link-local address, which can only be on the same interface, or is in the same /64 as
/// the interface's address.
public struct CallbackRule: Hashable, Sendable {
    /// The interface's address and network.
    public var interface: InterfaceAddress
    /// Whether events go only to the address that subscribed.
    public var requiresSender: Bool

    /// Makes a rule.
    public init(interface: InterfaceAddress, requiresSender: Bool = true) {
        self.interface = interface
        self.requiresSender = requiresSender
    }

    /// Whether an event for `sender` may be sent to `url`.
    ///
    /// Names, v4-mapped addresses, groups, broadcast and unspecified addresses are never permitted.
    /// Loopback addresses are permitted only where the interface itself is the loopback.
    public func permits(_ url: HTTPURL, sender: IPAddress) -> Bool {
        guard url.scheme == "http", let address = url.ipAddress, address == address.unmapped,
            isNeighbour(address), !address.isMulticast, !address.isUnspecified, !isBroadcast(address),
            !address.isLoopback || interface.address.isLoopback
        else { return false }
        return !requiresSender || address == sender.unmapped
    }

    /// Where to connect for a permitted URL: a link-local address with the interface's zone.
    public func endpoint(for url: HTTPURL) -> SocketEndpoint? {
        url.ipAddress.map { SocketEndpoint($0, port: url.port, zone: interface.index) }
    }

    private func isNeighbour(_ address: IPAddress) -> Bool {
        switch (address, interface.address) {
        case (.v4, .v4): interface.prefix.contains(address)
        case (.v6(let other), .v6(let own)):
            own == .loopback || other == .loopback ? own == other : other.isLinkLocal || other.high == own.high
        default: false
        }
    }

    /// The network's own address and the one of all its hosts; for IPv6 the one of all its routers.
    private func isBroadcast(_ address: IPAddress) -> Bool {
        switch address {
        case .v6(let v6):
            return v6.low == 0
        case .v4(let v4):
            guard interface.prefix.length <= 30 else { return v4.isLimitedBroadcast }
            let host: UInt32 = .max >> UInt32(interface.prefix.length)
            return v4.rawValue & host == host || v4.rawValue & host == 0
        }
    }
}
