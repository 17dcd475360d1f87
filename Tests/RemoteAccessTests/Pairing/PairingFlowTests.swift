import Foundation
import Logging
import NIOCore
import NIOPosix
import NIOTunnel
import NetworkTypes
import Testing
import TrustCore
import Tunnel

@testable import RemoteAccess

/// A gateway that only pairs and greets, over TLS on the loopback.
private struct PairingGateway: Sendable {
    let store = InMemoryGatewayStore()
    let trust: GatewayTrust
    let listener: TunnelListener
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    init() async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        self.trust = try await GatewayTrust.load(from: store, name: "Home", logger: logger)
        self.listener = TunnelListener(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    }

    /// Serves while `body` runs.
    func whileServing<Result: Sendable>(
        _ body: @Sendable (SocketEndpoint) async throws -> Result
    ) async throws -> Result {
        let (bound, bind) = AsyncStream<SocketEndpoint>.makeStream()
        let service = PairingService(trust: trust, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await listener.run(
                    on: SocketEndpoint(.v4(.loopback), port: 0), onBound: { bind.yield($0) },
                    identity: { trust.tunnelIdentity }, pairingOpen: { trust.isPairingOpen },
                    authorize: { trust.authorize($0) },
                    sessions: { carrier, peer in
                        try? await carrier.serve { exchange in
                            try? await exchange.respond(json: peer.subject)
                        }
                    },
                    pairing: { await service.handle($0, from: $1) })
            }
            defer { group.cancelAll() }
            var endpoints = bound.makeAsyncIterator()
            guard let endpoint = await endpoints.next() else { throw CancellationError() }
            return try await body(endpoint)
        }
    }

    func code(
        at endpoint: SocketEndpoint, expiresIn time: TimeInterval = 600, pin: KeyPin? = nil,
        secret: PairingSecret? = nil, id: PairingCodeID? = nil
    ) async throws -> PairingCode {
        var random = SystemRandomNumberGenerator()
        let drawn = PairingSecret(using: &random)
        let fresh = PairingCodeID(using: &random)
        let now = Date()
        if id == nil {
            _ = try await store.addPairing(
                PairingDraft(name: "phone", scope: .preset("media"), key: drawn.requestKey(for: fresh)), id: fresh,
                newSubject: SubjectID(using: &random), now: now - 1_000, expiresAt: now + time)
            try await trust.reload()
        }
        return try PairingCode(
            gatewayName: "Home", addresses: [try #require(GatewayAddress(endpoint))],
            pin: pin ?? trust.identity.currentServerKey.pin, id: id ?? fresh, secret: secret ?? drawn,
            expiresAt: now + max(time, 60))
    }

    var dialer: TunnelDialer {
        TunnelDialer(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    }

    func redeem(_ code: PairingCode) async throws -> PairedGateway {
        try await PairingClient(dialer: dialer).redeem(code, deviceName: "test")
    }

    /// Greets the gateway as a paired client: its answer is the subject's id.
    func greet(_ endpoint: SocketEndpoint, as gateway: PairedGateway) async throws -> String {
        let identity = try TunnelIdentity(
            chainDER: gateway.chain.map(\.der), privateKeyDER: gateway.key.pkcs8DER)
        let carrier = try await dialer.connect(
            to: [TunnelAddress(endpoint)], identity: identity,
            verifyServer: PairingClient.verification(pins: gateway.pins))
        defer { carrier.close(.closed) }
        return try await carrier.post(
            "hello", to: "/", session: nil, answer: String.self, limits: WireLimits())
    }
}

@Suite("Pairing over TLS", .timeLimit(.minutes(2)))
struct PairingFlowTests {
    @Test("A code gives a certificate that opens a session, once")
    func pairs() async throws {
        let gateway = try await PairingGateway()
        try await gateway.whileServing { endpoint in
            let code = try await gateway.code(at: endpoint)
            let paired = try await gateway.redeem(code)
            #expect(paired.name == "Home")
            #expect(paired.subjectName == "phone")
            #expect(paired.pins == gateway.trust.identity.pins)
            let ledger = try await gateway.store.ledger()
            #expect(try await gateway.greet(endpoint, as: paired) == ledger.subjects.first?.id.rawValue)
            // Another code keeps the pairing door open, so that it is the handler that refuses.
            _ = try await gateway.code(at: endpoint)
            let problem = await #expect(throws: Problem.self) { _ = try await gateway.redeem(code) }
            #expect(problem?.title.contains("used already") == true)
        }
    }

    @Test("Without an outstanding code the pairing door is shut")
    func shut() async throws {
        let gateway = try await PairingGateway()
        try await gateway.whileServing { endpoint in
            let code = try await gateway.code(at: endpoint)
            _ = try await gateway.redeem(code)
            await #expect(throws: (any Error).self) { _ = try await gateway.redeem(code) }
            #expect(!gateway.trust.isPairingOpen)
        }
    }

    @Test("An expired code is refused with a sentence that says so")
    func expired() async throws {
        let gateway = try await PairingGateway()
        try await gateway.whileServing { endpoint in
            _ = try await gateway.code(at: endpoint)
            let code = try await gateway.code(at: endpoint, expiresIn: -1)
            let problem = await #expect(throws: Problem.self) { _ = try await gateway.redeem(code) }
            #expect(problem?.title.contains("expired") == true)
        }
    }

    @Test("Five wrong secrets burn a code, and nothing is left for the right one")
    func guesses() async throws {
        let gateway = try await PairingGateway()
        try await gateway.whileServing { endpoint in
            let code = try await gateway.code(at: endpoint)
            _ = try await gateway.code(at: endpoint)
            for left in (0..<5).reversed() {
                var random = SystemRandomNumberGenerator()
                let guess = try await gateway.code(at: endpoint, secret: PairingSecret(using: &random), id: code.id)
                let problem = await #expect(throws: Problem.self) { _ = try await gateway.redeem(guess) }
                #expect(problem?.title.contains(left == 0 ? "void" : "\(left) more") == true)
            }
            let problem = await #expect(throws: Problem.self) { _ = try await gateway.redeem(code) }
            #expect(problem?.title.contains("void") == true)
        }
    }

    @Test("A code with another pin sends nothing to this gateway")
    func wrongPin() async throws {
        let gateway = try await PairingGateway()
        try await gateway.whileServing { endpoint in
            let code = try await gateway.code(at: endpoint, pin: IdentityKey().pin)
            let error = await #expect(throws: TunnelError.self) { _ = try await gateway.redeem(code) }
            #expect(error?.code == .untrustedPeer)
            #expect(error?.message.contains("pinned") == true)
            // Nothing arrived: no guess was counted.
            #expect(try await gateway.store.ledger().pairings.first?.wrongGuesses == 0)
        }
    }

    @Test("A revoked client is told so, also one whose certificate is otherwise good")
    func revoked() async throws {
        let gateway = try await PairingGateway()
        try await gateway.whileServing { endpoint in
            let paired = try await gateway.redeem(try await gateway.code(at: endpoint))
            let subject = try #require(try await gateway.store.ledger().subjects.first)
            _ = try await gateway.trust.revoke(subject.id)
            let error = await #expect(throws: (any Error).self) { _ = try await gateway.greet(endpoint, as: paired) }
            #expect(error.map { "\($0)" }?.contains("revoked") == true, "the error was \(String(describing: error))")
        }
    }

    @Test("A certificate of another gateway is refused with a sentence that says so")
    func foreign() async throws {
        let gateway = try await PairingGateway()
        let other = try await PairingGateway()
        let stranger = try await other.whileServing { endpoint in
            try await other.redeem(try await other.code(at: endpoint))
        }
        try await gateway.whileServing { endpoint in
            var stranger = stranger
            stranger.pins = gateway.trust.identity.pins
            let error = await #expect(throws: (any Error).self) { _ = try await gateway.greet(endpoint, as: stranger) }
            #expect(error.map { "\($0)" }?.contains("did not issue") == true)
        }
    }

    @Test("A client that was told the successor's pin goes on after the key was changed")
    func rotation() async throws {
        let gateway = try await PairingGateway()
        try await gateway.whileServing { endpoint in
            let paired = try await gateway.redeem(try await gateway.code(at: endpoint))
            var old = paired
            old.pins = [gateway.trust.identity.currentServerKey.pin]
            _ = try await gateway.trust.rotateServerKey()
            _ = try await gateway.greet(endpoint, as: paired)
            let error = await #expect(throws: TunnelError.self) { _ = try await gateway.greet(endpoint, as: old) }
            #expect(error?.code == .untrustedPeer)
        }
    }
}
