public import Logging
public import NIOCore
public import NetworkTypes

/// A datagram as it was received.
public struct SSDPDatagram: Sendable {
    /// The payload; longer ones than the codec reads are cut one byte beyond that.
    public var bytes: [UInt8]
    /// The sender.
    public var source: SocketEndpoint
    /// Whether it came to the group.
    public var wasMulticast: Bool
}

/// The sockets of one link, an own address on an interface: one for the group, one for unicast searches, one to
/// search and announce from, and one whose multicasts stay on this host.
///
/// All are set up so that other UPnP programs on the host keep working (feasibility.md §6.4 to §6.6):
/// SO_REUSEADDR alone, no membership but our own, multicast looped back, and only what arrived on this
/// interface is delivered. Received datagrams are handed to `receive` on the event loop and never queued.
public final class SSDPSocket: Sendable {
    /// What the sockets are for.
    public enum Role: Hashable, Sendable {
        /// Listen to the group and search.
        case discovery
        /// The same, and answer unicast searches.
        case advertising
    }

    /// The address that the sockets belong to.
    public let interface: InterfaceAddress
    /// Whether multicasts are heard: false when the group's port is taken by a program that does not share it.
    public let hearsGroup: Bool
    /// Where unicast searches are heard instead of the group's port; to be announced as SEARCHPORT.
    public let searchPort: UInt16?
    /// Resolved when the sockets are closed, by ``close()`` or by the system.
    public let closed: EventLoopFuture<Void>

    var isClosed: Bool { !channels.link.isActive }

    let eventLoop: any EventLoop
    private let channels: SSDPChannels
    private let group: SocketAddress
    private let logger: Logger
    private let ownTraffic: OwnTraffic
    private let ownEndpoints: (exclusive: [SocketEndpoint], shared: [SocketEndpoint])

    /// Opens the sockets of an own address, IPv4 or IPv6.
    ///
    /// - Throws: ``SSDPDriverError/noMulticast(interface:)``, or the system's error when a socket cannot be
    ///   made. A taken group port is no error: a warning is logged, see ``hearsGroup`` and ``searchPort``.
    public init(
        interface: InterfaceAddress, role: Role = .advertising, configuration: SSDPConfiguration = .init(),
        eventLoopGroup: any EventLoopGroup, logger: Logger, receive: @escaping @Sendable (SSDPDatagram) -> Void
    ) async throws {
        let eventLoop = eventLoopGroup.next()
        let opener = SSDPChannelOpener(
            interface: interface, configuration: configuration, eventLoop: eventLoop, logger: logger, receive: receive
        )
        self.channels = try await opener.open(role: role)
        self.eventLoop = eventLoop
        self.logger = logger
        self.interface = interface
        self.hearsGroup = channels.group != nil
        self.searchPort = channels.searchPort
        self.group = try configuration.group(of: interface).socketAddress()
        self.closed = channels.link.closeFuture
        self.ownTraffic = configuration.ownTraffic
        self.ownEndpoints = (
            [channels.link, channels.host].compactMap { $0.localAddress.flatMap(SocketEndpoint.init(socketAddress:)) },
            [channels.unicast].compactMap { $0?.localAddress.flatMap(SocketEndpoint.init(socketAddress:)) }
        )
        ownTraffic.insert(exclusive: ownEndpoints.exclusive, shared: ownEndpoints.shared)
    }

    /// Sends to the group: on the link with the configured TTL, or to this host's programs only.
    ///
    /// Dropped when the socket's buffer is full, as a datagram may be anywhere on its way.
    public func multicast(_ datagram: [UInt8], scope: AnnouncementScope = .link) {
        let channel = scope == .link ? channels.link : channels.host
        write(datagram, to: group, through: channel)
        channel.flush()
    }

    /// As ``multicast(_:scope:)``, but it may wait for ``flush()``.
    func writeMulticast(_ datagram: [UInt8], scope: AnnouncementScope) {
        write(datagram, to: group, through: scope == .link ? channels.link : channels.host)
    }

    /// Sends to one host, from the group's port where this program has it: firewalls of control points
    /// expect answers from there.
    public func unicast(_ datagram: [UInt8], to endpoint: SocketEndpoint) {
        writeUnicast(datagram, to: endpoint)
        (channels.unicast ?? channels.link).flush()
    }

    /// As ``unicast(_:to:)``, but it may wait for ``flush()``.
    func writeUnicast(_ datagram: [UInt8], to endpoint: SocketEndpoint) {
        guard let address = try? endpoint.socketAddress() else { return }
        write(datagram, to: address, through: channels.unicast ?? channels.link)
    }

    /// Sends what was written, with one system call for several datagrams.
    func flush() {
        for channel in channels.all { channel.flush() }
    }

    /// Leaves the groups and joins them again, after the interface has changed beneath the sockets: the network's
    /// switches then learn of the membership anew.
    func rejoin() { channels.rejoin(logger: logger) }

    /// Closes the sockets after what was sent before.
    public func close() {
        ownTraffic.remove(exclusive: ownEndpoints.exclusive, shared: ownEndpoints.shared)
        for channel in channels.all { channel.close(promise: nil) }
    }

    /// Waits until ``close()`` has closed every one of the sockets.
    func waitUntilClosed() async {
        // A close never fails: the future only says when.
        for channel in channels.all { try? await channel.closeFuture.get() }
    }

    private func write(_ datagram: [UInt8], to address: SocketAddress, through channel: any Channel) {
        guard channel.isWritable else { return }
        let envelope = AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: datagram))
        channel.write(envelope, promise: nil)
    }
}
