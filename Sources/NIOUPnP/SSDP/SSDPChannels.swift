internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NetworkTypes
internal import UPnP

/// The channels behind an ``SSDPSocket``, all on one event loop.
struct SSDPChannels: Sendable {
    var link: any Channel
    var host: any Channel
    var group: (any Channel)?
    var unicast: (any Channel)?
    var searchPort: UInt16?

    var all: [any Channel] { [link, host] + [group, unicast].compactMap { $0 } }
}

/// Opens the channels of one interface address.
struct SSDPChannelOpener: Sendable {
    var interface: InterfaceAddress
    var configuration: SSDPConfiguration
    var eventLoop: any EventLoop
    var logger: Logger
    var receive: @Sendable (SSDPDatagram) -> Void

    func open(role: SSDPSocket.Role) async throws -> SSDPChannels {
        let device = try multicastDevice()
        var opened: [any Channel] = []
        do {
            let own = SocketEndpoint(interface.address, port: 0)
            let link = try await bind(to: own, multicastTTL: configuration.multicastTTL)
            opened.append(link)
            let host = try await bind(to: own, multicastTTL: 0)
            opened.append(host)
            var channels = SSDPChannels(link: link, host: host)
            if let group = try await shared(configuration.group) {
                opened.append(group)
                try await joinGroup(group, device: device)
                channels.group = group
            }
            guard role == .advertising else { return channels }
            channels.unicast = try await shared(SocketEndpoint(interface.address, port: configuration.group.port))
            if channels.unicast == nil {
                let (channel, port) = try await bindSearchPort()
                channels.unicast = channel
                channels.searchPort = port
            }
            return channels
        } catch {
            for channel in opened { channel.close(promise: nil) }
            throw error
        }
    }

    private func multicastDevice() throws -> NIONetworkDevice {
        let device = try System.enumerateDevices().first {
            $0.interfaceIndex == interface.index
                && $0.address.flatMap(IPAddress.init(socketAddress:)) == interface.address
        }
        guard let device, device.multicastSupported else {
            throw SSDPDriverError.noMulticast(interface: interface.interface)
        }
        return device
    }

    /// Binds a port that other programs share; nil, with a warning, when one of them does not.
    private func shared(_ endpoint: SocketEndpoint) async throws -> (any Channel)? {
        guard configuration.usesGroupPort else { return nil }
        do {
            return try await bind(to: endpoint, multicastTTL: configuration.multicastTTL, reusesAddress: true)
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            logger.warning(
                """
                UDP port is held by a program that does not share it; searches from other hosts are not heard \
                there, announcements and own searches still work. Stop that program, or let it set SO_REUSEADDR
                """,
                metadata: ["ssdp.endpoint": "\(endpoint)", "ssdp.interface": "\(interface.interface)"]
            )
            return nil
        }
    }

    /// UDA 2.0 §1.3.1: when port 1900 is not available, one of 49152 to 65535, named in SEARCHPORT.
    private func bindSearchPort() async throws -> (any Channel, UInt16) {
        var attempts = 16
        while true {
            let port = UInt16.random(in: 49_152...65_535)
            attempts -= 1
            do {
                let endpoint = SocketEndpoint(interface.address, port: port)
                return (try await bind(to: endpoint, multicastTTL: configuration.multicastTTL), port)
            } catch let error as IOError where error.errnoCode == EADDRINUSE && attempts > 0 {
                continue
            }
        }
    }

    private func bind(
        to endpoint: SocketEndpoint, multicastTTL: Int, reusesAddress: Bool = false
    ) async throws -> any Channel {
        let handler = { @Sendable in SSDPDatagramHandler(interface: interface, receive: receive) }
        var bootstrap = DatagramBootstrap(group: eventLoop)
            .channelOption(.receivePacketInfo, value: true)
            .channelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: SSDPLimits.datagramBytes + 1)
            )
            .channelOption(.writeBufferWaterMark, value: .init(low: 512 << 10, high: 1 << 20))
            .channelOption(.ip(.ip_multicast_ttl), value: min(max(multicastTTL, 0), 255))
            .channelOption(.ip(.ip_multicast_loop), value: 1)
            .channelOption(.ip(.ip_multicast_if), value: interfaceOption)
            // Without this the socket also hears groups that other programs joined on other interfaces.
            .channelOption(.ip(.multicastAll), value: 0)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler()) }
            }
        // SO_REUSEADDR alone: it coexists with programs that set it, with or without SO_REUSEPORT.
        if reusesAddress { bootstrap = bootstrap.channelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1) }
        return try await bootstrap.bind(to: endpoint.socketAddress()).get()
    }

    /// The address as IP_MULTICAST_IF takes it: an `in_addr`, whose four bytes are in network order.
    private var interfaceOption: ChannelOptions.Types.SocketOption.Value {
        guard case .v4(let address) = interface.address else { return 0 }
        return Int(Int32(bitPattern: address.rawValue.bigEndian))
    }

    private func joinGroup(_ channel: any Channel, device: NIONetworkDevice) async throws {
        guard let channel = channel as? any MulticastChannel else { return }
        try await channel.joinGroup(configuration.group.socketAddress(), device: device).get()
    }
}

/// Hands over what arrived on the interface, and nothing else.
private final class SSDPDatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let interface: InterfaceAddress
    private let receive: @Sendable (SSDPDatagram) -> Void

    init(interface: InterfaceAddress, receive: @escaping @Sendable (SSDPDatagram) -> Void) {
        self.interface = interface
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let source = SocketEndpoint(socketAddress: envelope.remoteAddress),
            let packet = envelope.metadata?.packetInfo
        else { return }
        // This host's own unicast travels over loopback whatever interface the address belongs to.
        guard packet.interfaceIndex == interface.index || source.address == interface.address else { return }
        let destination = IPAddress(socketAddress: packet.destinationAddress)
        receive(
            SSDPDatagram(
                bytes: Array(envelope.data.readableBytesView.prefix(SSDPLimits.datagramBytes + 1)), source: source,
                wasMulticast: destination?.isMulticast ?? false
            )
        )
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A datagram socket outlives a failed read or write; the channel closes itself when it cannot go on.
    }
}

extension ChannelOption where Self == ChannelOptions.Types.SocketOption {
    fileprivate static func ip(_ name: NIOBSDSocket.Option) -> Self { .init(level: .ip, name: name) }
}

extension NIOBSDSocket.Option {
    /// IP_MULTICAST_ALL of Linux, for which NIO has no name.
    fileprivate static let multicastAll = NIOBSDSocket.Option(rawValue: 49)
}
