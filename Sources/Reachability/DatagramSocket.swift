package import NIOCore
import NIOPosix
package import NetworkTypes

/// A UDP socket for questions to a router or a name server.
package struct DatagramSocket: Sendable {
    /// What came, and from where.
    package struct Datagram: Sendable, Hashable {
        package let bytes: [UInt8]
        package let source: SocketEndpoint
    }

    private let channel: any Channel

    /// Binds to an own address; `port` 0 lets the system choose. `group`: a multicast group to listen to besides, then
    /// others on this host may listen too. `receive` is called on an event loop, and must not block.
    package static func open(
        at address: IPAddress, port: UInt16 = 0, group: IPAddress? = nil, on eventLoopGroup: any EventLoopGroup,
        _ receive: @escaping @Sendable (Datagram) -> Void
    ) async throws -> DatagramSocket {
        var bootstrap = DatagramBootstrap(group: eventLoopGroup.next())
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4_096))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(receive))
                }
            }
        if group != nil { bootstrap = bootstrap.channelOption(.socketOption(.so_reuseaddr), value: 1) }
        let local = SocketEndpoint(group ?? address, port: port)
        let channel = try await bootstrap.bind(to: local.nioAddress()).get()
        guard let group else { return DatagramSocket(channel: channel) }
        do {
            guard let multicast = channel as? any MulticastChannel else { throw ChannelError.operationUnsupported }
            let device = try System.enumerateDevices().first { device in
                device.address.flatMap { SocketEndpoint(nioAddress: $0) }?.address == address
            }
            try await multicast.joinGroup(SocketEndpoint(group, port: 0).nioAddress(), device: device).get()
        } catch {
            channel.close(promise: nil)
            throw error
        }
        return DatagramSocket(channel: channel)
    }

    /// Sends; what cannot be sent is lost, as on the way.
    package func send(_ bytes: [UInt8], to endpoint: SocketEndpoint) {
        guard let address = try? endpoint.nioAddress() else { return }
        let envelope = AddressedEnvelope(remoteAddress: address, data: channel.allocator.buffer(bytes: bytes))
        channel.writeAndFlush(envelope, promise: nil)
    }

    /// The own address and port; nil when it is closed.
    package var localEndpoint: SocketEndpoint? {
        channel.localAddress.flatMap { SocketEndpoint(nioAddress: $0) }
    }

    package func close() { channel.close(promise: nil) }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let receive: @Sendable (Datagram) -> Void

        init(_ receive: @escaping @Sendable (Datagram) -> Void) { self.receive = receive }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            guard let source = SocketEndpoint(nioAddress: envelope.remoteAddress) else { return }
            receive(Datagram(bytes: Array(envelope.data.readableBytesView), source: source))
        }

        // An ICMP error is the answer of a router that does not listen: the request times out, the socket stays.
        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}

extension SocketEndpoint {
    /// For NIO, with the zone where the kernel wants it (RFC 3493 §3.3).
    func nioAddress() throws -> SocketAddress {
        let plain = try SocketAddress(ipAddress: address.description, port: Int(port))
        guard zone != 0, case .v6(let v6) = plain else { return plain }
        var scoped = v6.address
        withUnsafeMutableBytes(of: &scoped) {
            $0.storeBytes(of: UInt32(truncatingIfNeeded: zone), toByteOffset: 24, as: UInt32.self)
        }
        return SocketAddress(scoped)
    }

    /// Nil for what is no IP address.
    init?(nioAddress: SocketAddress) {
        guard let text = nioAddress.ipAddress, let port = nioAddress.port, let port = UInt16(exactly: port) else {
            return nil
        }
        // NIO writes a link-local address with its zone.
        let parts = text.split(separator: "%", maxSplits: 1)
        guard let first = parts.first, let address = IPAddress(first) else { return nil }
        self.init(address, port: port)
    }
}
