internal import Glibc
internal import NIOCore
internal import NetworkTypes

/// An endpoint as the system's calls take it.
enum SystemAddress: Sendable {
    case v4(sockaddr_in)
    case v6(sockaddr_in6)

    init(_ endpoint: SocketEndpoint) {
        switch endpoint.address {
        case .v4(let address):
            var raw = sockaddr_in()
            raw.sin_family = sa_family_t(AF_INET)
            raw.sin_port = endpoint.port.bigEndian
            raw.sin_addr = in_addr(s_addr: address.rawValue.bigEndian)
            self = .v4(raw)
        case .v6(let address):
            var raw = sockaddr_in6()
            raw.sin6_family = sa_family_t(AF_INET6)
            raw.sin6_port = endpoint.port.bigEndian
            raw.sin6_addr = in6_addr(address)
            raw.sin6_scope_id = UInt32(truncatingIfNeeded: endpoint.zone)
            self = .v6(raw)
        }
    }

    /// Calls `body` with the structure and its length.
    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result) rethrows -> Result {
        switch self {
        case .v4(let raw):
            try withUnsafePointer(to: raw) {
                try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    try body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .v6(let raw):
            try withUnsafePointer(to: raw) {
                try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    try body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
    }
}

extension in6_addr {
    init(_ address: IPv6Address) {
        self.init()
        withUnsafeMutableBytes(of: &self) {
            $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
            $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
    }
}

extension SocketEndpoint {
    /// The endpoint of an IP socket address; nil for any other family.
    init?(socketAddress: SocketAddress) {
        switch socketAddress {
        case .v4(let v4):
            self = withUnsafeBytes(of: v4.address) { Self(inIPv4SocketAddress: $0) }
        case .v6(let v6):
            self = withUnsafeBytes(of: v6.address) { Self(inIPv6SocketAddress: $0) }
        default: return nil
        }
    }

    /// What a `sockaddr_in` says. NIO's own module defines the structure and is not to be imported, so its bytes are
    /// read (RFC 3493 §3.3).
    private init(inIPv4SocketAddress bytes: UnsafeRawBufferPointer) {
        let raw = bytes.loadUnaligned(as: sockaddr_in.self)
        self.init(
            .v4(IPv4Address(rawValue: UInt32(bigEndian: raw.sin_addr.s_addr))), port: UInt16(bigEndian: raw.sin_port))
    }

    /// What a `sockaddr_in6` says.
    private init(inIPv6SocketAddress bytes: UnsafeRawBufferPointer) {
        let raw = bytes.loadUnaligned(as: sockaddr_in6.self)
        let address = withUnsafeBytes(of: raw.sin6_addr) {
            IPv6Address(
                high: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
        self.init(.v6(address), port: UInt16(bigEndian: raw.sin6_port), zone: Int(raw.sin6_scope_id))
    }
}

extension IPAddress {
    var isIPv4: Bool { if case .v4 = self { true } else { false } }

    /// Whether it is a link-local IPv6 address, which means something on one link only.
    var isLinkLocalIPv6: Bool { if case .v6(let address) = self { address.isLinkLocal } else { false } }
}
