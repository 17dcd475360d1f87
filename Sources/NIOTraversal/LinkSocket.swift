internal import Glibc
internal import NIOCore
internal import NetworkTypes

// Sockets for one link: what they send goes no further. The system's structures are written as bytes: NIO's own module
// defines them too, and is not to be imported.

extension UDPSocket {
    /// Binds a socket to a free port of an own address, for neighbours alone.
    /// - Throws: `IOError`.
    convenience init(onlyOn link: InterfaceAddress) throws {
        try self.init(boundTo: link.endpoint(port: 0)) { descriptor, isIPv4 in
            if isIPv4 {
                Self.set(descriptor, CInt(IPPROTO_IP), IP_TTL, 1)
                Self.set(descriptor, CInt(IPPROTO_IP), IP_MULTICAST_TTL, 1)
                Self.set(descriptor, CInt(IPPROTO_IP), IP_MULTICAST_LOOP, 1)
                let interface = Self.membership(of: .v4(.unspecified), on: link)
                _ = setsockopt(
                    descriptor, CInt(IPPROTO_IP), IP_MULTICAST_IF, interface, socklen_t(interface.count))
            } else {
                Self.set(descriptor, CInt(IPPROTO_IPV6), IPV6_UNICAST_HOPS, 1)
                Self.set(descriptor, CInt(IPPROTO_IPV6), IPV6_MULTICAST_HOPS, 1)
                Self.set(descriptor, CInt(IPPROTO_IPV6), IPV6_MULTICAST_LOOP, 1)
                Self.set(descriptor, CInt(IPPROTO_IPV6), IPV6_MULTICAST_IF, CInt(link.index))
            }
        }
    }

    /// Binds a socket to a group, and joins it on one link: it hears what is sent to the group there, and nothing that is
    /// sent to this host.
    /// - Throws: `IOError`, where the port is another program's for example.
    convenience init(group: SocketEndpoint, on link: InterfaceAddress) throws {
        var failure: CInt = 0
        try self.init(boundTo: group) { descriptor, isIPv4 in
            let membership = Self.membership(of: group.address, on: link)
            let level = isIPv4 ? CInt(IPPROTO_IP) : CInt(IPPROTO_IPV6)
            // Other programs' groups, on other links, are not this socket's.
            Self.set(descriptor, level, isIPv4 ? Self.multicastAll : Self.multicastAll6, 0)
            if setsockopt(
                descriptor, level, isIPv4 ? IP_ADD_MEMBERSHIP : IPV6_ADD_MEMBERSHIP, membership,
                socklen_t(membership.count)) != 0
            {
                failure = errno
            }
        }
        guard failure == 0 else {
            close()
            throw IOError(errnoCode: failure, reason: "join \(group.address)")
        }
    }

    /// IP_MULTICAST_ALL and IPV6_MULTICAST_ALL of Linux.
    private static let multicastAll: CInt = 49
    private static let multicastAll6: CInt = 29

    /// `ip_mreqn`: group, no address, index; or `ipv6_mreq`: group, index.
    private static func membership(of group: IPAddress, on link: InterfaceAddress) -> [UInt8] {
        let index = withUnsafeBytes(of: CInt(truncatingIfNeeded: link.index)) { Array($0) }
        switch group {
        case .v4(let v4): return withUnsafeBytes(of: v4.rawValue.bigEndian) { Array($0) } + [0, 0, 0, 0] + index
        case .v6(let v6):
            let halves = [v6.high, v6.low].flatMap { half in withUnsafeBytes(of: half.bigEndian) { Array($0) } }
            return halves + index
        }
    }
}
