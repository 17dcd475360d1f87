import HTTPTypes
import Testing
import Tunnel

@testable import RemoteAccess

@Suite("Waiting for a carrier")
struct TunnelLinkTests {
    /// A carrier that can only be told apart.
    private struct NamedCarrier: Carrier {
        func withExchange<Result: Sendable>(
            _ request: HTTPRequest, trafficClass: TrafficClass,
            _ body: @Sendable (any OutboundExchange) async throws -> Result
        ) async throws -> Result { throw CarrierEnd.closed }
        func serve(_ handler: @escaping @Sendable (any InboundExchange) async -> Void) async throws {}
        func close(_ reason: CarrierEnd) {}
        func ended() async -> CarrierEnd { .closed }
    }

    @Test("A request gets the carrier that stands")
    func stands() async throws {
        let link = TunnelLink()
        link.up(Link(carrier: NamedCarrier(), session: "one"))
        #expect(try await link.link(within: .seconds(60)).link.session == "one")
    }

    @Test("A request that saw a carrier fail waits for the next one")
    func waits() async throws {
        let link = TunnelLink()
        link.up(Link(carrier: NamedCarrier(), session: "one"))
        let first = try await link.link(within: .seconds(60))
        async let second = link.link(after: first.generation, within: .seconds(60))
        link.down()
        link.up(Link(carrier: NamedCarrier(), session: "two"))
        #expect(try await second.link.session == "two")
    }

    @Test("A request that waited long enough is told so")
    func gives() async throws {
        let problem = await #expect(throws: Problem.self) {
            _ = try await TunnelLink().link(within: .milliseconds(1))
        }
        #expect(problem?.status == 504)
    }

    @Test("A request whose app went away stops waiting")
    func cancelled() async {
        let link = TunnelLink()
        let waiting = Task { try await link.link(within: .seconds(3_600)) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiting.value }
    }
}
