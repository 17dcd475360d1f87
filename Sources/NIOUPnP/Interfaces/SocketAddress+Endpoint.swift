internal import NIOCore
internal import NetworkTypes

extension IPAddress {
    /// The address of an IP socket address; nil for any other family.
    init?(socketAddress: SocketAddress) {
        switch socketAddress {
        case .v4(let v4): self = .v4(withUnsafeBytes(of: v4.address) { IPv4Address(inSocketAddress: $0) })
        case .v6(let v6): self = .v6(withUnsafeBytes(of: v6.address) { IPv6Address(inSocketAddress: $0) })
        default: return nil
        }
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
                Int($0.loadUnaligned(fromByteOffset: Layout.v6Zone, as: UInt32.self))
            }
        }
        self.init(address, port: port, zone: zone)
    }

    /// The socket address for NIO, with the zone as the kernel wants it.
    func socketAddress() throws -> SocketAddress {
        if case .v4(let own) = address, let template = Self.anyIPv4 {
            // Each answer to a search passes here, so no text is made of it.
            var raw = template.address
            withUnsafeMutableBytes(of: &raw) {
                $0.storeBytes(of: port.bigEndian, toByteOffset: Layout.port, as: UInt16.self)
                $0.storeBytes(of: own.rawValue.bigEndian, toByteOffset: Layout.v4Address, as: UInt32.self)
            }
            return SocketAddress(raw)
        }
        let plain = try SocketAddress(ipAddress: address.description, port: Int(port))
        guard zone != 0, case .v6(let v6) = plain else { return plain }
        var scoped = v6.address
        withUnsafeMutableBytes(of: &scoped) {
            $0.storeBytes(of: UInt32(truncatingIfNeeded: zone), toByteOffset: Layout.v6Zone, as: UInt32.self)
        }
        return SocketAddress(scoped)
    }

    private static let anyIPv4 =
        if case .v4(let any)? = try? SocketAddress(ipAddress: "0.0.0.0", port: 0) { any } else {
            SocketAddress.IPv4Address?.none
        }
}

/// Where the fields are in `sockaddr_in` and `sockaddr_in6` (RFC 3493 §3.3). NIO's own module defines the
/// structures and is not to be imported, so their members have no names here.
private enum Layout {
    static let port = 2
    static let v4Address = 4
    static let v6Address = 8
    static let v6Zone = 24
}

extension IPv4Address {
    /// The address in a `sockaddr_in`.
    init(inSocketAddress bytes: UnsafeRawBufferPointer) {
        self.init(rawValue: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: Layout.v4Address, as: UInt32.self)))
    }
}

extension IPv6Address {
    /// The address in a `sockaddr_in6`.
    init(inSocketAddress bytes: UnsafeRawBufferPointer) {
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: Layout.v6Address, as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: Layout.v6Address + 8, as: UInt64.self)))
    }
}
