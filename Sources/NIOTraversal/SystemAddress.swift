internal import Glibc
internal import NIOCore
internal import NetworkTypes

/// Where the fields are in `sockaddr_in` and `sockaddr_in6` (RFC 3493 §3.3). NIO's own module may define the structures
/// and is not to be imported: in an optimised build their members have no names here.
private enum Layout {
    static let family = 0
    static let port = 2
    static let v4Address = 4
    static let v6Address = 8
    static let v6Zone = 24
}

extension SocketEndpoint {
    /// Calls `body` with the endpoint as the system's calls take it.
    func withSystemAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result) rethrows -> Result {
        var storage = sockaddr_storage()
        let length = withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.storeBytes(of: port.bigEndian, toByteOffset: Layout.port, as: UInt16.self)
            switch address {
            case .v4(let address):
                bytes.storeBytes(of: sa_family_t(AF_INET), toByteOffset: Layout.family, as: sa_family_t.self)
                bytes.storeBytes(of: address.rawValue.bigEndian, toByteOffset: Layout.v4Address, as: UInt32.self)
                return MemoryLayout<sockaddr_in>.size
            case .v6(let address):
                bytes.storeBytes(of: sa_family_t(AF_INET6), toByteOffset: Layout.family, as: sa_family_t.self)
                bytes.storeBytes(of: address.high.bigEndian, toByteOffset: Layout.v6Address, as: UInt64.self)
                bytes.storeBytes(of: address.low.bigEndian, toByteOffset: Layout.v6Address + 8, as: UInt64.self)
                let zone = UInt32(truncatingIfNeeded: zone)
                bytes.storeBytes(of: zone, toByteOffset: Layout.v6Zone, as: UInt32.self)
                return MemoryLayout<sockaddr_in6>.size
            }
        }
        return try withUnsafePointer(to: storage) {
            try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, socklen_t(length)) }
        }
    }

    /// The endpoint of an IP socket address; nil for any other family.
    init?(socketAddress: SocketAddress) {
        switch socketAddress {
        case .v4(let v4): self = withUnsafeBytes(of: v4.address) { Self(inIPv4SocketAddress: $0) }
        case .v6(let v6): self = withUnsafeBytes(of: v6.address) { Self(inIPv6SocketAddress: $0) }
        default: return nil
        }
    }

    private init(inIPv4SocketAddress bytes: UnsafeRawBufferPointer) {
        let address = bytes.loadUnaligned(fromByteOffset: Layout.v4Address, as: UInt32.self)
        self.init(.v4(IPv4Address(rawValue: UInt32(bigEndian: address))), port: Self.port(in: bytes))
    }

    private init(inIPv6SocketAddress bytes: UnsafeRawBufferPointer) {
        let address = IPv6Address(
            high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: Layout.v6Address, as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: Layout.v6Address + 8, as: UInt64.self)))
        let zone = bytes.loadUnaligned(fromByteOffset: Layout.v6Zone, as: UInt32.self)
        self.init(.v6(address), port: Self.port(in: bytes), zone: Int(zone))
    }

    private static func port(in bytes: UnsafeRawBufferPointer) -> UInt16 {
        UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: Layout.port, as: UInt16.self))
    }
}

extension IPAddress {
    var isIPv4: Bool { if case .v4 = self { true } else { false } }
}
