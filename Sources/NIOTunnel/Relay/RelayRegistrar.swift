package import Logging
package import NIOCore
internal import NIOPosix
package import NetworkTypes
package import RelayProtocol
internal import Synchronization
package import Tunnel

/// Keeps a gateway registered at one relay, and fetches the clients that wait there into its listener. No hand is
/// needed: what ends is begun anew, with growing pauses.
package final class RelayRegistrar: Sendable {
    /// What a registrar can be told.
    package struct Configuration: Sendable {
        /// Where the relay is.
        package var relay: TunnelAddress
        /// The SHA-256 of its SubjectPublicKeyInfo, 32 bytes; nil takes any relay that answers there. A relay reads and
        /// alters nothing, whoever it is; the pin keeps an impostor from learning who asks for the gateway, and when.
        package var pin: [UInt8]?
        /// The secret of an invitation; never sent.
        package var invitation: String?
        /// How long a connection, and a registration, may take.
        package var connectTimeout = TimeAmount.seconds(10)
        /// The pauses before the next attempt.
        package var backoff = ReconnectBackoff(floor: .milliseconds(500), ceiling: .seconds(30))
        /// The pause after the relay has said no, or has taken another registration of the same key instead.
        package var refusalPause = Duration.seconds(60)
        /// How many clients are fetched at one time.
        package var maximumFetches = 32
        /// How fast clients are fetched, whoever calls.
        package var fetchRate = RateLimit.Rate(perSecond: 20, burst: 64)

        /// Makes the default configuration for a relay.
        package init(relay: TunnelAddress) { self.relay = relay }
    }

    /// What the owner is told while it runs.
    package enum Event: Hashable, Sendable {
        /// The gateway can be asked for by this name there.
        case registered(RelayName, at: SocketEndpoint)
        /// It cannot any more, or not yet; it will be tried again.
        case waiting(reason: String, next: Duration)
        /// The relay is about to stop.
        case draining(seconds: UInt16)
    }

    private let configuration: Configuration
    private let identity: @Sendable () -> TunnelIdentity
    private let listener: TunnelListener
    private let group: any EventLoopGroup
    private let logger: Logger

    /// Makes a registrar; nothing is connected yet.
    /// - Parameters:
    ///   - identity: the gateway's own certificate and key, as its listener shows them; asked before each registration,
    ///     and looked at again while it stands.
    ///   - listener: takes the clients in; it must run for any of them to get through.
    package init(
        configuration: Configuration, identity: @escaping @Sendable () -> TunnelIdentity, listener: TunnelListener,
        eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.identity = identity
        self.listener = listener
        self.group = eventLoopGroup
        self.logger = logger
    }

    /// Runs until the task is cancelled.
    package func run(onEvent: @escaping @Sendable (Event) -> Void) async throws {
        var backoff = configuration.backoff
        var random = SystemRandomNumberGenerator()
        while true {
            try Task.checkCancellation()
            var reason: String
            var isRefused = false
            do {
                let registered = try await RelayRegistration(configuration, identity(), group).run()
                let end = try await stand(registered, onEvent) { backoff.succeeded() }
                reason = end.sentence
                isRefused = end == .replaced
            } catch let error as TunnelError {
                reason = error.message
                isRefused = error.code == .refused || error.code == .untrustedPeer
            }
            try Task.checkCancellation()
            let next = backoff.nextDelay(using: &random)
            let pause = isRefused ? max(next, configuration.refusalPause) : next
            if reason.isEmpty { reason = "the relay closed the connection" }
            onEvent(.waiting(reason: reason, next: pause))
            try await Task.sleep(for: pause)
        }
    }

    /// Waits for calls until the standby connection ends; answers why it did.
    private func stand(
        _ registered: RelayRegistration.Accepted, _ onEvent: @escaping @Sendable (Event) -> Void,
        onStanding: () -> Void
    ) async throws -> StandbyEnd {
        let (calls, source) = AsyncStream.makeStream(of: RelayTicket.self, bufferingPolicy: .bufferingOldest(64))
        let end = Latch<StandbyEnd>()
        let standing = Latch<Void>()
        let configuration = configuration
        let identity = identity
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: group)
                .connectTimeout(configuration.connectTimeout)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = StandbyClientHandler(
                            registered, end: end, calls: source,
                            isCurrent: { RelayRegistration.name(of: identity()) == registered.name },
                            onEvent: { event in
                                if case .registered = event { standing.set(()) }
                                onEvent(event)
                            })
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .connect(to: try registered.relay.socketAddress()).get()
        } catch {
            throw TunnelError(.unreachable, "The relay \(configuration.relay) cannot be reached: \(error).")
        }
        let fetches = Fetches(configuration)
        await withDiscardingTaskGroup { group in
            for await call in calls {
                guard fetches.begin() else {
                    StandbyClientHandler.decline(call, on: channel)
                    continue
                }
                group.addTask {
                    await self.fetch(call, registered, on: channel)
                    fetches.done()
                }
            }
            // Those that have been fetched are the listener's by now; the others' calls are over.
            group.cancelAll()
        }
        channel.close(promise: nil)
        if standing.value != nil { onStanding() }
        return end.value ?? .closed
    }

    private func fetch(_ call: RelayTicket, _ registered: RelayRegistration.Accepted, on channel: any Channel) async {
        var random = SystemRandomNumberGenerator()
        let hello = PlainHello.record(ticket: registered.key.answer(to: call), purpose: .answer, using: &random)
        do {
            // To where the standby connection goes, and never to an address that a relay names.
            try await listener.fetch(from: registered.relay, hello: hello, within: configuration.connectTimeout)
        } catch {
            logger.debug("a client could not be fetched from a relay", metadata: ["error": "\(error)"])
            StandbyClientHandler.decline(call, on: channel)
        }
    }

    /// How many clients are being fetched, and how fast they come.
    private final class Fetches: Sendable {
        private let configuration: Configuration
        private let state = Mutex<(count: Int, rate: RateLimit)>((0, RateLimit()))

        init(_ configuration: Configuration) { self.configuration = configuration }

        func begin() -> Bool {
            state.withLock { state in
                guard state.count < configuration.maximumFetches,
                    state.rate.admits(configuration.fetchRate, now: .now)
                else { return false }
                state.count += 1
                return true
            }
        }

        func done() { state.withLock { $0.count -= 1 } }
    }
}

/// Why a standby connection is over.
enum StandbyEnd: Hashable, Sendable {
    /// Whoever closed it gave no reason.
    case closed
    /// Another registration of the same key took its place.
    case replaced
    /// Nothing was heard for that long.
    case silent
    /// What came was not the relay's.
    case forged
    /// The gateway has another key by now.
    case rotated

    var sentence: String {
        switch self {
        case .closed: "the relay closed the connection"
        case .replaced:
            "the relay took another registration of this gateway instead: does a copy of its state run elsewhere?"
        case .silent: "nothing was heard from the relay"
        case .forged: "what came from the relay was altered on the way"
        case .rotated: "the gateway's server key was replaced"
        }
    }
}
