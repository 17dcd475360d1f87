import HTTPTypes
import TestKit
import Testing
import Tunnel

@Suite("The carrier in memory", .timeLimit(.minutes(1)))
struct InMemoryCarrierTests {
    @Test("does what every carrier does", arguments: CarrierConformance.all)
    func conformance(_ check: CarrierConformance) async throws {
        try await check.run { answer, body in
            let (asking, answering) = InMemoryCarrier.pair()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await answering.serve(answer) }
                try await body(.init(asking: asking) { answering.close($0) })
                asking.close(.closed)
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    @Test("gives a whole answer to one who has not ended the request when it comes")
    func earlyAnswer() async throws {
        let (asking, answering) = InMemoryCarrier.pair()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await answering.serve { exchange in
                    try? await exchange.respond(.init(status: .noContent))
                    try? await exchange.finish()
                }
            }
            // Which end is first differs from one exchange to the next.
            for _ in 0..<2_000 {
                let status = try await asking.withExchange(
                    .init(method: .get, scheme: "https", authority: "a", path: "/"), trafficClass: .control
                ) { exchange in
                    let status = try await exchange.response().status
                    for try await _ in exchange.body {}
                    await Task.yield()
                    try await exchange.finish()
                    return status
                }
                #expect(status == .noContent)
            }
            group.cancelAll()
        }
    }

    @Test("lets either end ask")
    func symmetry() async throws {
        let (left, right) = InMemoryCarrier.pair()
        for (asking, answering) in [(left, right), (right, left)] {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await answering.serve { exchange in
                        try? await exchange.respond(.init(status: .noContent))
                        try? await exchange.finish()
                    }
                }
                let status = try await asking.withExchange(
                    .init(method: .get, scheme: "https", authority: "a", path: "/"), trafficClass: .control
                ) { exchange in
                    try await exchange.finish()
                    return try await exchange.response().status
                }
                #expect(status == .noContent)
                group.cancelAll()
            }
        }
    }
}
