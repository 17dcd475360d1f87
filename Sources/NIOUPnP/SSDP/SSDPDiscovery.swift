public import Logging
public import NIOCore
public import NetworkTypes
internal import Synchronization
public import UPnP

/// Knows which root devices live on the selected links: searches, listens and forgets (UDA 2.0 §1).
public final class SSDPDiscovery: Sendable {
    private let interfaces: InterfaceSelection
    private let configuration: SSDPConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let timer: WakeTimer
    private let state: Mutex<DiscoveredLinks>
    private let changeBroadcaster: StreamBroadcaster<DeviceCatalogue.Change>
    private let observationBroadcaster: StreamBroadcaster<SSDPObservation>

    /// Makes a discovery for the selected interfaces.
    public init(
        interfaces: InterfaceSelection, configuration: SSDPConfiguration = .init(),
        eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.interfaces = interfaces
        self.configuration = configuration
        self.eventLoop = eventLoopGroup.next()
        self.logger = logger
        self.timer = WakeTimer(eventLoop: eventLoop)
        self.state = Mutex(DiscoveredLinks(configuration: configuration))
        self.changeBroadcaster = StreamBroadcaster(buffer: configuration.streamBuffer)
        self.observationBroadcaster = StreamBroadcaster(buffer: configuration.streamBuffer)
    }

    /// Makes a discovery for the interface of that name.
    public convenience init(
        interface: String, configuration: SSDPConfiguration = .init(), eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) {
        self.init(
            interfaces: .named([interface]), configuration: configuration, eventLoopGroup: eventLoopGroup,
            logger: logger)
    }

    /// Works until cancelled: searches each link for root devices when it comes up and every
    /// ``SSDPConfiguration/searchInterval``, and asks whenever the directory doubts. Once only.
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
            changeBroadcaster.finish()
            observationBroadcaster.finish()
        }
        let links = SSDPLinks(
            selection: interfaces, role: .discovery, configuration: configuration, eventLoop: eventLoop,
            logger: logger,
            receive: { [self] message, datagram, link in
                observationBroadcaster.yield(
                    SSDPObservation(
                        message: message, source: datagram.source, wasMulticast: datagram.wasMulticast,
                        interface: link
                    )
                )
                change { state, now in state.handle(message, from: datagram.source, on: link, now: now) }
            },
            changed: { [self] sockets in change { state, now in state.setSockets(sockets, now: now) } }
        )
        try await links.run {}
    }

    /// Asks every link for `target` now and once more half a second later, as UDA asks because datagrams get
    /// lost. `maximumWait` is MX in seconds, 1 to 5. Answers arrive as ``observations``, root devices also as
    /// ``changes``.
    public func search(_ target: SearchTarget, maximumWait: Int = 3) {
        change { state, now in
            state.plan(target, .group(maximumWait: maximumWait), after: [.zero, .milliseconds(500)], now: now)
            return []
        }
    }

    /// Asks one host on a link for `target` (UDA 2.0 §1.3.2) now and once more half a second later. A device
    /// listens at port 1900, or at the SEARCHPORT that it announces. Nothing is sent to who is on no link.
    public func search(_ target: SearchTarget, at endpoint: SocketEndpoint) {
        change { state, now in
            state.plan(target, .host(endpoint), after: [.zero, .milliseconds(500)], now: now)
            return []
        }
    }

    /// The root devices known at this moment, in the order of their UDNs.
    public var devices: [DiscoveredDevice] { state.withLock { $0.devices } }

    /// The links that are worked on at this moment.
    public var currentLinks: [InterfaceAddress] { state.withLock { $0.sockets.map(\.interface) } }

    /// A new stream: first `.appeared` for every device known, then each change, until ``run()`` returns. A
    /// reader that lags by more than ``SSDPConfiguration/streamBuffer`` loses the oldest.
    public var changes: AsyncStream<DeviceCatalogue.Change> {
        state.withLock { changeBroadcaster.stream(startingWith: $0.devices.map { .appeared($0) }) }
    }

    /// A new stream of every message of others that is heard, searches too.
    public var observations: AsyncStream<SSDPObservation> { observationBroadcaster.stream() }

    /// How many changes and observations lagging readers have lost.
    public var dropped: (changes: Int, observations: Int) {
        (changeBroadcaster.dropped, observationBroadcaster.dropped)
    }

    private func publish(_ changes: [DeviceCatalogue.Change]) {
        for change in changes {
            logger.debug("directory changed", metadata: ["ssdp.udn": "\(change.udn)"])
            changeBroadcaster.yield(change)
        }
    }

    private func change(_ body: (inout DiscoveredLinks, ContinuousClock.Instant) -> [DeviceCatalogue.Change]) {
        state.withLock { state in
            let now = ContinuousClock.now
            publish(body(&state, now))
            let (changes, searches) = state.tick(now: now)
            publish(changes)
            for search in searches { search.send() }
            timer.arm(at: state.nextWake) { [weak self] in self?.change { _, _ in [] } }
        }
    }
}
