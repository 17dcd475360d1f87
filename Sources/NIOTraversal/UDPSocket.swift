internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import NetworkTypes

/// A UDP socket that is bound to an own address: read through NIO, written past it.
///
/// NIO closes a datagram channel at most errors of a send, and whoever names a candidate can make a send fail; here what
/// the system refuses is lost like anything else on the network.
final class UDPSocket {
    /// How many datagrams are read with one call.
    private static let datagramsPerRead = 16
    /// The longest datagram that is read whole, in bytes.
    static let longestDatagram = 2_048
    /// How much the system holds until it is read, in its own counting; it gives less where `net.core.rmem_max` says so.
    private static let receiveBuffer: CInt = 2 << 20

    let base: SocketEndpoint
    let descriptor: CInt
    private var channel: (any Channel)?
    private var isRead = false
    private var isClosed = false

    /// Binds a socket to a free port of an address of this host.
    /// - Throws: `IOError`, where the address is not the host's (any more) for example.
    convenience init(_ address: IPAddress, zone: Int) throws {
        try self.init(boundTo: SocketEndpoint(address, port: 0, zone: zone)) { descriptor, _ in
            Self.set(descriptor, SOL_SOCKET, SO_RCVBUF, Self.receiveBuffer)
        }
    }

    /// Makes a socket, prepares it and binds it.
    /// - Parameter prepare: Called with the descriptor and whether it is an IPv4 socket.
    init(boundTo wanted: SocketEndpoint, prepare: (CInt, Bool) -> Void) throws {
        let address = wanted.address
        let family = if case .v6 = address { AF_INET6 } else { AF_INET }
        let flags = CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, flags, 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        prepare(descriptor, family == AF_INET)
        if family == AF_INET6 {
            Self.set(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, 1)
            Self.set(descriptor, CInt(IPPROTO_IPV6), IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
        } else {
            // No packet is broken up on its way (RFC 9000 §14), and no router's word is taken for what fits.
            Self.set(descriptor, CInt(IPPROTO_IP), IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        }
        guard wanted.withSystemAddress({ bind(descriptor, $0, $1) }) == 0, let port = Self.port(of: descriptor) else {
            let error = errno
            Glibc.close(descriptor)
            throw IOError(errnoCode: error, reason: "bind to \(address)")
        }
        base = SocketEndpoint(address, port: port, zone: wanted.zone)
        self.descriptor = descriptor
    }

    static func set(_ descriptor: CInt, _ level: CInt, _ option: CInt, _ value: CInt) {
        var value = value
        _ = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
    }

    private static func port(of descriptor: CInt) -> UInt16? {
        var raw = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &raw) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        // The port stands at the same place in both families' structures (RFC 3493 §3.3).
        return result == 0
            ? withUnsafeBytes(of: raw) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) } : nil
    }

    /// Reads from here on, on the event loop. Called once.
    func read(on loop: any EventLoop, _ received: @escaping (ByteBuffer, SocketEndpoint) -> Void) {
        isRead = true
        let handler = NIOLoopBound(DatagramHandler(received), eventLoop: loop)
        DatagramBootstrap(group: loop)
            .channelOption(.datagramVectorReadMessageCount, value: Self.datagramsPerRead)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: Self.datagramsPerRead * Self.longestDatagram)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
            .withBoundSocket(descriptor)
            .assumeIsolated().whenSuccess { channel in
                self.channel = channel
                if self.isClosed { channel.close(promise: nil) }
            }
    }

    /// Sends at best effort.
    func send(_ bytes: UnsafeRawBufferPointer, to peer: SocketEndpoint) {
        guard !isClosed else { return }
        Self.send(bytes, to: peer, through: descriptor)
    }

    static func send(_ bytes: UnsafeRawBufferPointer, to peer: SocketEndpoint, through descriptor: CInt) {
        peer.withSystemAddress {
            _ = sendto(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_DONTWAIT), $0, $1)
        }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        // Once it is read from, the descriptor is the channel's.
        if isRead { channel?.close(promise: nil) } else { Glibc.close(descriptor) }
    }
}

/// Takes a socket's datagrams out of its channel.
private final class DatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let received: (ByteBuffer, SocketEndpoint) -> Void

    init(_ received: @escaping (ByteBuffer, SocketEndpoint) -> Void) { self.received = received }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        // What fills the buffer may have been cut.
        guard envelope.data.readableBytes < UDPSocket.longestDatagram,
            let source = SocketEndpoint(socketAddress: envelope.remoteAddress), source.port != 0
        else { return }
        received(envelope.data, source)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An ICMP answer to something that was sent shows as a failed read; the socket outlives it.
    }
}
