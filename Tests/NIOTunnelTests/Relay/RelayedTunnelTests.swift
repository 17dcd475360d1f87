import HTTPTypes
import NIOCore
import NIOTunnel
import NetworkTypes
import Relay
import RelayProtocol
import TestKit
import Testing
import Tunnel

@Suite("A tunnel through a relay", .timeLimit(.minutes(2)))
struct RelayedTunnelTests {
    @Test("A client reaches its gateway for control and for media, and the gateway learns where it comes from")
    func passes() async throws {
        try await TestRelay.run { relay in
            try await TestTunnel.run { tunnel in
                try await relay.register(tunnel) {
                    let carrier = try await tunnel.dial(by: [relay.address(of: tunnel)])
                    defer { carrier.close(.closed) }
                    try await carrier.expect(.ok)
                    try await carrier.expect(.ok, .media)
                    #expect(tunnel.doors.peers.map(\.purpose).contains(.media))
                    for peer in tunnel.doors.peers {
                        #expect(peer.remote.address == .v4(.loopback))
                        #expect(peer.relay == relay.endpoint)
                        #expect(peer.remote.port != relay.endpoint.port)
                    }
                    let counters = try await relay.server.counters()
                    #expect(counters.gateways == 1)
                    #expect(counters.sessions == 2)
                    #expect(counters.joined == 2)
                    #expect(counters.bytesFromClients > 0 && counters.bytesFromGateways > 0)
                }
            }
        }
    }
}
