import Crypto
import HTTPTypes
import NIOCore
import NIOTunnelQUIC
import NetworkTypes
import TestKit
import Testing
import Tunnel

@Suite("Who comes in over QUIC", .timeLimit(.minutes(1)))
struct QUICAdmissionTests {
    @Test("a client with a known certificate is admitted under its subject")
    func admitted() async throws {
        try await QUICTestTunnel.run { tunnel in
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
        try await QUICTestTunnel.run { tunnel in
            let other = TestCertificates.pin(P256.Signing.PrivateKey())
            await #expect {
                _ = try await tunnel.dial(pins: [other])
            } throws: {
                ($0 as? TunnelError)?.code == .untrustedPeer
            }
            #expect(tunnel.doors.asked == 0)
            #expect(tunnel.doors.peers.isEmpty)
        }
    }

    @Test("a refused client is told the gateway's sentence")
    func refused() async throws {
        try await QUICTestTunnel.run { tunnel in
            tunnel.doors.refuse(tunnel.client.fingerprint, #"This "phone" was revoked."#)
            let error = await #expect(throws: TunnelError.self) { _ = try await tunnel.dial() }
            #expect(error == TunnelError(.refused, #"This "phone" was revoked."#))
            #expect(tunnel.doors.peers.isEmpty)
        }
    }

    @Test("a client that shows another's certificate without its key is not asked about")
    func stolenCertificate() async throws {
        try await QUICTestTunnel.run { tunnel in
            let thief = try TunnelIdentity(
                chainDER: tunnel.client.identity.chainDER,
                privateKeyDER: TestCertificates().make("thief", .client).identity.privateKeyDER)
            await #expect(throws: TunnelError.self) { _ = try await tunnel.dial(identity: thief) }
            #expect(tunnel.doors.asked == 0)
            #expect(tunnel.doors.peers.isEmpty)
        }
    }

    @Test("a client without a certificate is told to pair")
    func withoutCertificate() async throws {
        try await QUICTestTunnel.run { tunnel in
            let error = await #expect(throws: TunnelError.self) { _ = try await tunnel.dial(identity: .some(nil)) }
            #expect(error?.code == .refused)
            #expect(tunnel.doors.asked == 0)
        }
    }

    @Test("pairing is closed unless a code is outstanding")
    func pairingClosed() async throws {
        try await QUICTestTunnel.run { tunnel in
            let error = await #expect(throws: TunnelError.self) {
                _ = try await tunnel.dial(identity: .some(nil), purpose: .pairing)
            }
            #expect(error?.code == .refused)
        }
    }

    @Test("pairing without a certificate reaches the pairing handler and nothing else")
    func pairingOpen() async throws {
        try await QUICTestTunnel.run(
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
            carrier.close(.closed)
        }
    }

    @Test("every connection is authorised by itself: nothing is resumed")
    func noResumption() async throws {
        try await QUICTestTunnel.run { tunnel in
            for _ in 0..<3 { try await tunnel.withCarrier { try await $0.expect(.ok) } }
            #expect(tunnel.doors.asked == 3)
            tunnel.doors.refuse(tunnel.client.fingerprint, "revoked")
            await #expect(throws: TunnelError(.refused, "revoked")) { _ = try await tunnel.dial() }
        }
    }

    @Test("revoking a subject closes its carriers at once and says so")
    func revoked() async throws {
        try await QUICTestTunnel.run(answer: { exchange in
            try? await exchange.respond(HTTPResponse(status: .ok))
            while (try? await exchange.send(ByteBuffer(repeating: 1, count: 10_000))) != nil {}
        }) { tunnel in
            let carrier = try await tunnel.dial()
            await #expect(throws: CarrierEnd.revoked) {
                try await carrier.withExchange(.get("/"), trafficClass: .media) { exchange in
                    try await exchange.finish()
                    for try await _ in exchange.body {
                        #expect(tunnel.listener.closeCarriers(of: "bob") == 0)
                        tunnel.listener.closeCarriers(of: "alice")
                    }
                }
            }
            #expect(await carrier.ended() == .revoked)
        }
    }

    @Test("several addresses are raced, and a dead one costs nothing but its turn")
    func race() async throws {
        try await QUICTestTunnel.run { tunnel in
            let carrier = try await QUICDialer(eventLoopGroup: QUICTestTunnel.group, logger: QUICTestTunnel.logger)
                .connect(
                    to: [TunnelAddress(host: "127.0.0.1", port: 1), TunnelAddress(tunnel.endpoint)],
                    identity: tunnel.client.identity, verifyServer: PeerCertificate.pinned([tunnel.pin]))
            #expect(carrier.remote == tunnel.endpoint)
            carrier.close(.closed)
        }
    }

    @Test("either end opens exchanges")
    func symmetric() async throws {
        try await QUICTestTunnel.run { tunnel in
            try await tunnel.withCarrier { carrier in
                try await carrier.expect(.ok)
                await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await carrier.serve(QUICTestTunnel.hello) }
                    group.addTask {
                        let theirs = try #require(tunnel.doors.carriers.first)
                        #expect(String(buffer: try await theirs.get("/").1) == "hello")
                        try await theirs.expect(.ok, .media)
                        theirs.close(.closed)
                    }
                }
            }
        }
    }
}
