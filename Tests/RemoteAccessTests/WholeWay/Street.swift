import AccessPolicy
import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import NIOTunnel
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

/// A home on one interface, an away network on another, and a gateway and away clients between them: the
/// real parts, in one process. Needs the two interfaces that `scripts/in-namespace` makes.
final class Street: Sendable {
    /// `lk0 lk1`, or empty where there are none.
    static let interfaces =
        ProcessInfo.processInfo.environment["LATCHKEY_TEST_INTERFACES"]?.split(separator: " ").map(String.init) ?? []

    let group = MultiThreadedEventLoopGroup.singleton
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let store = InMemoryGatewayStore()
    let trust: GatewayTrust
    let server: RemoteAccessServer
    /// What the home's devices were asked to do.
    let acts = Journal()
    /// Where the gateway is reached over QUIC, once it is.
    let overUDP = AsyncStream.makeStream(of: SocketEndpoint.self)
    let homePort: UInt16
    private let awayPort: UInt16

    /// Where a client of the gateway's own process comes in.
    let entrance: LocalEntrance?

    /// - Parameter locally: Given to a client of the gateway's own process; there is no tunnel then.
    init(
        maxSessions: Int = 32, locally scope: Grant.Scope? = nil, observer: any DecisionObserver = NoDecisionObserver(),
        clock: @escaping @Sendable () -> PolicyMoment = PolicyBook.wallClock
    ) async throws {
        // Ports of this street alone: suites run at the same time.
        self.homePort = UInt16.random(in: 20_000...39_999)
        self.awayPort = UInt16.random(in: 40_000...59_999)
        self.trust = try await GatewayTrust.load(from: store, name: "Home", clock: clock, logger: logger)
        var home = ControlPointConfiguration(interface: Self.interfaces[0], ssdp: Self.ssdp(homePort))
        home.keepsDocuments = true
        let controlPoint = ControlPoint(configuration: home, eventLoopGroup: group, logger: logger)
        var configuration = RemoteAccessServer.Configuration(listen: SocketEndpoint(.v4(.loopback), port: 0))
        if let scope {
            let subject = try await trust.localSubject(named: "vlan", scope: scope, orNew: scope)
            let entrance = LocalEntrance(subject: subject)
            configuration = .init(entrance: entrance)
            self.entrance = entrance
        } else {
            self.entrance = nil
        }
        configuration.sessions.sessions = maxSessions
        if scope == nil { configuration.listenQUIC = SocketEndpoint(.v4(.loopback), port: 0) }
        configuration.peerCallTime = .seconds(1)
        // Devices and gateway share this host; the gateway is told that it stands at the next address.
        let reach = HomeReach(
            links: [
                InterfaceAddress(
                    interface: Self.interfaces[0], index: 0, address: .v4(IPv4Address(192, 0, 2, 254)),
                    prefix: try #require(IPPrefix("192.0.2.0/24")))
            ], routers: [Self.router])
        self.server = try RemoteAccessServer(
            configuration: configuration, trust: trust, home: .init(controlPoint: controlPoint, reach: { reach }),
            sealingKey: Array(repeating: 7, count: 32), gatewayUDN: "uuid:gateway",
            desk: try await .load(gatewayUDN: "uuid:gateway", from: store, logger: logger), observer: observer,
            eventLoopGroup: group,
            logger: logger)
    }

    /// Another host of the home, and its router; `scripts/in-namespace` has both addresses.
    static let neighbour = IPAddress.v4(IPv4Address(192, 0, 2, 77))
    static let router = IPAddress.v4(IPv4Address(192, 0, 2, 78))

    static func ssdp(_ port: UInt16) -> SSDPConfiguration {
        SSDPConfiguration(
            group: SocketEndpoint(.v4(IPv4Address(239, 255, 255, 250)), port: port), families: .ipv4)
    }

    /// Runs the home and the gateway while `body` runs.
    func whileOpen(_ body: @escaping @Sendable (Street, SocketEndpoint) async throws -> Void) async throws {
        let (bound, bind) = AsyncStream<SocketEndpoint>.makeStream()
        if entrance != nil { bind.yield(SocketEndpoint(.v4(.loopback), port: 0)) }
        let host = DeviceHost(
            configuration: DeviceHostConfiguration(
                interface: Self.interfaces[0], families: .ipv4, ssdp: Self.ssdp(homePort)
            ),
            devices: [light, lock, shelf, speaker, library], eventLoopGroup: group, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await host.run() }
            tasks.addTask {
                try await self.server.run { event in
                    if case .listening(let endpoint) = event { bind.yield(endpoint) }
                    if case .listeningQUIC(let endpoint) = event { self.overUDP.continuation.yield(endpoint) }
                }
            }
            tasks.addTask {
                for await endpoint in bound { return try await body(self, endpoint) }
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    /// Pairs a client and runs it while `body` runs with what an app on its host sees.
    ///
    /// Two clients on one away network silence each other's mirrors; `elsewhere` puts one on a network of its own.
    func withClient(
        _ scope: Grant.Scope, at endpoint: SocketEndpoint, named name: String = "phone", elsewhere: Bool = false,
        _ body: @escaping @Sendable (App) async throws -> Void
    ) async throws {
        let paired = try await pair(scope, at: endpoint, named: name)
        let identity = try TunnelIdentity(chainDER: paired.chain.map(\.der), privateKeyDER: paired.key.pkcs8DER)
        let target = SessionKeeper.Target(
            addresses: [TunnelAddress(endpoint)], identity: identity,
            verifyServer: PairingClient.verification(pins: paired.pins))
        try await withClient(of: target, elsewhere: elsewhere) { [paired] client, controlPoint, said in
            try await body(App(controlPoint: controlPoint, client: client, said: said, paired: paired))
        }
    }

    /// Runs a client of that gateway, and an app's control point, while `body` runs.
    func withClient(
        of target: SessionKeeper.Target, elsewhere: Bool = false, pace: SessionKeeper.Pace = .init(),
        _ body: @escaping @Sendable (RemoteAccessClient, ControlPoint, Journal) async throws -> Void
    ) async throws {
        var configuration = RemoteAccessClient.Configuration(interface: Self.interfaces[1])
        let network = elsewhere ? awayPort + 1 : awayPort
        configuration.ssdp = Self.ssdp(network)
        configuration.mirror.listening = .milliseconds(100)
        configuration.pace = pace
        let said = Journal()
        let client = RemoteAccessClient(
            configuration: configuration, neighbours: Neighbourhood(own: [.v4(IPv4Address(198, 51, 100, 1))]),
            target: { target },
            onPins: { _ in }, onEvent: { said.note("\($0)") }, eventLoopGroup: group, logger: logger)
        let controlPoint = ControlPoint(
            configuration: ControlPointConfiguration(interface: Self.interfaces[1], ssdp: Self.ssdp(network)),
            eventLoopGroup: group, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await client.run() }
            tasks.addTask { try await controlPoint.run() }
            tasks.addTask { try await body(client, controlPoint, said) }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    func pair(_ scope: Grant.Scope, at endpoint: SocketEndpoint, named name: String) async throws
        -> PairedGateway
    {
        var random = SystemRandomNumberGenerator()
        let secret = PairingSecret(using: &random)
        let id = PairingCodeID(using: &random)
        let expires = Date() + 600
        _ = try await store.addPairing(
            PairingDraft(name: name, scope: scope, key: secret.requestKey(for: id)), id: id,
            newSubject: SubjectID(using: &random), now: Date(), expiresAt: expires)
        try await trust.reload()
        let code = try PairingCode(
            gatewayName: "Home", addresses: [try #require(GatewayAddress(endpoint))],
            pin: trust.identity.currentServerKey.pin, id: id, secret: secret, expiresAt: expires)
        return try await PairingClient(dialer: TunnelDialer(eventLoopGroup: group, logger: logger))
            .redeem(code, deviceName: name)
    }
}

/// What an app on an away client's host has: its own control point, and what the client said.
struct App: Sendable {
    let controlPoint: ControlPoint
    let client: RemoteAccessClient
    let said: Journal
    let paired: PairedGateway

    /// Waits for a device of this name.
    func device(named name: String) async throws -> RootDevice {
        for await change in controlPoint.changes {
            if case .appeared(let device) = change, device.description.device.friendlyName == name { return device }
        }
        throw CancellationError()
    }

    /// Fetches a URL as an app does.
    func get(_ url: HTTPURL, range: String? = nil) async throws -> (HTTPResponse, ByteBuffer) {
        var request = HTTPRequest(method: .get, scheme: "http", authority: url.authority, path: url.pathAndQuery)
        request.headerFields[.range] = range
        return try await controlPoint.client.withResponse(request, to: try #require(url.endpoint)) { head, body in
            (head, try await body.collect(upTo: 64 << 20))
        }
    }
}

/// Lines that several tasks write, and that a test waits for.
final class Journal: Sendable {
    private struct State {
        var lines: [String] = []
        var readers: [AsyncStream<String>.Continuation] = []
    }

    private let state = Mutex(State())

    var lines: [String] { state.withLock { $0.lines } }

    func note(_ line: String) {
        state.withLock { state in
            state.lines.append(line)
            for reader in state.readers { reader.yield(line) }
        }
    }

    /// Waits for a line, written or yet to be written, with this in it.
    func wait(for text: String) async {
        let stream = AsyncStream<String> { continuation in
            state.withLock { state in
                for line in state.lines { continuation.yield(line) }
                state.readers.append(continuation)
            }
        }
        for await line in stream where line.contains(text) { return }
    }
}
