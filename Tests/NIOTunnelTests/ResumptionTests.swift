import HTTPTypes
import NIOCore
import NIOTunnel
import NetworkTypes
import TestKit
import Testing
import Tunnel

@Suite("A resumed handshake", .timeLimit(.minutes(1)), .enabled(if: OpenSSLClient.isInstalled))
struct ResumptionTests {
    @Test("is authorised like any other: a ticket does not outlive its owner's rights")
    func revokedBetween() async throws {
        let certificates = TestCertificates()
        let server = try certificates.make("gateway", .server)
        let client = try certificates.make("phone", .client)
        let openssl = try OpenSSLClient(client)
        defer { openssl.remove() }
        let asked = Shared<[[UInt8]]>([])
        let admitted = Shared(0)
        let revoked = Shared(false)
        var configuration = TunnelListenerConfiguration()
        configuration.refusalTimeout = .milliseconds(300)
        let listener = TunnelListener(
            configuration: configuration, eventLoopGroup: TestTunnel.group, logger: TestTunnel.logger
        )
        let (bound, binds) = AsyncStream<SocketEndpoint>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await listener.run(
                    on: SocketEndpoint(.v4(.loopback), port: 0), onBound: { binds.yield($0) },
                    identity: { server.identity }, pairingOpen: { false },
                    authorize: { certificate in
                        asked.update { $0.append(certificate.fingerprint) }
                        return revoked.value ? .refuse("revoked") : .admit(subject: "alice")
                    },
                    sessions: { _, _ in admitted.update { $0 += 1 } }, pairing: { _, _ in }
                )
            }
            for await endpoint in bound {
                let session = "\(openssl.directory)/session"
                let first = try await openssl.connect(port: endpoint.port, ["-tls1_3", "-sess_out", session])
                #expect(first.contains("New, TLSv1.3"))
                #expect(admitted.value == 1)
                let second = try await openssl.connect(port: endpoint.port, ["-tls1_3", "-sess_in", session])
                #expect(second.contains("Reused, TLSv1.3"))
                #expect(admitted.value == 2)
                revoked.value = true
                let third = try await openssl.connect(port: endpoint.port, ["-tls1_3", "-sess_in", session])
                #expect(third.contains("Reused, TLSv1.3"))
                #expect(admitted.value == 2)
                break
            }
            group.cancelAll()
        }
        #expect(asked.value == Array(repeating: client.fingerprint, count: 3))
    }

    @Test("TLS 1.2 is refused unless the configuration allows it", arguments: [TunnelTLS.Version.tls12, .tls13])
    func versions(_ minimum: TunnelTLS.Version) async throws {
        var configuration = TunnelListenerConfiguration()
        configuration.tls.minimumVersion = minimum
        configuration.handshakeTimeout = .seconds(2)
        try await TestTunnel.run(configuration: configuration) { tunnel in
            let openssl = try OpenSSLClient(tunnel.client)
            defer { openssl.remove() }
            tunnel.doors.refuse(tunnel.client.fingerprint, "enough is known")
            let output = try await openssl.connect(port: tunnel.endpoint.port, ["-tls1_2"])
            #expect(output.contains("New, TLSv1.2") == (minimum == .tls12))
            #expect(tunnel.doors.asked == (minimum == .tls12 ? 1 : 0))
        }
    }

    @Test("secrets reach the key log when one is configured")
    func keyLog() async throws {
        let lines = Shared(0)
        var configuration = TunnelDialerConfiguration()
        configuration.tls.keyLog = { _ in lines.update { $0 += 1 } }
        try await TestTunnel.run { [configuration] tunnel in
            try await tunnel.withCarrier(configuration) { try await $0.expect(.ok) }
        }
        #expect(lines.value >= 4)
    }
}
