internal import Glibc
public import Logging
public import NIOCore
internal import NIOPosix
public import NetworkTypes
public import UPnP

/// Multicast events on one link: one own address of one interface (UDA 2.0 §4.3.3).
///
/// Events leave through the interface and are looped back to this host's other programs. Only what arrived on
/// the interface from a neighbour is heard; copies are dropped.
public final class MulticastEventSocket: Sendable {
    /// The link.
    public let interface: InterfaceAddress
    /// Resolved when the sockets are closed, by ``close()`` or by the system.
    public let closed: EventLoopFuture<Void>

    private let group: SocketEndpoint
    private let sender: any Channel
    private let listener: (any Channel)?
    private let logger: Logger

    /// Opens the sockets.
    ///
    /// - Parameters:
    ///   - receive: Takes each event once, on the event loop; nil to send only, which binds no port that is known.
    ///   - hops: The TTL, by default 2 for IPv4 and 10 for IPv6 beyond the link.
    /// - Throws: `SSDPDriverError.noMulticast(interface:)`, or the system's error when a socket cannot be made.
    public init(
        interface: InterfaceAddress, eventLoopGroup: any EventLoopGroup, logger: Logger, hops: Int? = nil,
        receive: (@Sendable (MulticastEventReceiver.Received, SocketEndpoint) -> Void)? = nil
    ) async throws {
        let group = MulticastEvent.group(of: interface)
        let opener = MulticastEventOpener(
            interface: interface, group: group, hops: hops ?? (interface.address.isIPv4 ? 2 : 10),
            eventLoop: eventLoopGroup.next())
        let device = try opener.device()
        let sender = try await opener.bind(to: interface.endpoint(port: 0), handler: nil)
        do {
            self.listener = try await receive.asyncMap { try await opener.listen(device: device, receive: $0) }
        } catch {
            sender.close(promise: nil)
            throw error
        }
        self.interface = interface
        self.group = group
        self.sender = sender
        self.logger = logger
        self.closed = sender.closeFuture
    }

    /// Sends an event to everybody on the link; one that is longer than `MulticastEvent.maximumBytes` is not sent.
    public func send(_ event: MulticastEvent) {
        let bytes = event.datagram(to: group)
        guard bytes.count <= MulticastEvent.maximumBytes else {
            logger.debug("a multicast event is too long", metadata: ["bytes": "\(bytes.count)"])
            return
        }
        guard sender.isWritable, let address = try? group.socketAddress() else { return }
        sender.writeAndFlush(AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: bytes)), promise: nil)
    }

    /// Closes the sockets after what was sent before.
    public func close() {
        sender.close(promise: nil)
        listener?.close(promise: nil)
    }
}

extension Optional {
    fileprivate func asyncMap<Result>(_ change: (Wrapped) async throws -> Result) async throws -> Result? {
        guard let self else { return nil }
        return try await change(self)
    }
}

/// Opens the channels of one link.
private struct MulticastEventOpener: Sendable {
    let interface: InterfaceAddress
    let group: SocketEndpoint
    let hops: Int
    let eventLoop: any EventLoop

    func device() throws -> NIONetworkDevice {
        let device = try System.enumerateDevices().first {
            $0.interfaceIndex == interface.index
                && $0.address.flatMap(IPAddress.init(socketAddress:)) == interface.address
        }
        guard let device else { throw IOError(errnoCode: EADDRNOTAVAIL, reason: "\(interface.address) is gone") }
        guard device.multicastSupported else { throw SSDPDriverError.noMulticast(interface: interface.interface) }
        return device
    }

    func listen(
        device: NIONetworkDevice,
        receive: @escaping @Sendable (MulticastEventReceiver.Received, SocketEndpoint) -> Void
    ) async throws -> any Channel {
        let channel = try await bind(to: group, handler: receive)
        do {
            if let channel = channel as? any MulticastChannel {
                try await channel.joinGroup(group.socketAddress(), device: device).get()
            }
            return channel
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }

    func bind(
        to endpoint: SocketEndpoint,
        handler: (@Sendable (MulticastEventReceiver.Received, SocketEndpoint) -> Void)?
    ) async throws -> any Channel {
        var bootstrap = DatagramBootstrap(group: eventLoop)
            .channelOption(.receivePacketInfo, value: true)
            .channelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: MulticastEvent.maximumBytes + 1)
            )
            .channelInitializer { [interface] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        MulticastEventHandler(interface: interface, receive: handler))
                }
            }
        for (option, value) in options { bootstrap = bootstrap.channelOption(option, value: value) }
        // SO_REUSEADDR alone, as for SSDP: it coexists with programs that set it.
        if handler != nil {
            bootstrap = bootstrap.channelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
        }
        return try await bootstrap.bind(to: endpoint.socketAddress()).get()
    }

    private var options: [(ChannelOptions.Types.SocketOption, ChannelOptions.Types.SocketOption.Value)] {
        switch interface.address {
        case .v4(let address):
            // IP_MULTICAST_IF takes an `in_addr`, whose four bytes are in network order; 49 is IP_MULTICAST_ALL.
            let device = ChannelOptions.Types.SocketOption.Value(Int32(bitPattern: address.rawValue.bigEndian))
            return [
                (.init(level: .ip, name: .ip_multicast_ttl), .init(hops)),
                (.init(level: .ip, name: .ip_multicast_loop), 1), (.init(level: .ip, name: .ip_multicast_if), device),
                (.init(level: .ip, name: .init(rawValue: 49)), 0),
            ]
        case .v6:
            // 29 is IPV6_MULTICAST_ALL.
            return [
                (.init(level: .ipv6, name: .ipv6_v6only), 1),
                (.init(level: .ipv6, name: .ipv6_multicast_hops), .init(hops)),
                (.init(level: .ipv6, name: .ipv6_multicast_loop), 1),
                (.init(level: .ipv6, name: .ipv6_multicast_if), .init(interface.index)),
                (.init(level: .ipv6, name: .init(rawValue: 29)), 0),
            ]
        }
    }
}

/// Reads what arrived on the interface from a neighbour, and nothing else.
private final class MulticastEventHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let interface: InterfaceAddress
    private let receive: (@Sendable (MulticastEventReceiver.Received, SocketEndpoint) -> Void)?
    private var receiver = MulticastEventReceiver()

    init(
        interface: InterfaceAddress, receive: (@Sendable (MulticastEventReceiver.Received, SocketEndpoint) -> Void)?
    ) {
        self.interface = interface
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let receive, let source = SocketEndpoint(socketAddress: envelope.remoteAddress),
            let packet = envelope.metadata?.packetInfo, packet.interfaceIndex == interface.index,
            interface.isOnLink(source.address) || source.address.isLinkLocal,
            let event = try? MulticastEvent(parsing: envelope.data.readableBytesView),
            let received = receiver.handle(event, from: source.address, now: .now)
        else { return }
        receive(received, source)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A datagram socket outlives a failed read or write; the channel closes itself when it cannot go on.
    }
}
