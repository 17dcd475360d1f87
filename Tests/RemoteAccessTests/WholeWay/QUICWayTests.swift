import Foundation
import HTTPTypes
import NIOCore
import NIOTunnelQUIC
import NIOUPnP
import NetworkTypes
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

@Suite(
    "The whole way over QUIC", .serialized, .timeLimit(.minutes(2)),
    .enabled(if: Street.interfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct QUICWayTests {
    private func target(
        _ street: Street, _ endpoint: SocketEndpoint, _ paired: PairedGateway, _ choice: CarrierChoice
    ) async throws -> SessionKeeper.Target {
        let identity = try TunnelIdentity(chainDER: paired.chain.map(\.der), privateKeyDER: paired.key.pkcs8DER)
        let verification = PairingClient.verification(pins: paired.pins)
        var udp: SocketEndpoint?
        for await endpoint in street.overUDP.stream {
            udp = endpoint
            break
        }
        let quic = Way.tunnel(
            .direct, to: [TunnelAddress(try #require(udp))],
            over: QUICDialer(eventLoopGroup: street.group, logger: street.logger), identity: identity,
            verifyServer: verification)
        let tls = Way.tunnels(to: [TunnelAddress(endpoint)], identity: identity, verifyServer: verification)
        return SessionKeeper.Target(ways: [quic] + (choice.allowsTLS ? tls : []))
    }

    @Test("Devices are mirrored, called and fetched from as over TLS", arguments: [CarrierChoice.quic, .auto])
    func wholeWay(_ choice: CarrierChoice) async throws {
        try await Street().whileOpen { street, endpoint in
            let paired = try await street.pair(.preset("full"), at: endpoint, named: "phone")
            let target = try await self.target(street, endpoint, paired, choice)
            try await street.withClient(of: target) { client, controlPoint, said in
                let app = App(controlPoint: controlPoint, client: client, said: said, paired: paired)
                _ = try await app.device(named: "Light")
                #expect(client.paths.report.name?.hasPrefix("udp ") == true)
                let shelf = try await app.device(named: "Shelf")
                let url = try #require(
                    try await app.invoke("LocateEndless", on: shelf)["URI"].flatMap { HTTPURL($0) })
                let request = HTTPRequest(
                    method: .get, scheme: "http", authority: url.authority, path: url.pathAndQuery)
                try await controlPoint.client.withResponse(request, to: try #require(url.endpoint)) { _, body in
                    var received = 0
                    for try await chunk in body {
                        received += chunk.readableBytes
                        if received > 3_000_000 { return }
                    }
                    Issue.record("the endless body ended")
                }
            }
        }
    }

    @Test("Revoking a client ends its session over UDP as well")
    func revoked() async throws {
        try await Street().whileOpen { street, endpoint in
            let paired = try await street.pair(.preset("full"), at: endpoint, named: "phone")
            let target = try await self.target(street, endpoint, paired, .quic)
            try await street.withClient(of: target) { client, controlPoint, said in
                let app = App(controlPoint: controlPoint, client: client, said: said, paired: paired)
                _ = try await app.device(named: "Light")
                let subject = try #require(try await street.store.ledger().subjects.first)
                _ = try await street.trust.revoke(subject.id)
                await app.said.wait(for: "disconnected")
            }
        }
    }
}
