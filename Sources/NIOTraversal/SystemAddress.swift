internal import Glibc
internal import NIOCore
internal import NetworkTypes

extension SocketEndpoint {
    /// Calls `body` with the endpoint as the system's calls take it.
    func withSystemAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result) rethrows -> Result {
        switch address {
        case .v4(let address):
            var raw = sockaddr_in()
            raw.sin_family = sa_family_t(AF_INET)
            raw.sin_port = port.bigEndian
            raw.sin_addr = in_addr(s_addr: address.rawValue.bigEndian)
            return try withUnsafePointer(to: raw) {
                try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    try body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .v6(let address):
            var raw = sockaddr_in6()
            raw.sin6_family = sa_family_t(AF_INET6)
            raw.sin6_port = port.bigEndian
            raw.sin6_scope_id = UInt32(truncatingIfNeeded: zone)
            withUnsafeMutableBytes(of: &raw.sin6_addr) {
                $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
                $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return try withUnsafePointer(to: raw) {
                try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    try body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
    }

    /// The endpoint of an IP socket address; nil for any other family. NIO's own module defines the structures and is
    /// not to be imported, so their bytes are read (RFC 3493 §3.3).
    init?(socketAddress: SocketAddress) {
        switch socketAddress {
        case .v4(let v4):
            let raw = withUnsafeBytes(of: v4.address) { $0.loadUnaligned(as: sockaddr_in.self) }
            self.init(
                .v4(IPv4Address(rawValue: UInt32(bigEndian: raw.sin_addr.s_addr))),
                port: UInt16(bigEndian: raw.sin_port))
        case .v6(let v6):
            let raw = withUnsafeBytes(of: v6.address) { $0.loadUnaligned(as: sockaddr_in6.self) }
            let address = withUnsafeBytes(of: raw.sin6_addr) {
                IPv6Address(
                    high: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
            self.init(.v6(address), port: UInt16(bigEndian: raw.sin6_port), zone: Int(raw.sin6_scope_id))
        default: return nil
        }
    }
}

extension IPAddress {
    var isIPv4: Bool { if case .v4 = self { true } else { false } }
}
