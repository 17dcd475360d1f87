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

    @Test("A stream that broke off goes on over the next carrier, or over the same one if that still stands")
    func sameAgain() async throws {
        let link = TunnelLink()
        link.up(Link(carrier: NamedCarrier(), session: "one"))
        let first = try await link.link(within: .seconds(60))
        let again = try await link.link(afterStreamOver: first, pause: .milliseconds(1), within: .seconds(60))
        #expect(again.generation == first.generation)
        link.down()
        async let next = link.link(afterStreamOver: first, pause: .milliseconds(1), within: .seconds(60))
        link.up(Link(carrier: NamedCarrier(), session: "two"))
        #expect(try await next.link.session == "two")
        let problem = await #expect(throws: Problem.self) {
            _ = try await TunnelLink().link(afterStreamOver: first, pause: .seconds(9), within: .milliseconds(1))
        }
        #expect(problem?.status == 504)
    }

    @Test("A request that waited long enough is told so")
    func gives() async throws {
        let problem = await #expect(throws: Problem.self) {
            _ = try await TunnelLink().link(within: .milliseconds(1))
        }
        #expect(problem?.status == 504)
    }

    @Test("What is done over each carrier is done at once over the next one, however long it wanted to wait")
    func eachCarrier() async throws {
        let link = TunnelLink()
        let done = Journal()
        let work = Task {
            try await link.overEachCarrier { found in
                done.note(found.session)
                return .seconds(3_600)
            }
        }
        link.up(Link(carrier: NamedCarrier(), session: "one"))
        await done.wait(for: "one")
        link.down()
        link.up(Link(carrier: NamedCarrier(), session: "two"))
        await done.wait(for: "two")
        work.cancel()
        await #expect(throws: CancellationError.self) { try await work.value }
        #expect(done.lines == ["one", "two"])
    }

    @Test("What is done over a carrier is done over it again when its time has come")
    func again() async throws {
        let link = TunnelLink()
        let done = Journal()
        let work = Task {
            try await link.overEachCarrier { found in
                done.note("\(found.session) \(done.lines.count)")
                return .milliseconds(1)
            }
        }
        link.up(Link(carrier: NamedCarrier(), session: "one"))
        await done.wait(for: "one 2")
        work.cancel()
        await #expect(throws: CancellationError.self) { try await work.value }
    }

    @Test("A request whose app went away stops waiting")
    func cancelled() async {
        let link = TunnelLink()
        let waiting = Task { try await link.link(within: .seconds(3_600)) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiting.value }
    }
}
