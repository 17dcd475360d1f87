package import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
package import NetworkTypes
package import RelayProtocol
internal import Synchronization

/// A rendezvous and blind relay: gateways register outbound, clients ask for a gateway by the server name of their
/// ClientHello, and the two talk TLS to each other through it.
///
/// ```
///   gateway ──TLS: register──▶ FrontDoor ──▶ RegistrationHandler ─┐
///   gateway ──standby────────▶ FrontDoor ──▶ StandbyHandler ◀─────┤ RelayHouse (Switchboard)
///   gateway ──answer─────────▶ FrontDoor ──▶ SpliceHandler ◀──────┤
///   client  ──TLS: NAME.…────▶ FrontDoor ──▶ SpliceHandler ◀──────┘
/// ```
///
/// Everything is on one event loop, so that the two connections of a session are never on different threads; it moves
/// about a gigabyte a second. Whoever needs more runs several relays.
package final class RelayServer: Sendable {
    /// What the owner is told while it runs.
    package enum Event: Hashable, Sendable {
        /// It listens there.
        case listening(SocketEndpoint)
        /// Metrics are read there.
        case metrics(SocketEndpoint)
        /// It was told to stop, and so many sessions go on.
        case draining(sessions: Int)
    }

    private let configuration: RelayConfiguration
    private let identity: RelayIdentity
    private let logger: Logger
    private let stop = AsyncStream<Void>.makeStream()
    private let running = Mutex<NIOLoopBound<RelayHouse>?>(nil)

    /// Makes a relay; nothing is bound yet.
    package init(configuration: RelayConfiguration, identity: RelayIdentity, logger: Logger) {
        self.configuration = configuration
        self.identity = identity
        self.logger = logger
    }

    /// Runs until it was told to stop and its sessions have ended, or the task is cancelled.
    package func run(onEvent: @escaping @Sendable (Event) -> Void = { _ in }) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            try await run(on: group.next(), onEvent)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    /// Takes nobody new, and ends ``run(onEvent:)`` when those who talk are done or their time is over.
    package func beginGracefulShutdown() { stop.continuation.finish() }

    /// Who may register from here on; those who are registered stay.
    package func invite(_ list: InviteList) {
        guard let house = running.withLock({ $0 }) else { return }
        house.eventLoop.execute { house.value.invited = list }
    }

    /// What it counts.
    package func counters() async throws -> RelayCounters {
        guard let house = running.withLock({ $0 }) else { return RelayCounters() }
        return try await house.eventLoop.submit { house.value.current }.get()
    }

    private func run(on loop: any EventLoop, _ onEvent: @escaping @Sendable (Event) -> Void) async throws {
        let configuration = configuration
        let logger = logger
        let context = try identity.registrationContext()
        let audience = identity.pin
        let house = try await loop.submit {
            NIOLoopBound(
                RelayHouse(configuration, context: context, audience: audience, logger: logger, loop: loop),
                eventLoop: loop)
        }.get()
        running.withLock { $0 = house }
        defer { running.withLock { $0 = nil } }
        let server = try await Self.bind(configuration, house, loop)
        do {
            if let bound = SocketEndpoint(server.localAddress) { onEvent(.listening(bound)) }
            let metrics = try await MetricsListener.bind(configuration.metrics, house, loop)
            if let metrics, let bound = SocketEndpoint(metrics.localAddress) { onEvent(.metrics(bound)) }
            try await loop.submit { house.value.start() }.get()
            for await _ in stop.stream { break }
            let sessions = try await loop.submit { house.value.drain() }.get()
            if !Task.isCancelled {
                onEvent(.draining(sessions: sessions))
                try await waitForSessions(house, loop)
            }
            metrics?.close(promise: nil)
        } catch {
            server.close(promise: nil)
            try await loop.submit { house.value.close() }.get()
            throw error
        }
        server.close(promise: nil)
        try await loop.submit { house.value.close() }.get()
        try Task.checkCancellation()
    }

    private func waitForSessions(_ house: NIOLoopBound<RelayHouse>, _ loop: any EventLoop) async throws {
        let done = loop.makePromise(of: Void.self)
        loop.execute { house.value.whenEmpty(done, within: self.configuration.drainTime) }
        try await withTaskCancellationHandler {
            try await done.futureResult.get()
        } onCancel: {
            loop.execute { house.value.giveUp() }
        }
    }

    private static func bind(
        _ configuration: RelayConfiguration, _ house: NIOLoopBound<RelayHouse>, _ loop: any EventLoop
    ) async throws -> any Channel {
        do {
            return try await ServerBootstrap(group: loop)
                .serverChannelOption(.backlog, value: 1_024)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelOption(
                    .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 2_048, maximum: 4_096)
                )
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard let door = house.value.open(channel) else { throw RelayError("too many connections") }
                        try channel.pipeline.syncOperations.addHandler(door)
                    }
                }
                .bind(to: try configuration.listen.socketAddress()).get()
        } catch let error as IOError {
            throw RelayError("\(configuration.listen) cannot be listened on: \(error)")
        }
    }
}
