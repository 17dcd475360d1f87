public import Logging
public import NIOCore
public import NetworkTypes
internal import Synchronization
public import UPnP

/// Announces root devices on every selected link and answers searches for them (UDA 2.0 §1.2, §1.3.3).
///
/// A link is an own address on an interface. An advertisement is announced on the link whose address is the host
/// of its LOCATION, so a device that is reached at three addresses is added three times, under one UDN and one
/// BOOTID. Everything but ``run()`` may be called from any task at any time; what is added while its link is not
/// there waits for it.
///
/// Only askers on the link are answered, with scope ``AnnouncementScope/ownHost`` only those on this host, and of
/// them those that `accepts` admits.
public final class SSDPAdvertiser: Sendable {
    private let interfaces: InterfaceSelection
    private let configuration: SSDPConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let accepts: @Sendable (SocketEndpoint) -> Bool
    private let timer: WakeTimer
    private let streams: AnswerStreams
    private let state: Mutex<AdvertisedLinks>
    private let linkBroadcaster: StreamBroadcaster<[InterfaceAddress]>
    private let observationBroadcaster: StreamBroadcaster<SSDPObservation>

    /// Makes an advertiser for the selected interfaces.
    ///
    /// `accepts` is asked for each search, on the event loop, and must not block.
    public init(
        interfaces: InterfaceSelection, configuration: SSDPConfiguration = .init(), scope: AnnouncementScope = .link,
        eventLoopGroup: any EventLoopGroup, logger: Logger,
        accepts: @escaping @Sendable (SocketEndpoint) -> Bool = { _ in true }
    ) {
        self.interfaces = interfaces
        self.configuration = configuration
        self.eventLoop = eventLoopGroup.next()
        self.logger = logger
        self.accepts = accepts
        self.timer = WakeTimer(eventLoop: eventLoop)
        self.streams = AnswerStreams(eventLoop: eventLoop, logger: logger)
        self.state = Mutex(AdvertisedLinks(configuration: configuration, scope: scope))
        self.linkBroadcaster = StreamBroadcaster(buffer: 16)
        self.observationBroadcaster = StreamBroadcaster(buffer: configuration.streamBuffer)
    }

    /// Makes an advertiser for the interface of that name.
    public convenience init(
        interface: String, configuration: SSDPConfiguration = .init(), scope: AnnouncementScope = .link,
        eventLoopGroup: any EventLoopGroup, logger: Logger,
        accepts: @escaping @Sendable (SocketEndpoint) -> Bool = { _ in true }
    ) {
        self.init(
            interfaces: .named([interface]), configuration: configuration, scope: scope,
            eventLoopGroup: eventLoopGroup, logger: logger, accepts: accepts)
    }

    /// Works until cancelled, then says byebye for what is still advertised and returns. Once only.
    ///
    /// - Throws: ``SSDPDriverError`` when no named interface exists or carries multicast; the system's error when
    ///   no socket can be opened at the start.
    public func run() async throws {
        let isFirst = state.withLock { state in
            defer { state.hasRun = true }
            return !state.hasRun
        }
        guard isFirst else { throw SSDPDriverError.alreadyRunning }
        defer {
            removeAll(announceByebye: false)
            linkBroadcaster.finish()
            observationBroadcaster.finish()
        }
        let links = SSDPLinks(
            selection: interfaces, role: .advertising, configuration: configuration, eventLoop: eventLoop,
            logger: logger, receive: { [self] in received($0, $1, on: $2) },
            changed: { [self] in socketsChanged($0) }
        )
        try await links.run { [self] in removeAll(announceByebye: true) }
    }

    /// Announces a device on the link of its LOCATION, or replaces what is announced there under its UDN as
    /// ``update(_:)`` does.
    ///
    /// What is announced on a link that is lost falls silent. It is announced again when the link returns, and
    /// dropped when another address takes the link's place: add it again then, see ``links``.
    public func add(_ advertisement: Advertisement) {
        change { state, now in
            guard !state.add(advertisement, now: now) else { return }
            logger.warning(
                "too many devices; one is not advertised",
                metadata: ["ssdp.limit": "\(configuration.advertiser.maximumDevices)"]
            )
        }
    }

    /// Replaces what is announced under the root device's UDN on the link of its LOCATION, or adds it. A larger
    /// BOOTID is announced by `ssdp:update`; other types or another CONFIGID by byebye and alive.
    public func update(_ advertisement: Advertisement) { add(advertisement) }

    /// Stops announcing a root device on every link: with byebyes at once, or silently, as when the device itself
    /// has been seen on the link.
    public func remove(udn: String, announceByebye: Bool) {
        change { state, now in state.remove(udn: udn, announceByebye: announceByebye, now: now) }
    }

    /// Stops announcing a root device on one link, be it there or not: with byebyes at once, or silently.
    public func remove(udn: String, on link: InterfaceAddress, announceByebye: Bool) {
        change { state, now in state.remove(udn: udn, on: link, announceByebye: announceByebye, now: now) }
    }

    /// Stops announcing every device, with byebyes at once, or silently.
    public func removeAll(announceByebye: Bool) {
        change { state, now in
            for udn in state.udns { state.remove(udn: udn, announceByebye: announceByebye, now: now) }
        }
    }

    /// Changes how far announcements go and who is answered, and announces again. Before the scope shrinks,
    /// byebyes go out to the link.
    public func setScope(_ scope: AnnouncementScope) {
        change { state, now in
            guard scope != state.scope else { return }
            if scope == .ownHost {
                state.sayByebye(now: now)
                flush(&state, now: now)
            }
            state.scope = scope
            state.reannounce(now: now)
        }
    }

    /// The UDNs of the root devices that are advertised, or wait for their link.
    public var udns: [String] { state.withLock { $0.udns } }

    /// Asks every link once for `target`, with MX in seconds; answers arrive as ``observations``.
    public func search(_ target: SearchTarget, maximumWait: Int = 1) {
        for socket in state.withLock({ $0.sockets }) {
            socket.multicast(configuration.search(target, maximumWait: maximumWait, on: socket.interface))
        }
    }

    /// The links that are worked on at this moment.
    public var currentLinks: [InterfaceAddress] { state.withLock { $0.sockets.map(\.interface) } }

    /// A new stream of the links that are worked on: at once, and each time that they change, until ``run()``
    /// returns.
    public var links: AsyncStream<[InterfaceAddress]> {
        state.withLock { linkBroadcaster.stream(startingWith: [$0.sockets.map(\.interface)]) }
    }

    /// A new stream of every message of others that is heard: who else announces this UDN? A reader that
    /// lags by more than ``SSDPConfiguration/streamBuffer`` loses the oldest.
    public var observations: AsyncStream<SSDPObservation> { observationBroadcaster.stream() }

    /// How many observations lagging readers have lost.
    public var droppedObservations: Int { observationBroadcaster.dropped }

    private func received(_ message: SSDPMessage, _ datagram: SSDPDatagram, on link: InterfaceAddress) {
        observationBroadcaster.yield(
            SSDPObservation(
                message: message, source: datagram.source, wasMulticast: datagram.wasMulticast, interface: link)
        )
        guard case .search(let search) = message else { return }
        let scope = state.withLock { $0.scope }
        let source = datagram.source
        let isReachable = scope == .ownHost ? source.address == link.address : link.isOnLink(source.address)
        // Asked outside the lock: the closure is the caller's and may call back.
        guard isReachable, accepts(source) else { return }
        change { state, now in
            state.handle(search, from: source, wasMulticast: datagram.wasMulticast, on: link, now: now)
        }
    }

    private func socketsChanged(_ sockets: [SSDPSocket]) {
        change { state, now in
            state.setSockets(sockets, now: now)
            linkBroadcaster.yield(sockets.map(\.interface))
        }
    }

    private func change(_ body: (inout AdvertisedLinks, ContinuousClock.Instant) -> Void) {
        state.withLock { state in
            let now = ContinuousClock.now
            body(&state, now)
            flush(&state, now: now)
            timer.arm(at: state.nextWake) { [weak self] in self?.change { _, _ in } }
        }
    }

    /// Hands what is due to the event loop while the lock is held, so that datagrams leave in the engines'
    /// order whichever task caused them.
    private func flush(_ state: inout AdvertisedLinks, now: ContinuousClock.Instant) {
        let scope = state.scope
        for (socket, due) in state.tick(now: now) {
            eventLoop.execute { [streams] in
                for transmission in due {
                    switch transmission {
                    case .multicast(let datagram): socket.writeMulticast(datagram, scope: scope)
                    case .unicast(let datagram, let destination): socket.writeUnicast(datagram, to: destination)
                    case .stream(let bytes, let destination):
                        streams.send(bytes, to: destination, from: socket.interface)
                    }
                }
                socket.flush()
            }
        }
    }
}

extension SSDPConfiguration {
    /// A search for one link's group.
    func search(_ target: SearchTarget, maximumWait: Int, on link: InterfaceAddress) -> [UInt8] {
        SSDPMessage.search(search(target, maximumWait: maximumWait)).serialized(host: group(of: link).description)
    }

    /// A search for one host (UDA 2.0 §1.3.2): without MX.
    func search(_ target: SearchTarget, at endpoint: SocketEndpoint) -> [UInt8] {
        SSDPMessage.search(search(target, maximumWait: nil)).serialized(host: endpoint.description)
    }

    private func search(_ target: SearchTarget, maximumWait: Int?) -> SSDPSearch {
        SSDPSearch(
            target: target.description, maximumWait: maximumWait, userAgent: userAgent,
            controlPointName: friendlyName, controlPointUUID: controlPointUUID)
    }
}
