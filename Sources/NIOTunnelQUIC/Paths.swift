internal import CNgtcp2
internal import Glibc
internal import NIOCore
internal import NetworkTypes

/// Runs `body` with the pair of addresses as ngtcp2 wants it.
func withPath<Result>(
    local: SocketAddress, remote: SocketAddress, _ body: (UnsafePointer<ngtcp2_path>) -> Result
) -> Result {
    local.withSockAddr { localPointer, localSize in
        remote.withSockAddr { remotePointer, remoteSize in
            var path = ngtcp2_path(
                local: ngtcp2_addr(
                    addr: UnsafeMutablePointer(mutating: localPointer), addrlen: ngtcp2_socklen(localSize)),
                remote: ngtcp2_addr(
                    addr: UnsafeMutablePointer(mutating: remotePointer), addrlen: ngtcp2_socklen(remoteSize)),
                user_data: nil)
            return body(&path)
        }
    }
}

extension SocketAddress {
    /// The address that ngtcp2 names; nil for a family other than IPv4 and IPv6.
    init?(_ address: ngtcp2_addr) {
        guard let pointer = UnsafeRawPointer(address.addr) else { return nil }
        switch Int32(address.addr.pointee.sa_family) {
        case AF_INET: self.init(pointer.loadUnaligned(as: sockaddr_in.self))
        case AF_INET6: self.init(pointer.loadUnaligned(as: sockaddr_in6.self))
        default: return nil
        }
    }

    /// Whether it is the address that ngtcp2 names.
    func isSame(as address: ngtcp2_addr) -> Bool {
        withSockAddr { pointer, size in
            size == Int(address.addrlen) && memcmp(pointer, address.addr, size) == 0
        }
    }
}

extension SocketEndpoint {
    /// The endpoint of a socket's address; nil for a UNIX socket.
    init?(_ address: SocketAddress?) {
        guard let address, let port = address.port, let text = address.ipAddress,
            // A scope such as `%eth0` is not part of the address.
            let ip = IPAddress(text.prefix { $0 != "%" })
        else { return nil }
        self.init(ip.unmapped, port: UInt16(truncatingIfNeeded: port))
    }

    /// The address as NIO wants it.
    func socketAddress() throws -> SocketAddress {
        try SocketAddress(ipAddress: "\(address)", port: Int(port))
    }

    static let unknown = SocketEndpoint(.v4(.unspecified), port: 0)
}

/// Where datagrams leave: a socket, or a path that somebody else keeps. On one event loop.
protocol DatagramOutlet: AnyObject {
    /// What names it among the outlets of a connection.
    var local: SocketAddress { get }
    /// Where datagrams really go to and come from, where that is not what the addresses say.
    var ends: (local: SocketEndpoint, remote: SocketEndpoint)? { get }
    /// Whether more may be written; when it may again, the endpoint is told.
    var isWritable: Bool { get }
    /// The largest datagram, in bytes; nil where it is found by probing.
    var maximumDatagramSize: Int? { get }
    /// Sends datagrams of `segment` bytes, the last one perhaps smaller, that lie in one buffer.
    func write(_ datagrams: ByteBuffer, segment: Int, to remote: SocketAddress)
    /// Lets go what was written.
    func flush()
    /// Ends it.
    func close()
}

/// Through which outlet to whom.
final class DatagramWay {
    let outlet: any DatagramOutlet
    let remote: SocketAddress

    init(_ outlet: any DatagramOutlet, _ remote: SocketAddress) {
        self.outlet = outlet
        self.remote = remote
    }
}

/// Gathers packets of one size and one way, so that a socket can send them in one call (`UDP_SEGMENT`).
struct PacketBatch {
    /// How many packets the kernel takes at once, with room to spare.
    private static let mostPackets = 40
    private static let capacity = 60 << 10

    private var buffer = ByteBuffer()
    private var segment = 0
    private var packets = 0
    private var way: DatagramWay?

    /// Appends what `fill` writes into the room it is given, and returns its answer: how many bytes; at most 0 writes
    /// nothing. `find` is asked afterwards where the packet goes.
    mutating func append(
        upTo size: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Int,
        way find: () -> DatagramWay?
    ) -> Int {
        if Self.capacity - buffer.readableBytes < size || packets == Self.mostPackets { flush() }
        if buffer.capacity == 0 { buffer.reserveCapacity(packets == 0 ? max(size, 2 << 10) : Self.capacity) }
        if buffer.writableBytes < size { buffer.reserveCapacity(Self.capacity) }
        let written = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { max(fill($0), 0) }
        guard written > 0 else { return 0 }
        guard let found = find() else {
            buffer.moveWriterIndex(to: buffer.writerIndex - written)
            return written
        }
        if packets > 0, found !== way || written > segment {
            let packet = buffer.getSlice(at: buffer.writerIndex - written, length: written)
            buffer.moveWriterIndex(to: buffer.writerIndex - written)
            flush()
            if let packet { buffer = packet }
        }
        if packets == 0 { (segment, way) = (written, found) }
        packets += 1
        if written < segment { flush() }
        return written
    }

    /// Hands over what is there.
    mutating func flush() {
        guard packets > 0 else { return }
        if let way { way.outlet.write(buffer, segment: segment, to: way.remote) }
        buffer = ByteBuffer()
        (packets, segment, way) = (0, 0, nil)
    }
}
