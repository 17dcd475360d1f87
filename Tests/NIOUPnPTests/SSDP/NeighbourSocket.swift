import Glibc
import NetworkTypes

/// A UDP socket of another host, made on its ``NamespaceThread``. Plain system calls, so that nothing of what is
/// tested is used to test it.
final class NeighbourSocket: Sendable {
    struct Datagram: Sendable {
        var text: String
        var source: SocketEndpoint
    }

    private let descriptor: CInt
    private let isIPv4: Bool

    /// Binds `own`; with `group`, hears that group on the interface.
    init(on own: SocketEndpoint, group: IPAddress? = nil, interface: String) throws {
        let index = if_nametoindex(interface)
        var one: CInt = 1
        switch own.address {
        case .v4(let address):
            isIPv4 = true
            descriptor = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
            var device = in_addr(s_addr: address.rawValue.bigEndian)
            setsockopt(descriptor, CInt(IPPROTO_IP), IP_MULTICAST_IF, &device, 4)
            if case .v4(let group)? = group {
                var request = ip_mreqn()
                request.imr_multiaddr.s_addr = group.rawValue.bigEndian
                request.imr_ifindex = CInt(index)
                setsockopt(
                    descriptor, CInt(IPPROTO_IP), IP_ADD_MEMBERSHIP, &request, socklen_t(MemoryLayout<ip_mreqn>.size))
            }
        case .v6:
            isIPv4 = false
            descriptor = socket(AF_INET6, CInt(SOCK_DGRAM.rawValue), 0)
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
            var device = CInt(index)
            setsockopt(descriptor, CInt(IPPROTO_IPV6), IPV6_MULTICAST_IF, &device, 4)
            if case .v6(let group)? = group {
                var request = ipv6_mreq()
                request.ipv6mr_multiaddr = Self.in6(group)
                request.ipv6mr_interface = index
                setsockopt(
                    descriptor, CInt(IPPROTO_IPV6), IPV6_JOIN_GROUP, &request,
                    socklen_t(MemoryLayout<ipv6_mreq>.size))
            }
        }
        let bound = Self.withSocketAddress(own, index: index) { bind(descriptor, $0, $1) }
        guard bound == 0 else { throw TestEnded(comment: "bind \(own): \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    func send(_ text: String, to destination: SocketEndpoint) {
        let bytes = Array(text.utf8)
        _ = Self.withSocketAddress(destination, index: UInt32(destination.zone)) {
            sendto(descriptor, bytes, bytes.count, 0, $0, $1)
        }
    }

    /// What arrives within the time, until `isEnough`.
    func receive(
        for duration: Duration, until isEnough: ([Datagram]) -> Bool = { _ in false }
    ) -> [Datagram] {
        let end = ContinuousClock.now + duration
        var received: [Datagram] = []
        while !isEnough(received) {
            let left = end - .now
            guard left > .zero else { break }
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, CInt(max(1, left / .milliseconds(1)))) > 0 else { continue }
            var bytes = [UInt8](repeating: 0, count: 65_536)
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let count = withUnsafeMutablePointer(to: &storage) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(descriptor, &bytes, bytes.count, 0, $0, &length)
                }
            }
            guard count >= 0 else { continue }
            received.append(
                Datagram(text: String(decoding: bytes[..<count], as: UTF8.self), source: Self.endpoint(storage)))
        }
        return received
    }

    fileprivate static func in6(_ address: IPv6Address) -> in6_addr {
        var result = in6_addr()
        withUnsafeMutableBytes(of: &result) {
            $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
            $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return result
    }

    fileprivate static func withSocketAddress<Result>(
        _ endpoint: SocketEndpoint, index: UInt32, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        switch endpoint.address {
        case .v4(let address):
            var value = sockaddr_in()
            value.sin_family = sa_family_t(AF_INET)
            value.sin_port = endpoint.port.bigEndian
            value.sin_addr.s_addr = address.rawValue.bigEndian
            return withUnsafePointer(to: &value) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .v6(let address):
            var value = sockaddr_in6()
            value.sin6_family = sa_family_t(AF_INET6)
            value.sin6_port = endpoint.port.bigEndian
            value.sin6_addr = in6(address)
            // A group or a link-local address needs the interface.
            if address.isLinkLocal || address.isMulticast { value.sin6_scope_id = index }
            return withUnsafePointer(to: &value) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
    }

    fileprivate static func endpoint(_ storage: sockaddr_storage) -> SocketEndpoint {
        withUnsafeBytes(of: storage) { bytes in
            if Int32(storage.ss_family) == AF_INET {
                let value = bytes.loadUnaligned(as: sockaddr_in.self)
                return SocketEndpoint(
                    .v4(IPv4Address(rawValue: UInt32(bigEndian: value.sin_addr.s_addr))),
                    port: UInt16(bigEndian: value.sin_port))
            }
            let value = bytes.loadUnaligned(as: sockaddr_in6.self)
            let high = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            let low = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            return SocketEndpoint(
                .v6(IPv6Address(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))),
                port: UInt16(bigEndian: value.sin6_port), zone: Int(value.sin6_scope_id))
        }
    }
}

/// A TCP port of another host, which takes one connection and reads it to its end.
struct NeighbourListener: ~Copyable {
    /// 49152 to 65535, as UDA 2.0 §1.3.2 asks.
    let port: UInt16
    private let descriptor: CInt

    init(on own: SocketEndpoint) throws {
        let isIPv4 = if case .v4 = own.address { true } else { false }
        let descriptor = socket(isIPv4 ? AF_INET : AF_INET6, CInt(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        var attempts = 0
        while true {
            let port = UInt16.random(in: 49_152...65_535)
            let bound = NeighbourSocket.withSocketAddress(
                SocketEndpoint(own.address, port: port, zone: own.zone), index: UInt32(own.zone)
            ) { bind(descriptor, $0, $1) }
            attempts += 1
            if bound == 0 {
                self.port = port
                break
            }
            guard attempts < 16 else { throw TestEnded(comment: "no port: \(String(cString: strerror(errno)))") }
        }
        listen(descriptor, 4)
    }

    deinit { close(descriptor) }

    /// All that a connection brings within five seconds, and who made it.
    func receive() throws -> (text: String, source: IPAddress) {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, 5000) > 0 else { throw TestEnded(comment: "nobody connected") }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let connection = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { accept(descriptor, $0, &length) }
        }
        defer { close(connection) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        polled = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
        while poll(&polled, 1, 5000) > 0 {
            let count = read(connection, &chunk, chunk.count)
            guard count > 0 else { break }
            text += chunk[..<count]
        }
        return (String(decoding: text, as: UTF8.self), NeighbourSocket.endpoint(storage).address)
    }
}
