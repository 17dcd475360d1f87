import Glibc
import NIOCore
import NetworkTypes

@testable import NIOSUPnP

/// Sockets that say with which TTL or hop limit a datagram came.
final class HopReceiver: Sendable {
    private let group: CInt
    private let unicast: CInt
    let unicastPort: UInt16

    init(link: InterfaceAddress, group endpoint: SocketEndpoint) throws {
        let configuration = (port: UInt16(0), hopLimit: 1, receiveBuffer: 1 << 16)
        group = try SocketPurpose.group(endpoint, interface: link.index).open(
            port: 0, hopLimit: configuration.hopLimit, receiveBuffer: configuration.receiveBuffer)
        unicast = try SocketPurpose.link(link).open(
            port: 0, hopLimit: configuration.hopLimit, receiveBuffer: configuration.receiveBuffer)
        for socket in [group, unicast] {
            if link.address.isIPv4 {
                try SocketOptions(socket: socket).set(CInt(IPPROTO_IP), IP_RECVTTL, CInt(1), "IP_RECVTTL")
            } else {
                try SocketOptions(socket: socket).set(CInt(IPPROTO_IPV6), IPV6_RECVHOPLIMIT, CInt(1), "RECVHOPLIMIT")
            }
            var wait = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
            _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) & ~O_NONBLOCK)
        }
        // The port is at the same place in either family's structure.
        var raw = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let socket = unicast
        _ = withUnsafeMutablePointer(to: &raw) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
        }
        unicastPort = UInt16(bigEndian: raw.sin6_port)
    }

    deinit {
        close(group)
        close(unicast)
    }

    func next() throws -> Int { try receive(group) }
    func nextUnicast() throws -> Int { try receive(unicast) }

    private func receive(_ socket: CInt) throws -> Int {
        var payload = [UInt8](repeating: 0, count: 64)
        var control = [UInt8](repeating: 0, count: 64)
        let received = payload.withUnsafeMutableBytes { payload in
            control.withUnsafeMutableBytes { control in
                var part = iovec(iov_base: payload.baseAddress, iov_len: payload.count)
                return withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    return recvmsg(socket, &message, 0)
                }
            }
        }
        guard received >= 0 else { throw IOError(errnoCode: errno, reason: "nothing came") }
        // One control message, whose number follows its header of 16 bytes.
        return Int(control.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 16, as: CInt.self) })
    }
}
