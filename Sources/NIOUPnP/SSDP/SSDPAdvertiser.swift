public import Logging
public import NIOCore
public import NetworkTypes
internal import Synchronization
public import UPnP

/// Announces root devices on one interface and answers searches for them (UDA 2.0 §1.2, §1.3.3).
///
/// Everything but ``run()`` may be called from any task at any time; what is added before or between
/// addresses is announced when there is one. Only askers on the interface's link are answered, with scope
/// ``AnnouncementScope/ownHost`` only those on this host, and of them those that `accepts` admits.
public final class SSDPAdvertiser: Sendable {
    private struct State {
        var engine: Advertiser
        var rng = SystemRandomNumberGenerator()
        var scope: AnnouncementScope
        var socket: SSDPSocket?
        var address: InterfaceAddress?
        var hasRun = false
    }

    private let interface: String
    private let configuration: SSDPConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let accepts: @Sendable (SocketEndpoint) -> Bool
    private let timer: WakeTimer
    private let state: Mutex<State>
    private let addressBroadcaster: StreamBroadcaster<InterfaceAddress?>
    private let observationBroadcaster: StreamBroadcaster<SSDPObservation>

    /// Makes an advertiser for the interface of that name.
    ///
    /// `accepts` is asked for each search, on the event loop, and must not block.
    public init(
        interface: String, configuration: SSDPConfiguration = .init(), scope: AnnouncementScope = .link,
        eventLoopGroup: any EventLoopGroup, logger: Logger,
        accepts: @escaping @Sendable (SocketEndpoint) -> Bool = { _ in true }
    ) {
        var engine = configuration.advertiser
        engine.host = configuration.group.description
        self.interface = interface
        self.configuration = configuration
        self.eventLoop = eventLoopGroup.next()
        self.logger = logger
        self.accepts = accepts
        self.timer = WakeTimer(eventLoop: eventLoop)
        self.state = Mutex(State(engine: Advertiser(configuration: engine), scope: scope))
        self.addressBroadcaster = StreamBroadcaster(buffer: 16)
        self.observationBroadcaster = StreamBroadcaster(buffer: configuration.streamBuffer)
    }

    /// Works until cancelled, then says byebye for what is still advertised and returns. Once only.
    ///
    /// - Throws: ``SSDPDriverError`` when the interface does not exist or carries no multicast; the system's
    ///   error when its sockets cannot be opened at the start.
    public func run() async throws {
        let isFirst = state.withLock { state in
            defer { state.hasRun = true }
            return !state.hasRun
        }
        guard isFirst else { throw SSDPDriverError.alreadyRunning }
        defer {
            addressBroadcaster.finish()
            observationBroadcaster.finish()
        }
        let link = SSDPLink(
            interfaceName: interface, role: .advertising, configuration: configuration, eventLoop: eventLoop,
            logger: logger, receive: { [self] in received($0, $1, on: $2) }, changed: { [self] in socketChanged($0) }
        )
        try await link.run { removeAll(announceByebye: true) }
    }

    /// Announces a device, or replaces what is announced under its UDN as ``update(_:)`` does.
    ///
    /// When the interface's address changes, advertisements whose LOCATION names the old one are dropped
    /// silently: add them again with the new one, see ``addresses``.
    public func add(_ advertisement: Advertisement) {
        change { state, now in
            let old = state.engine.advertisement(udn: advertisement.root.udn)
            guard state.engine.add(advertisement, now: now, using: &state.rng) else {
                logger.warning(
                    "too many devices; one is not advertised",
                    metadata: ["ssdp.limit": "\(state.engine.configuration.maximumDevices)"]
                )
                return
            }
            configuration.ownTraffic.insert(udns: advertisement.root.allUDNs)
            if let old { configuration.ownTraffic.remove(udns: old.root.allUDNs) }
        }
    }

    /// Replaces what is announced under the root device's UDN, or adds it. A larger BOOTID is announced by
    /// `ssdp:update`; other types or another CONFIGID by byebye and alive.
    public func update(_ advertisement: Advertisement) { add(advertisement) }

    /// Stops announcing a root device: with byebyes at once, or silently, as when the device itself has been
    /// seen on the link.
    public func remove(udn: String, announceByebye: Bool) {
        change { state, now in remove(udn, announceByebye: announceByebye, from: &state, now: now) }
    }

    /// Stops announcing every device, with byebyes at once, or silently.
    public func removeAll(announceByebye: Bool) {
        change { state, now in
            for udn in state.engine.udns { remove(udn, announceByebye: announceByebye, from: &state, now: now) }
        }
    }

    /// Changes how far announcements go and who is answered, and announces again. Before the scope shrinks,
    /// byebyes go out to the link.
    public func setScope(_ scope: AnnouncementScope) {
        change { state, now in
            guard scope != state.scope else { return }
            if scope == .ownHost {
                state.engine.sayByebye(now: now)
                flush(&state, now: now)
            }
            state.scope = scope
            state.engine.reannounce(now: now, using: &state.rng)
        }
    }

    /// The UDNs of the root devices that are advertised.
    public var udns: [String] { state.withLock { $0.engine.udns } }

    /// Asks the link once for `target`, with MX in seconds; answers arrive as ``observations``.
    public func search(_ target: SearchTarget, maximumWait: Int = 1) {
        let datagram = configuration.search(target, maximumWait: maximumWait)
        state.withLock { $0.socket }?.multicast(datagram)
    }

    /// A new stream of the interface's address: at once, and each time it changes; nil while it has none.
    public var addresses: AsyncStream<InterfaceAddress?> {
        state.withLock { addressBroadcaster.stream(startingWith: [$0.socket?.interface]) }
    }

    /// A new stream of every message of others that is heard: who else announces this UDN? A reader that
    /// lags by more than ``SSDPConfiguration/streamBuffer`` loses the oldest.
    public var observations: AsyncStream<SSDPObservation> { observationBroadcaster.stream() }

    /// How many observations lagging readers have lost.
    public var droppedObservations: Int { observationBroadcaster.dropped }

    private func received(_ message: SSDPMessage, _ datagram: SSDPDatagram, on interface: InterfaceAddress) {
        observationBroadcaster.yield(
            SSDPObservation(
                message: message, source: datagram.source, wasMulticast: datagram.wasMulticast, interface: interface
            )
        )
        guard case .search(let search) = message else { return }
        let scope = state.withLock { $0.scope }
        let source = datagram.source
        let isReachable = scope == .ownHost ? source.address == interface.address : interface.isOnLink(source.address)
        // Asked outside the lock: the closure is the caller's and may call back.
        guard isReachable, accepts(source) else { return }
        change { state, now in
            state.engine.handle(
                search, from: source, wasMulticast: datagram.wasMulticast, now: now, using: &state.rng)
        }
    }

    private func socketChanged(_ socket: SSDPSocket?) {
        change { state, now in
            state.socket = socket
            if let socket {
                if let old = state.address, old.address != socket.interface.address {
                    for udn in state.engine.udns
                    where state.engine.advertisement(udn: udn)?.names(host: old.address) ?? false {
                        remove(udn, announceByebye: false, from: &state, now: now)
                    }
                }
                state.address = socket.interface
                state.engine.searchPort = socket.searchPort
                state.engine.reannounce(now: now, using: &state.rng)
            }
            addressBroadcaster.yield(socket?.interface)
        }
    }

    private func remove(
        _ udn: String, announceByebye: Bool, from state: inout State, now: ContinuousClock.Instant
    ) {
        guard let old = state.engine.advertisement(udn: udn) else { return }
        state.engine.remove(udn: udn, announceByebye: announceByebye, now: now)
        configuration.ownTraffic.remove(udns: old.root.allUDNs)
    }

    private func change(_ body: (inout State, ContinuousClock.Instant) -> Void) {
        state.withLock { state in
            let now = ContinuousClock.now
            body(&state, now)
            flush(&state, now: now)
            timer.arm(at: state.socket == nil ? nil : state.engine.nextWake) { [weak self] in
                self?.change { _, _ in }
            }
        }
    }

    /// Hands what is due to the event loop while the lock is held, so that datagrams leave in the engine's
    /// order whichever task caused them. Without a socket they are dropped: a new one announces again.
    private func flush(_ state: inout State, now: ContinuousClock.Instant) {
        let due = state.engine.tick(now: now, using: &state.rng)
        guard let socket = state.socket, !due.isEmpty else { return }
        let scope = state.scope
        eventLoop.execute {
            for transmission in due {
                switch transmission {
                case .multicast(let datagram): socket.multicast(datagram, scope: scope)
                case .unicast(let datagram, let destination): socket.unicast(datagram, to: destination)
                case .stream: break
                }
            }
        }
    }
}

extension AdvertisedDevice {
    var allUDNs: [String] { [udn] + embedded.flatMap(\.allUDNs) }
}

extension Advertisement {
    fileprivate func names(host: IPAddress) -> Bool {
        guard let scheme = location.firstRange(of: "://") else { return false }
        let authority = location[scheme.upperBound...].prefix { $0 != "/" }
        return authority == host.uriHost || authority.hasPrefix(host.uriHost + ":")
    }
}

extension SSDPConfiguration {
    func search(_ target: SearchTarget, maximumWait: Int) -> [UInt8] {
        let search = SSDPSearch(
            target: target.description, maximumWait: maximumWait, userAgent: userAgent, controlPointName: "Latchkey")
        return SSDPMessage.search(search).serialized(host: group.description)
    }
}
