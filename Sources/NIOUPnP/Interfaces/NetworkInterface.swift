internal import NIOCore
public import NetworkTypes

/// A network interface of this host and its addresses.
public struct NetworkInterface: Hashable, Sendable {
    /// The name, such as `eth0`.
    public var name: String
    /// The kernel's index.
    public var index: Int
    /// Its addresses, IPv4 first, in the kernel's order otherwise.
    public var addresses: [InterfaceAddress]
    /// Whether the interface carries multicast; without it nothing can be discovered there.
    public var supportsMulticast: Bool

    /// Makes an interface.
    public init(name: String, index: Int, addresses: [InterfaceAddress], supportsMulticast: Bool) {
        self.name = name
        self.index = index
        self.addresses = addresses
        self.supportsMulticast = supportsMulticast
    }

    /// The first IPv4 address.
    public var ipv4: InterfaceAddress? {
        addresses.first { if case .v4 = $0.address { true } else { false } }
    }

    /// Every interface, in the order of their indexes; one without addresses has an empty list.
    ///
    /// - Throws: the system's error when interfaces cannot be listed.
    public static func all() throws -> [NetworkInterface] {
        var found: [Int: NetworkInterface] = [:]
        for device in try System.enumerateDevices() {
            var interface =
                found[device.interfaceIndex]
                ?? NetworkInterface(
                    name: device.name, index: device.interfaceIndex, addresses: [], supportsMulticast: false)
            interface.supportsMulticast = interface.supportsMulticast || device.multicastSupported
            if let address = device.address.flatMap(IPAddress.init(socketAddress:)),
                let mask = device.netmask.flatMap(IPAddress.init(socketAddress:)),
                let prefix = IPPrefix(address: address, length: mask.leadingOnes)
            {
                interface.addresses.append(
                    InterfaceAddress(
                        interface: device.name, index: device.interfaceIndex, address: address, prefix: prefix
                    )
                )
            }
            found[device.interfaceIndex] = interface
        }
        return found.values.sorted { $0.index < $1.index }.map { interface in
            var interface = interface
            interface.addresses =
                interface.addresses.filter { $0.address.isIPv4 } + interface.addresses.filter { !$0.address.isIPv4 }
            return interface
        }
    }

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

extension IPAddress {
    /// The address of an IP socket address; nil for any other family.
    init?(socketAddress: SocketAddress) {
        guard let text = socketAddress.ipAddress else { return nil }
        // The kernel appends the zone to link-local addresses; the interface index says the same.
        self.init(text.prefix { $0 != "%" })
    }

    fileprivate var isIPv4: Bool { if case .v4 = self { true } else { false } }

    /// How many leading bits are set, which is a netmask's length.
    fileprivate var leadingOnes: Int {
        switch self {
        case .v4(let address): (~address.rawValue).leadingZeroBitCount
        case .v6(let address):
            address.high == .max ? 64 + (~address.low).leadingZeroBitCount : (~address.high).leadingZeroBitCount
        }
    }
}

extension SocketEndpoint {
    /// The endpoint of an IP socket address; nil for any other family.
    init?(socketAddress: SocketAddress) {
        guard let address = IPAddress(socketAddress: socketAddress), let port = socketAddress.port,
            let port = UInt16(exactly: port)
        else { return nil }
        var zone = 0
        if case .v6(let v6) = socketAddress {
            zone = withUnsafeBytes(of: v6.address) {
                Int($0.loadUnaligned(fromByteOffset: scopeOffset, as: UInt32.self))
            }
        }
        self.init(address, port: port, zone: zone)
    }

    /// The socket address for NIO, with the zone as the kernel wants it.
    func socketAddress() throws -> SocketAddress {
        let plain = try SocketAddress(ipAddress: address.description, port: Int(port))
        guard zone != 0, case .v6(let v6) = plain else { return plain }
        var scoped = v6.address
        withUnsafeMutableBytes(of: &scoped) {
            $0.storeBytes(of: UInt32(truncatingIfNeeded: zone), toByteOffset: scopeOffset, as: UInt32.self)
        }
        return SocketAddress(scoped)
    }
}

/// Where `sin6_scope_id` is in `sockaddr_in6` (RFC 3493 §3.3). NIO's own module defines the structure and is
/// not to be imported, so its members have no names here.
private let scopeOffset = 24
