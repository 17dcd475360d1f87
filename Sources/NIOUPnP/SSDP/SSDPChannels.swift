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
    var device: NIONetworkDevice
    /// Those that have joined a group, and which.
    var members: [(channel: any Channel, group: SocketAddress)] = []
    /// Those that hear a group which is not spoken to.
    var further: [any Channel] = []

    var all: [any Channel] { [link, host] + further + [group, unicast].compactMap { $0 } }

    func rejoin(logger: Logger) {
        for (channel, address) in members {
            guard let channel = channel as? any MulticastChannel else { continue }
            // Leaving fails where the membership went with the interface's address, and where there was none.
            let device = device
            channel.leaveGroup(address, device: device).whenComplete { _ in
                channel.joinGroup(address, device: device).whenFailure { error in
                    logger.debug("cannot join the group again", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}

/// Opens the channels of one link.
struct SSDPChannelOpener: Sendable {
    var interface: InterfaceAddress
    var configuration: SSDPConfiguration
    var eventLoop: any EventLoop
    var logger: Logger
    var receive: @Sendable (SSDPDatagram) -> Void

    func open(role: SSDPSocket.Role) async throws -> SSDPChannels {
        let device = try multicastDevice()
        let hops = configuration.hops(of: interface)
        let groupEndpoint = configuration.group(of: interface)
        var opened: [any Channel] = []
        do {
            let own = interface.endpoint(port: 0)
            let link = try await bind(to: own, hops: hops)
            opened.append(link)
            let host = try await bind(to: own, hops: 0)
            opened.append(host)
            var channels = SSDPChannels(link: link, host: host, device: device)
            // IPv6 keeps a hop limit of 0 on this host only where the group has a member on the interface.
            if !interface.address.isIPv4 {
                try await joinGroup(groupEndpoint, host, device: device)
                channels.members.append((host, try groupEndpoint.socketAddress()))
            }
            if let group = try await shared(groupEndpoint) {
                opened.append(group)
                try await joinGroup(groupEndpoint, group, device: device)
                channels.members.append((group, try groupEndpoint.socketAddress()))
                channels.group = group
            }
            for endpoint in configuration.furtherGroups(of: interface) {
                guard let further = try await shared(endpoint) else { continue }
                opened.append(further)
                try await joinGroup(endpoint, further, device: device)
                channels.members.append((further, try endpoint.socketAddress()))
                channels.further.append(further)
            }
            guard role == .advertising else { return channels }
            channels.unicast = try await shared(interface.endpoint(port: configuration.group.port))
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
        guard let device else { throw IOError(errnoCode: EADDRNOTAVAIL, reason: "\(interface.address) is gone") }
        guard device.multicastSupported else {
            throw SSDPDriverError.noMulticast(interface: interface.interface)
        }
        return device
    }

    /// Binds a port that other programs share; nil, with a warning, when one of them does not.
    private func shared(_ endpoint: SocketEndpoint) async throws -> (any Channel)? {
        guard configuration.usesGroupPort else { return nil }
        do {
            return try await bind(to: endpoint, hops: configuration.hops(of: interface), reusesAddress: true)
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
                return (
                    try await bind(to: interface.endpoint(port: port), hops: configuration.hops(of: interface)), port
                )
            } catch let error as IOError where error.errnoCode == EADDRINUSE && attempts > 0 {
                continue
            }
        }
    }

    private func bind(to endpoint: SocketEndpoint, hops: Int, reusesAddress: Bool = false) async throws -> any Channel {
        let handler = { @Sendable in SSDPDatagramHandler(interface: interface, receive: receive) }
        var bootstrap = DatagramBootstrap(group: eventLoop)
            .channelOption(.receivePacketInfo, value: true)
            .channelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: SSDPLimits.datagramBytes + 1)
            )
            // One more than is there would be asked for otherwise, and for most datagrams there is only one.
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 512 << 10, high: 1 << 20))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler()) }
            }
        for (option, value) in multicastOptions(hops: hops) {
            bootstrap = bootstrap.channelOption(option, value: value)
        }
        // SO_REUSEADDR alone: it coexists with programs that set it, with or without SO_REUSEPORT.
        if reusesAddress { bootstrap = bootstrap.channelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1) }
        return try await bootstrap.bind(to: endpoint.socketAddress()).get()
    }

    /// Multicasts leave through the interface and are looped back. Without the last option of each family the
    /// socket also hears groups that other programs joined on other interfaces.
    private func multicastOptions(
        hops: Int
    ) -> [(ChannelOptions.Types.SocketOption, ChannelOptions.Types.SocketOption.Value)] {
        switch interface.address {
        case .v4(let address):
            // IP_MULTICAST_IF takes an `in_addr`, whose four bytes are in network order.
            let device = ChannelOptions.Types.SocketOption.Value(Int32(bitPattern: address.rawValue.bigEndian))
            return [
                (.init(level: .ip, name: .ip_multicast_ttl), .init(hops)),
                (.init(level: .ip, name: .ip_multicast_loop), 1), (.init(level: .ip, name: .ip_multicast_if), device),
                (.init(level: .ip, name: .multicastAll), 0),
            ]
        case .v6:
            return [
                (.init(level: .ipv6, name: .ipv6_v6only), 1),
                (.init(level: .ipv6, name: .ipv6_multicast_hops), .init(hops)),
                (.init(level: .ipv6, name: .ipv6_multicast_loop), 1),
                (.init(level: .ipv6, name: .ipv6_multicast_if), .init(interface.index)),
                (.init(level: .ipv6, name: .multicastAll6), 0),
            ]
        }
    }

    private func joinGroup(_ group: SocketEndpoint, _ channel: any Channel, device: NIONetworkDevice) async throws {
        guard let channel = channel as? any MulticastChannel else { return }
        try await channel.joinGroup(group.socketAddress(), device: device).get()
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
        guard packet.interfaceIndex == interface.index || source.address == interface.address,
            source.zone == 0 || source.zone == interface.index
        else { return }
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

extension NIOBSDSocket.Option {
    /// IP_MULTICAST_ALL of Linux, for which NIO has no name.
    fileprivate static let multicastAll = NIOBSDSocket.Option(rawValue: 49)
    /// IPV6_MULTICAST_ALL of Linux.
    fileprivate static let multicastAll6 = NIOBSDSocket.Option(rawValue: 29)
}
