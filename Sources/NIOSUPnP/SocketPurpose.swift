internal import Glibc
internal import NIOCore
internal import NetworkTypes

/// What a socket is for.
enum SocketPurpose: Hashable {
    /// Sends, and receives what is sent to this host's own address.
    case link(InterfaceAddress)
    /// Receives what is sent to a group on one interface.
    case group(SocketEndpoint, interface: Int)

    /// Opens, sets up and binds a socket; its descriptor is the caller's to close.
    ///
    /// - Parameter port: the port of a link's socket, 0 for any free one.
    func open(port: UInt16, hopLimit: Int, receiveBuffer: Int) throws(IOError) -> CInt {
        let endpoint =
            switch self {
            case .link(let link): link.endpoint(port: port)
            case .group(let group, let interface): SocketEndpoint(group.address, port: group.port, zone: interface)
            }
        let isIPv4 = endpoint.address.isIPv4
        let kind = CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(isIPv4 ? AF_INET : AF_INET6, kind, 0)
        guard socket >= 0 else { throw IOError(errnoCode: errno, reason: "cannot make a UDP socket") }
        let options = SocketOptions(socket: socket)
        do throws(IOError) {
            // Others than the system's largest size are for the privileged.
            options.setIfAllowed(SOL_SOCKET, SO_RCVBUF, CInt(clamping: receiveBuffer))
            options.setIfAllowed(SOL_SOCKET, SO_RCVBUFFORCE, CInt(clamping: receiveBuffer))
            options.setIfAllowed(SOL_SOCKET, SO_SNDBUF, CInt(1 << 20))
            try isIPv4 ? options.setIPv4(hopLimit: hopLimit) : options.setIPv6(hopLimit: hopLimit)
            switch self {
            case .link(let link): try options.sendMulticasts(through: link)
            // Other programs of this host receive the group's datagrams too. SO_REUSEADDR alone: it goes together
            // with programs that set it, with or without SO_REUSEPORT.
            case .group: try options.set(SOL_SOCKET, SO_REUSEADDR, CInt(1), "SO_REUSEADDR")
            }
            let bound = SystemAddress(endpoint).withPointer { bind(socket, $0, $1) }
            guard bound == 0 else { throw IOError(errnoCode: errno, reason: "cannot bind UDP \(endpoint)") }
            if case .group(let group, let interface) = self {
                try options.join(group.address, interface: interface)
            }
            return socket
        } catch {
            close(socket)
            throw error
        }
    }
}

/// Sets a socket's options.
struct SocketOptions {
    let socket: CInt

    /// Lets the system and its switches learn of the membership anew, after the interface has changed beneath it.
    func rejoin(_ group: IPAddress, interface: Int) throws(IOError) {
        // Leaving fails where the membership went with the interface's address.
        try? membership(of: group, interface: interface, joins: false)
        try join(group, interface: interface)
    }

    func join(_ group: IPAddress, interface: Int) throws(IOError) {
        try membership(of: group, interface: interface, joins: true)
    }

    private func membership(of group: IPAddress, interface: Int, joins: Bool) throws(IOError) {
        switch group {
        case .v4(let address):
            var request = ip_mreqn()
            request.imr_multiaddr = in_addr(s_addr: address.rawValue.bigEndian)
            request.imr_ifindex = CInt(clamping: interface)
            try set(CInt(IPPROTO_IP), joins ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, request, "IGMP for \(group)")
        case .v6(let address):
            var request = ipv6_mreq()
            request.ipv6mr_multiaddr = in6_addr(address)
            request.ipv6mr_interface = numericCast(interface)
            try set(CInt(IPPROTO_IPV6), joins ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, request, "MLD for \(group)")
        }
    }

    /// Looped back, because other programs of this host are members too. Without the last option the socket also hears
    /// groups that other programs joined on other interfaces.
    fileprivate func setIPv4(hopLimit: Int) throws(IOError) {
        let level = CInt(IPPROTO_IP)
        try set(level, IP_TTL, CInt(clamping: hopLimit), "IP_TTL")
        try set(level, IP_MULTICAST_TTL, CInt(clamping: hopLimit), "IP_MULTICAST_TTL")
        try set(level, IP_MULTICAST_LOOP, CInt(1), "IP_MULTICAST_LOOP")
        try set(level, Self.multicastAll, CInt(0), "IP_MULTICAST_ALL")
    }

    /// As for IPv4.
    fileprivate func setIPv6(hopLimit: Int) throws(IOError) {
        let level = CInt(IPPROTO_IPV6)
        try set(level, IPV6_V6ONLY, CInt(1), "IPV6_V6ONLY")
        try set(level, IPV6_UNICAST_HOPS, CInt(clamping: hopLimit), "IPV6_UNICAST_HOPS")
        try set(level, IPV6_MULTICAST_HOPS, CInt(clamping: hopLimit), "IPV6_MULTICAST_HOPS")
        try set(level, IPV6_MULTICAST_LOOP, CInt(1), "IPV6_MULTICAST_LOOP")
        try set(level, Self.multicastAll6, CInt(0), "IPV6_MULTICAST_ALL")
    }

    fileprivate func sendMulticasts(through link: InterfaceAddress) throws(IOError) {
        switch link.address {
        case .v4(let address):
            var device = ip_mreqn()
            device.imr_address = in_addr(s_addr: address.rawValue.bigEndian)
            device.imr_ifindex = CInt(clamping: link.index)
            try set(CInt(IPPROTO_IP), IP_MULTICAST_IF, device, "IP_MULTICAST_IF")
        case .v6:
            try set(CInt(IPPROTO_IPV6), IPV6_MULTICAST_IF, CInt(clamping: link.index), "IPV6_MULTICAST_IF")
        }
    }

    func setIfAllowed<Value>(_ level: CInt, _ option: CInt, _ value: Value) {
        try? set(level, option, value, "")
    }

    func set<Value>(
        _ level: CInt, _ option: CInt, _ value: Value, _ what: @autoclosure () -> String
    ) throws(IOError) {
        let result = withUnsafeBytes(of: value) {
            setsockopt(socket, level, option, $0.baseAddress, socklen_t($0.count))
        }
        guard result == 0 else { throw IOError(errnoCode: errno, reason: "cannot set \(what())") }
    }

    /// IP_MULTICAST_ALL of Linux.
    private static let multicastAll: CInt = 49
    /// IPV6_MULTICAST_ALL of Linux, for which the C library has no name.
    private static let multicastAll6: CInt = 29
}
