import Foundation
import Logging
import NIOCore
import NIOPosix
import NIOTunnel
import NetworkTypes
import Relay
import Testing
import TrustCore
import Tunnel

@testable import RemoteAccess

@Suite("Pairing through a relay", .timeLimit(.minutes(2)))
struct RelayedPairingTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    private static let group = MultiThreadedEventLoopGroup.singleton

    /// A relay, and a gateway that is registered there and pairs, while `body` runs.
    private static func withGateway(
        _ body: @escaping @Sendable (GatewayTrust, InMemoryGatewayStore, GatewayAddress) async throws -> Void
    ) async throws {
        let made = try RelayIdentity.makePEM(name: "relay", now: Date())
        let identity = try RelayIdentity(certificatePEM: made.certificate, keyPEM: made.key)
        let relay = RelayServer(
            configuration: RelayConfiguration(listen: SocketEndpoint(.v4(.loopback), port: 0)), identity: identity,
            logger: logger)
        let store = InMemoryGatewayStore()
        let trust = try await GatewayTrust.load(from: store, name: "Home", logger: logger)
        let listener = TunnelListener(eventLoopGroup: group, logger: logger)
        let service = PairingService(trust: trust, logger: logger)
        let (relays, relayIsAt) = AsyncStream.makeStream(of: SocketEndpoint.self)
        let (standing, stands) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try await relay.run { if case .listening(let endpoint) = $0 { relayIsAt.yield(endpoint) } }
            }
            tasks.addTask {
                try await listener.run(
                    on: SocketEndpoint(.v4(.loopback), port: 0), identity: { trust.tunnelIdentity },
                    pairingOpen: { trust.isPairingOpen }, authorize: { trust.authorize($0) },
                    sessions: { carrier, peer in
                        try? await carrier.serve { exchange in try? await exchange.respond(json: peer.subject) }
                    },
                    pairing: { await service.handle($0, from: $1) })
            }
            defer { tasks.cancelAll() }
            var places = relays.makeAsyncIterator()
            let place = try #require(await places.next())
            var configuration = RelayRegistrar.Configuration(relay: TunnelAddress(place))
            configuration.pin = identity.pin
            let registrar = RelayRegistrar(
                configuration: configuration, identity: { trust.tunnelIdentity }, listener: listener,
                eventLoopGroup: group, logger: logger)
            tasks.addTask { try await registrar.run { if case .registered = $0 { stands.yield() } } }
            var registrations = standing.makeAsyncIterator()
            _ = await registrations.next()
            try await body(trust, store, try #require(GatewayAddress(relay: "\(place)")))
        }
    }

    @Test("A code with a relay alone pairs a client, which then reaches the gateway by what it keeps")
    func pairs() async throws {
        try await Self.withGateway { trust, store, relay in
            var random = SystemRandomNumberGenerator()
            let secret = PairingSecret(using: &random)
            let id = PairingCodeID(using: &random)
            let expires = Date() + 600
            _ = try await store.addPairing(
                PairingDraft(name: "phone", scope: .preset("media"), key: secret.requestKey(for: id)), id: id,
                newSubject: SubjectID(using: &random), now: Date(), expiresAt: expires)
            try await trust.reload()
            let code = try PairingCode(
                gatewayName: "Home", addresses: [relay], pin: trust.identity.currentServerKey.pin, id: id,
                secret: secret, expiresAt: expires)
            let dialer = TunnelDialer(eventLoopGroup: Self.group, logger: Self.logger)
            let paired = try await PairingClient(dialer: dialer).redeem(try PairingCode(code.uri), deviceName: "test")
            #expect(paired.addresses == [relay])

            // The present key's name comes first, and the successor's is known already.
            let addresses = paired.addresses.tunnelAddresses(pins: paired.pins)
            #expect(addresses.count == 2)
            #expect(Set(addresses.map(\.serverName)).count == 2)
            let carrier = try await dialer.connect(
                to: addresses,
                identity: try TunnelIdentity(chainDER: paired.chain.map(\.der), privateKeyDER: paired.key.pkcs8DER),
                verifyServer: PairingClient.verification(pins: paired.pins))
            defer { carrier.close(.closed) }
            let subject = try await carrier.post(
                "hello", to: "/", session: nil, answer: String.self, limits: WireLimits())
            #expect(try await store.ledger().subjects.first?.id.rawValue == subject)
        }
    }
}
