import Crypto
import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import NIOTunnelQUIC
import NetworkTypes
import Synchronization
import TestKit
import Testing
import Tunnel

/// A QUIC listener on loopback with its certificates, for one test.
struct QUICTestTunnel: Sendable {
    let endpoint: SocketEndpoint
    let listener: QUICListener
    let server: TestCertificates.Made
    let client: TestCertificates.Made
    let pin: [UInt8]
    let doors: Doors

    /// What a test can change while the listener runs, and what it sees of it.
    final class Doors: Sendable {
        private struct State {
            var refused: [[UInt8]: String] = [:]
            var pairingOpen = false
            var asked = 0
            var peers: [AdmittedPeer] = []
            var carriers: [any Carrier] = []
        }

        private let state = Mutex(State())

        func refuse(_ fingerprint: [UInt8], _ sentence: String) {
            state.withLock { $0.refused[fingerprint] = sentence }
        }
        var pairingOpen: Bool {
            get { state.withLock { $0.pairingOpen } }
            set { state.withLock { $0.pairingOpen = newValue } }
        }
        /// How often the live table was asked.
        var asked: Int { state.withLock { $0.asked } }
        var peers: [AdmittedPeer] { state.withLock { $0.peers } }
        var carriers: [any Carrier] { state.withLock { $0.carriers } }

        func authorize(_ certificate: PeerCertificate) -> Authorization {
            state.withLock { state in
                state.asked += 1
                return state.refused[certificate.fingerprint].map { .refuse($0) } ?? .admit(subject: "alice")
            }
        }
        func came(_ carrier: any Carrier, _ peer: AdmittedPeer) {
            state.withLock { state in
                state.peers.append(peer)
                state.carriers.append(carrier)
            }
        }
    }

    static let group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs a listener that answers every exchange with `answer`, and `body` beside it.
    static func run<Result: Sendable>(
        configuration: QUICListenerConfiguration = .init(), on address: IPAddress = .v4(.loopback),
        answer: @escaping @Sendable (any InboundExchange) async -> Void = hello,
        pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void = { exchange, _ in
            await hello(exchange)
        },
        _ body: @escaping @Sendable (QUICTestTunnel) async throws -> Result
    ) async throws -> Result {
        let certificates = TestCertificates()
        let key = P256.Signing.PrivateKey()
        let server = try certificates.make("gateway", .server, key: key)
        let client = try certificates.make("alice's phone", .client)
        let doors = Doors()
        let listener = QUICListener(configuration: configuration, eventLoopGroup: group, logger: logger)
        let (bound, binds) = AsyncStream<SocketEndpoint>.makeStream()
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                do {
                    try await listener.run(
                        on: SocketEndpoint(address, port: 0), onBound: { binds.yield($0) },
                        identity: { server.identity }, pairingOpen: { doors.pairingOpen },
                        authorize: { doors.authorize($0) },
                        sessions: { carrier, peer in
                            doors.came(carrier, peer)
                            try? await carrier.serve(answer)
                        },
                        pairing: pairing
                    )
                } catch is CancellationError {}
                return nil
            }
            group.addTask {
                for await endpoint in bound {
                    return try await body(
                        QUICTestTunnel(
                            endpoint: endpoint, listener: listener, server: server, client: client,
                            pin: TestCertificates.pin(key), doors: doors
                        )
                    )
                }
                throw TunnelError(.unreachable, "the listener never listened")
            }
            while let result = try await group.next() {
                guard let result else { continue }
                group.cancelAll()
                try await group.waitForAll()
                return result
            }
            throw TunnelError(.unreachable, "the listener ended early")
        }
    }

    static let hello: @Sendable (any InboundExchange) async -> Void = { exchange in
        try? await exchange.respond(HTTPResponse(status: .ok))
        try? await exchange.send(ByteBuffer(string: "hello"))
        try? await exchange.finish()
    }

    /// A client's carrier.
    func dial(
        _ configuration: QUICDialerConfiguration = .init(), to address: SocketEndpoint? = nil,
        identity: TunnelIdentity?? = nil, purpose: ConnectionPurpose = .session, pins: [[UInt8]]? = nil
    ) async throws -> QUICCarrier {
        try await QUICDialer(configuration: configuration, eventLoopGroup: Self.group, logger: Self.logger).connect(
            to: [TunnelAddress(address ?? endpoint)], identity: identity ?? client.identity, purpose: purpose,
            verifyServer: PeerCertificate.pinned(pins ?? [pin])
        )
    }

    func withCarrier<Result: Sendable>(
        _ configuration: QUICDialerConfiguration = .init(), to address: SocketEndpoint? = nil,
        _ body: (QUICCarrier) async throws -> Result
    ) async throws -> Result {
        let carrier = try await dial(configuration, to: address)
        defer { carrier.close(.closed) }
        return try await body(carrier)
    }
}

/// A value that several tasks of a test see.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) {
        self.mutex = Mutex(value)
    }

    var value: Value {
        get { mutex.withLock { $0 } }
        set { mutex.withLock { $0 = newValue } }
    }

    @discardableResult
    func update<Result: Sendable>(_ change: @Sendable (inout Value) -> Result) -> Result {
        mutex.withLock { change(&$0) }
    }
}

extension HTTPRequest {
    static func get(_ path: String) -> HTTPRequest {
        HTTPRequest(method: .get, scheme: "https", authority: "latchkey", path: path)
    }
}

extension Carrier {
    /// An exchange is answered with this status.
    func expect(_ status: HTTPResponse.Status, _ trafficClass: TrafficClass = .control) async throws {
        let answered = try await get("/", trafficClass).0.status
        #expect(answered == status)
    }

    /// Asks for a path and collects the answer.
    func get(_ path: String, _ trafficClass: TrafficClass = .control) async throws -> (HTTPResponse, ByteBuffer) {
        try await withExchange(.get(path), trafficClass: trafficClass) { exchange in
            try await exchange.finish()
            let response = try await exchange.response()
            var body = ByteBuffer()
            for try await chunk in exchange.body { body.writeImmutableBuffer(chunk) }
            return (response, body)
        }
    }
}
