internal import NIOCore
internal import NetworkTypes

extension IPAddress {
    /// The address of an IP socket address; nil for any other family.
    init?(socketAddress: SocketAddress) {
        guard let text = socketAddress.ipAddress else { return nil }
        // The kernel appends the zone to link-local addresses; the interface index says the same.
        self.init(text.prefix { $0 != "%" })
    }

    var isIPv4: Bool { if case .v4 = self { true } else { false } }
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
