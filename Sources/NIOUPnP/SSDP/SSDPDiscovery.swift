public import Logging
public import NIOCore
internal import NetworkTypes
internal import Synchronization
public import UPnP

/// Knows which root devices live on one interface's link: searches, listens and forgets (UDA 2.0 §1).
public final class SSDPDiscovery: Sendable {
    private struct PlannedSearch {
        var at: ContinuousClock.Instant
        var target: SearchTarget
        var maximumWait: Int
    }

    private struct State {
        var directory: DeviceDirectory
        var socket: SSDPSocket?
        var searches: [PlannedSearch] = []
        var nextRound: ContinuousClock.Instant?
        var hasRun = false
    }

    /// How many searches wait at most; more are dropped.
    private static let maximumPlannedSearches = 512

    private let interface: String
    private let configuration: SSDPConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let timer: WakeTimer
    private let state: Mutex<State>
    private let changeBroadcaster: StreamBroadcaster<DeviceDirectory.Change>
    private let observationBroadcaster: StreamBroadcaster<SSDPObservation>

    /// Makes a discovery for the interface of that name.
    public init(
        interface: String, configuration: SSDPConfiguration = .init(), eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) {
        self.interface = interface
        self.configuration = configuration
        self.eventLoop = eventLoopGroup.next()
        self.logger = logger
        self.timer = WakeTimer(eventLoop: eventLoop)
        self.state = Mutex(State(directory: DeviceDirectory(limits: configuration.directory)))
        self.changeBroadcaster = StreamBroadcaster(buffer: configuration.streamBuffer)
        self.observationBroadcaster = StreamBroadcaster(buffer: configuration.streamBuffer)
    }

    /// Works until cancelled: searches for root devices at the start, after a change of address and every
    /// ``SSDPConfiguration/searchInterval``, and asks whenever the directory doubts. Once only.
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
            changeBroadcaster.finish()
            observationBroadcaster.finish()
        }
        let link = SSDPLink(
            interfaceName: interface, role: .discovery, configuration: configuration, eventLoop: eventLoop,
            logger: logger,
            receive: { [self] message, datagram, interface in
                observationBroadcaster.yield(
                    SSDPObservation(
                        message: message, source: datagram.source, wasMulticast: datagram.wasMulticast,
                        interface: interface
                    )
                )
                change { state, now in
                    publish(state.directory.handle(message, from: datagram.source, on: interface, now: now))
                }
            },
            changed: { [self] in socketChanged($0) }
        )
        try await link.run {}
    }

    /// Asks the link for `target` now and once more half a second later, as UDA asks because datagrams get
    /// lost. `maximumWait` is MX in seconds, 1 to 5. Answers arrive as ``observations``, root devices also as
    /// ``changes``.
    public func search(_ target: SearchTarget, maximumWait: Int = 3) {
        change { state, now in
            plan(target, maximumWait: maximumWait, after: [.zero, .milliseconds(500)], in: &state, now: now)
        }
    }

    /// The root devices known at this moment, in the order of their UDNs.
    public var devices: [DiscoveredDevice] { state.withLock { $0.directory.devices } }

    /// A new stream: first `.appeared` for every device known, then each change, until ``run()`` returns. A
    /// reader that lags by more than ``SSDPConfiguration/streamBuffer`` loses the oldest.
    public var changes: AsyncStream<DeviceDirectory.Change> {
        state.withLock { changeBroadcaster.stream(startingWith: $0.directory.devices.map { .appeared($0) }) }
    }

    /// A new stream of every message of others that is heard, searches too.
    public var observations: AsyncStream<SSDPObservation> { observationBroadcaster.stream() }

    /// How many changes and observations lagging readers have lost.
    public var dropped: (changes: Int, observations: Int) {
        (changeBroadcaster.dropped, observationBroadcaster.dropped)
    }

    private func socketChanged(_ socket: SSDPSocket?) {
        change { state, now in
            state.socket = socket
            guard socket != nil else {
                publish(state.directory.removeAll())
                return
            }
            plan(
                .rootDevice, maximumWait: 1, after: [.zero, .milliseconds(500), .milliseconds(2500)], in: &state,
                now: now
            )
            state.nextRound = now + configuration.searchInterval
        }
    }

    private func plan(
        _ target: SearchTarget, maximumWait: Int, after delays: [Duration], in state: inout State,
        now: ContinuousClock.Instant
    ) {
        for delay in delays where state.searches.count < Self.maximumPlannedSearches {
            state.searches.append(
                PlannedSearch(at: now + delay, target: target, maximumWait: min(max(maximumWait, 1), 5)))
        }
    }

    private func publish(_ changes: [DeviceDirectory.Change]) {
        for change in changes {
            logger.debug("directory changed", metadata: ["ssdp.udn": "\(change.udn)"])
            changeBroadcaster.yield(change)
        }
    }

    private func change(_ body: (inout State, ContinuousClock.Instant) -> Void) {
        state.withLock { state in
            let now = ContinuousClock.now
            body(&state, now)
            guard let socket = state.socket else {
                timer.arm(at: nil) {}
                return
            }
            publish(state.directory.expire(now: now))
            for udn in state.directory.dueSearches(now: now) {
                plan(.device(udn: udn), maximumWait: 1, after: [.zero, .milliseconds(300)], in: &state, now: now)
            }
            if let round = state.nextRound, round <= now {
                plan(.rootDevice, maximumWait: 3, after: [.zero, .milliseconds(500)], in: &state, now: now)
                state.nextRound = now + configuration.searchInterval
            }
            for search in state.searches where search.at <= now {
                socket.multicast(configuration.search(search.target, maximumWait: search.maximumWait))
            }
            state.searches.removeAll { $0.at <= now }
            let wake = [state.directory.nextWake, state.searches.map(\.at).min(), state.nextRound]
            timer.arm(at: wake.compactMap { $0 }.min()) { [weak self] in self?.change { _, _ in } }
        }
    }
}
