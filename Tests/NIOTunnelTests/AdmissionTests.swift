import Crypto
import HTTPTypes
import NIOCore
import NIOTunnel
import NetworkTypes
import TestKit
import Testing
import Tunnel

@Suite("Who comes in", .timeLimit(.minutes(1)))
struct AdmissionTests {
    @Test("a client with a known certificate is admitted under its subject")
    func admitted() async throws {
        try await TestTunnel.run { tunnel in
            try await tunnel.withCarrier { carrier in
                let (response, body) = try await carrier.get("/")
                #expect(response.status == .ok)
                #expect(String(buffer: body) == "hello")
            }
            let peer = try #require(tunnel.doors.peers.first)
            #expect(peer.subject == "alice")
            #expect(peer.purpose == .session)
            #expect(peer.certificate.fingerprint == tunnel.client.fingerprint)
            #expect(peer.remote.address == .v4(.loopback))
        }
    }

    @Test("a server with another key than the pinned one is told nothing")
    func wrongPin() async throws {
        try await TestTunnel.run { tunnel in
            let other = TestCertificates.pin(P256.Signing.PrivateKey())
            await #expect {
                _ = try await tunnel.dial(pins: [other])
            } throws: { ($0 as? TunnelError)?.code == .untrustedPeer }
            #expect(tunnel.doors.asked == 0)
            #expect(tunnel.doors.peers.isEmpty)
        }
    }

    @Test("a client's certificate does not stand in for the gateway's")
    func clientAsServer() async throws {
        try await TestTunnel.run { tunnel in
            let impostor = tunnel.client
            let listener = TunnelListener(eventLoopGroup: TestTunnel.group, logger: TestTunnel.logger)
            let (bound, binds) = AsyncStream<SocketEndpoint>.makeStream()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    try? await listener.run(
                        on: SocketEndpoint(.v4(.loopback), port: 0), onBound: { binds.yield($0) },
                        identity: { impostor.identity }, pairingOpen: { true },
                        authorize: { _ in .admit(subject: "x") },
                        sessions: { _, _ in }, pairing: { _, _ in }
                    )
                }
                for await endpoint in bound {
                    let dialer = TunnelDialer(eventLoopGroup: TestTunnel.group, logger: TestTunnel.logger)
                    await #expect {
                        _ = try await dialer.connect(
                            to: [TunnelAddress(endpoint)], identity: nil, purpose: .pairing,
                            verifyServer: TunnelDialer.pinned([tunnel.pin])
                        )
                    } throws: { ($0 as? TunnelError)?.code == .untrustedPeer }
                    break
                }
                group.cancelAll()
            }
        }
    }

    @Test("a refused client is told the gateway's sentence")
    func refused() async throws {
        try await TestTunnel.run { tunnel in
            tunnel.doors.refuse(tunnel.client.fingerprint, #"This "phone" was revoked."#)
            let error = await #expect(throws: TunnelError.self) { _ = try await tunnel.dial() }
            #expect(error == TunnelError(.refused, #"This "phone" was revoked."#))
            #expect(tunnel.doors.peers.isEmpty)
        }
    }

    @Test("a client without a certificate is told to pair")
    func withoutCertificate() async throws {
        try await TestTunnel.run { tunnel in
            let error = await #expect(throws: TunnelError.self) { _ = try await tunnel.dial(identity: .some(nil)) }
            #expect(error?.code == .refused)
            #expect(tunnel.doors.asked == 0)
        }
    }

    @Test("pairing is closed unless a code is outstanding")
    func pairingClosed() async throws {
        try await TestTunnel.run { tunnel in
            let error = await #expect(throws: TunnelError.self) {
                _ = try await tunnel.dial(identity: .some(nil), purpose: .pairing)
            }
            #expect(error?.code == .refused)
        }
    }

    @Test("pairing without a certificate reaches the pairing handler and nothing else")
    func pairingOpen() async throws {
        try await TestTunnel.run(
            answer: { _ in Issue.record("a client without a certificate reached the sessions") },
            pairing: { exchange, remote in
                try? await exchange.respond(HTTPResponse(status: .ok))
                try? await exchange.send(ByteBuffer(string: "pairing with \(remote.address)"))
                try? await exchange.finish()
            }
        ) { tunnel in
            tunnel.doors.pairingOpen = true
            let carrier = try await tunnel.dial(identity: .some(nil), purpose: .pairing)
            let (_, body) = try await carrier.get("/")
            #expect(String(buffer: body) == "pairing with 127.0.0.1")
            // An exchange of class media stays on the pairing connection.
            try await carrier.expect(.ok, .media)
            #expect(!carrier.hasMediaConnection)
            carrier.close(.closed)
        }
    }

    @Test("revoking a subject closes its carriers at once and says so")
    func revoked() async throws {
        try await TestTunnel.run(answer: { exchange in
            try? await exchange.respond(HTTPResponse(status: .ok))
            while (try? await exchange.send(ByteBuffer(repeating: 1, count: 10_000))) != nil {}
        }) { tunnel in
            let carrier = try await tunnel.dial()
            let result = await withTaskGroup(of: Void.self) { group in
                for trafficClass in [TrafficClass.control, .media] {
                    group.addTask {
                        await #expect(throws: (any Error).self) {
                            try await carrier.withExchange(.get("/"), trafficClass: trafficClass) { exchange in
                                try await exchange.finish()
                                for try await _ in exchange.body {
                                    if tunnel.doors.peers.count == 2 {
                                        tunnel.listener.closeCarriers(of: "alice")
                                    }
                                }
                            }
                        }
                    }
                }
                await group.waitForAll()
                return await carrier.ended()
            }
            #expect(result == .revoked)
            #expect(tunnel.listener.closeCarriers(of: "bob") == 0)
        }
    }

    @Test("a media connection is authorised by itself")
    func mediaIsAuthorised() async throws {
        try await TestTunnel.run { tunnel in
            try await tunnel.withCarrier { carrier in
                try await carrier.expect(.ok)
                tunnel.doors.refuse(tunnel.client.fingerprint, "revoked")
                try await carrier.expect(.forbidden, .media)
            }
        }
    }

    @Test("the identity can be replaced while the listener runs")
    func rotation() async throws {
        let certificates = TestCertificates()
        let (old, new) = (P256.Signing.PrivateKey(), P256.Signing.PrivateKey())
        let identities = [
            try certificates.make("old", .server, key: old).identity,
            try certificates.make("new", .server, key: new).identity,
        ]
        let current = Shared(0)
        let listener = TunnelListener(eventLoopGroup: TestTunnel.group, logger: TestTunnel.logger)
        let client = try certificates.make("client", .client).identity
        let (bound, binds) = AsyncStream<SocketEndpoint>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await listener.run(
                    on: SocketEndpoint(.v4(.loopback), port: 0), onBound: { binds.yield($0) },
                    identity: { identities[current.value] }, pairingOpen: { false },
                    authorize: { _ in .admit(subject: "x") }, sessions: { carrier, _ in _ = await carrier.ended() },
                    pairing: { _, _ in }
                )
            }
            for await endpoint in bound {
                let dialer = TunnelDialer(eventLoopGroup: TestTunnel.group, logger: TestTunnel.logger)
                for (index, key) in [old, new].enumerated() {
                    current.value = index
                    let carrier = try await dialer.connect(
                        to: [TunnelAddress(endpoint)], identity: client,
                        verifyServer: TunnelDialer.pinned([TestCertificates.pin(key)])
                    )
                    carrier.close(.closed)
                }
                break
            }
            group.cancelAll()
        }
    }

    @Test("several addresses are raced, and a dead one costs nothing but its turn")
    func race() async throws {
        try await TestTunnel.run { tunnel in
            let dialer = TunnelDialer(eventLoopGroup: TestTunnel.group, logger: TestTunnel.logger)
            let carrier = try await dialer.connect(
                to: [TunnelAddress(host: "127.0.0.1", port: 1), TunnelAddress(tunnel.endpoint)],
                identity: tunnel.client.identity, verifyServer: TunnelDialer.pinned([tunnel.pin])
            )
            #expect(carrier.remote == tunnel.endpoint)
            carrier.close(.closed)
        }
    }
}
