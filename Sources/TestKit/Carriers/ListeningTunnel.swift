internal import Crypto
package import HTTPTypes
package import NetworkTypes
internal import Synchronization
package import Tunnel

package import struct NIOCore.ByteBuffer

/// A listener on a free port of this host with its certificates, for one test.
package struct ListeningTunnel<Listener: CarrierListener>: Sendable {
    /// Where it listens.
    package let endpoint: SocketEndpoint
    package let listener: Listener
    /// The authority of `server` and `client`.
    package let certificates: TestCertificates
    package let server: TestCertificates.Made
    /// Alice's.
    package let client: TestCertificates.Made
    /// SHA-256 of the server's SubjectPublicKeyInfo, 32 bytes.
    package let pin: [UInt8]
    package let doors: TunnelDoors

    /// Runs a listener that lets everybody in as Alice and answers every exchange with `answer`, and `body` beside it; ends
    /// the listener with it.
    /// - Throws: What `body` throws; `TunnelError` when the listener ends first.
    package static func run<Result: Sendable>(
        _ listener: Listener, on address: IPAddress = .v4(.loopback),
        answer: @escaping @Sendable (any InboundExchange) async -> Void,
        pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void,
        _ body: @escaping @Sendable (ListeningTunnel) async throws -> Result
    ) async throws -> Result {
        let certificates = TestCertificates()
        let key = P256.Signing.PrivateKey()
        let server = try certificates.make("gateway", .server, key: key)
        let client = try certificates.make("alice's phone", .client)
        let doors = TunnelDoors()
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
                        ListeningTunnel(
                            endpoint: endpoint, listener: listener, certificates: certificates, server: server,
                            client: client, pin: TestCertificates.pin(key), doors: doors
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

    /// Answers with `hello`.
    package static var hello: @Sendable (any InboundExchange) async -> Void {
        { exchange in
            try? await exchange.respond(HTTPResponse(status: .ok))
            try? await exchange.send(ByteBuffer(string: "hello"))
            try? await exchange.finish()
        }
    }
}

/// What a test can change while a listener runs, and what it sees of it.
package final class TunnelDoors: Sendable {
    private struct State {
        var refused: [[UInt8]: String] = [:]
        var pairingOpen = false
        var asked = 0
        var peers: [AdmittedPeer] = []
        var carriers: [any Carrier] = []
    }

    private let state = Mutex(State())

    /// Refuses a certificate (SHA-256 of it) from here on, with a sentence.
    package func refuse(_ fingerprint: [UInt8], _ sentence: String) {
        state.withLock { $0.refused[fingerprint] = sentence }
    }

    /// Whether clients without a certificate may pair.
    package var pairingOpen: Bool {
        get { state.withLock { $0.pairingOpen } }
        set { state.withLock { $0.pairingOpen = newValue } }
    }

    /// How often the live table was asked.
    package var asked: Int { state.withLock { $0.asked } }
    /// Who was let in, in order.
    package var peers: [AdmittedPeer] { state.withLock { $0.peers } }
    /// The listener's ends of their carriers.
    package var carriers: [any Carrier] { state.withLock { $0.carriers } }

    fileprivate func authorize(_ certificate: PeerCertificate) -> Authorization {
        state.withLock { state in
            state.asked += 1
            return state.refused[certificate.fingerprint].map { .refuse($0) } ?? .admit(subject: "alice")
        }
    }

    fileprivate func came(_ carrier: any Carrier, _ peer: AdmittedPeer) {
        state.withLock { state in
            state.peers.append(peer)
            state.carriers.append(carrier)
        }
    }
}

/// A value that several tasks of a test see.
package final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    package init(_ value: Value) {
        self.mutex = Mutex(value)
    }

    package var value: Value {
        get { mutex.withLock { $0 } }
        set { mutex.withLock { $0 = newValue } }
    }

    @discardableResult
    package func update<Result: Sendable>(_ change: @Sendable (inout Value) -> Result) -> Result {
        mutex.withLock { change(&$0) }
    }
}

extension HTTPRequest {
    /// A GET that travels in a tunnel.
    package static func get(_ path: String) -> HTTPRequest { test(.get, path) }
}

extension Carrier {
    /// Throws a `ConformanceFailure` unless an exchange is answered with this status.
    package func expect(_ status: HTTPResponse.Status, _ trafficClass: TrafficClass = .control) async throws {
        let answered = try await get("/", trafficClass).0.status
        guard answered == status else { throw ConformanceFailure("answered \(answered) for \(status)") }
    }

    /// Asks for a path and collects the answer.
    package func get(
        _ path: String, _ trafficClass: TrafficClass = .control
    ) async throws -> (HTTPResponse, ByteBuffer) {
        try await withExchange(.get(path), trafficClass: trafficClass) { exchange in
            try await exchange.finish()
            let response = try await exchange.response()
            return (response, try await exchange.body.collect())
        }
    }
}
