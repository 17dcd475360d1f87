import FoundationEssentials
import Logging
import NIOCore
import NIOTunnel
import NetworkTypes
import Relay
import RelayProtocol
import TestKit
import Testing
import Tunnel

/// A relay on loopback, for one test.
struct TestRelay: Sendable {
    let server: RelayServer
    let identity: RelayIdentity
    let endpoint: SocketEndpoint
    let metrics: SocketEndpoint?

    static func identity(_ name: String = "relay") throws -> RelayIdentity {
        let made = try RelayIdentity.makePEM(name: name, now: Date())
        return try RelayIdentity(certificatePEM: made.certificate, keyPEM: made.key)
    }

    /// Limits that a test from one address does not meet.
    static var limits: SwitchboardLimits {
        var limits = SwitchboardLimits()
        limits.registrationRate = .init(perSecond: 1_000, burst: 1_000)
        limits.gatewayRate = .init(perSecond: 1_000, burst: 1_000)
        limits.sourceRate = .init(perSecond: 1_000, burst: 1_000)
        return limits
    }

    /// Runs a relay, and `body` beside it.
    static func run<Result: Sendable>(
        on endpoint: SocketEndpoint = SocketEndpoint(.v4(.loopback), port: 0), identity: RelayIdentity? = nil,
        configure: (inout RelayConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (TestRelay) async throws -> Result
    ) async throws -> Result {
        var configuration = RelayConfiguration(listen: endpoint)
        configuration.limits = limits
        configuration.metrics = SocketEndpoint(.v4(.loopback), port: 0)
        configuration.drainTime = .seconds(5)
        configure(&configuration)
        let identity = try identity ?? Self.identity()
        let server = RelayServer(configuration: configuration, identity: identity, logger: TestTunnel.logger)
        let (events, told) = AsyncStream.makeStream(of: RelayServer.Event.self)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                defer { told.finish() }
                do {
                    try await server.run { told.yield($0) }
                } catch is CancellationError {}
                return nil
            }
            group.addTask {
                var place: SocketEndpoint?
                for await event in events {
                    switch event {
                    case .listening(let endpoint): place = endpoint
                    case .metrics(let metrics):
                        guard let place else { continue }
                        return try await body(
                            TestRelay(server: server, identity: identity, endpoint: place, metrics: metrics))
                    case .draining: continue
                    }
                }
                throw RelayError("the relay never listened")
            }
            var outcome: Result?
            while outcome == nil, let result = try await group.next() { outcome = result }
            group.cancelAll()
            try await group.waitForAll()
            return try #require(outcome)
        }
    }

    /// How `tunnel` is reached through this relay.
    func address(of tunnel: TestTunnel) throws -> TunnelAddress {
        let name = try #require(RelayName(keyDigest: tunnel.pin))
        return TunnelAddress(
            host: "\(endpoint.address)", port: endpoint.port, serverName: name.serverName(at: "127.0.0.1"))
    }

    /// Keeps `tunnel` registered while `body` runs, which begins when it is.
    func register<Result: Sendable>(
        _ tunnel: TestTunnel, configure: (inout RelayRegistrar.Configuration) -> Void = { _ in },
        events: Journal<RelayRegistrar.Event> = .init(), _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let registrar = registrar(for: tunnel, configure: configure)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                do {
                    try await registrar.run { events.note($0) }
                } catch is CancellationError {}
                return nil
            }
            group.addTask {
                await events.wait { if case .registered = $0 { true } else { false } }
                return try await body()
            }
            var outcome: Result?
            while outcome == nil, let result = try await group.next() { outcome = result }
            group.cancelAll()
            try await group.waitForAll()
            return try #require(outcome)
        }
    }

    func registrar(
        for tunnel: TestTunnel, configure: (inout RelayRegistrar.Configuration) -> Void = { _ in }
    ) -> RelayRegistrar {
        var configuration = RelayRegistrar.Configuration(relay: TunnelAddress(endpoint))
        configuration.pin = identity.pin
        configuration.backoff = .init(floor: .milliseconds(20), ceiling: .milliseconds(200))
        configuration.refusalPause = .milliseconds(200)
        configure(&configuration)
        return RelayRegistrar(
            configuration: configuration, identity: { tunnel.server.identity }, listener: tunnel.listener,
            eventLoopGroup: TestTunnel.group, logger: TestTunnel.logger)
    }
}

extension TestTunnel {
    /// A client's carrier by these addresses.
    func dial(
        by addresses: [TunnelAddress], configuration: TunnelDialerConfiguration = .init(), pins: [[UInt8]]? = nil
    ) async throws -> TLSCarrier {
        try await TunnelDialer(configuration: configuration, eventLoopGroup: Self.group, logger: Self.logger).connect(
            to: addresses, identity: client.identity, purpose: .session,
            verifyServer: TunnelDialer.pinned(pins ?? [pin]))
    }
}

/// What happened, in order, for a test to wait for.
final class Journal<Entry: Sendable>: Sendable {
    private let entries = Shared<(noted: [Entry], readers: [AsyncStream<Entry>.Continuation])>(([], []))

    var noted: [Entry] { entries.value.noted }

    func note(_ entry: Entry) {
        entries.update { state in
            state.noted.append(entry)
            for reader in state.readers { reader.yield(entry) }
        }
    }

    /// Waits for an entry, noted or yet to be noted.
    func wait(for matches: @Sendable (Entry) -> Bool) async {
        let stream = AsyncStream<Entry> { continuation in
            entries.update { state in
                for entry in state.noted { continuation.yield(entry) }
                state.readers.append(continuation)
            }
        }
        for await entry in stream where matches(entry) { return }
    }
}
