public import NetworkTypes

/// A network interface of this host and its addresses.
public struct NetworkInterface: Hashable, Sendable {
    /// The name, such as `eth0`.
    public var name: String
    /// The kernel's index.
    public var index: Int
    /// Its addresses, IPv4 first, in the kernel's order otherwise.
    public var addresses: [InterfaceAddress]
    /// Those of ``addresses`` that are not to be announced: IPv6 addresses that are still being checked for
    /// duplicates, are deprecated, or are temporary ones (UDA 2.0 annex A).
    public var transientAddresses: Set<IPAddress>
    /// Whether the interface carries multicast; without it nothing can be discovered there.
    public var supportsMulticast: Bool
    /// Whether it is switched on and has a carrier: a cable, an access point.
    public var isUp: Bool
    /// Whether it is the host's loopback.
    public var isLoopback: Bool
    /// Whether it has one far end and no neighbours, as a tunnel or a dial-up line.
    public var isPointToPoint: Bool

    /// Makes an interface that is up.
    public init(
        name: String, index: Int, addresses: [InterfaceAddress], supportsMulticast: Bool, isUp: Bool = true,
        isLoopback: Bool = false, isPointToPoint: Bool = false, transientAddresses: Set<IPAddress> = []
    ) {
        self.name = name
        self.index = index
        self.addresses = addresses
        self.transientAddresses = transientAddresses
        self.supportsMulticast = supportsMulticast
        self.isUp = isUp
        self.isLoopback = isLoopback
        self.isPointToPoint = isPointToPoint
    }

    /// The first IPv4 address.
    public var ipv4: InterfaceAddress? { addresses.first { $0.address.isIPv4 } }

    /// The addresses that may be announced: ``addresses`` without ``transientAddresses``.
    public var stableAddresses: [InterfaceAddress] {
        addresses.filter { !transientAddresses.contains($0.address) }
    }

    /// Every interface, in the order of their indexes; one without addresses has an empty list.
    ///
    /// - Throws: the system's error when interfaces cannot be listed.
    public static func all() throws -> [NetworkInterface] { try InterfaceTable.read() }

    /// The interface of that name.
    ///
    /// - Throws: ``SSDPDriverError/noSuchInterface(_:known:)`` when no interface has the name.
    public static func named(_ name: String) throws -> NetworkInterface {
        let all = try all()
        guard let interface = all.first(where: { $0.name == name }) else {
            throw SSDPDriverError.noSuchInterface(name, known: all.map(\.name))
        }
        return interface
    }
}
