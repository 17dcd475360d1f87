import TestKit
import Testing
import Tunnel

@Suite("A race of ways to one gateway", .timeLimit(.minutes(1)))
struct CarrierRaceTests {
    /// A sleep that nobody's clock ends.
    private static let never: @Sendable (Duration) async throws -> Void = { _ in
        _ = await Latch<Void>().wait()
        try Task.checkCancellation()
    }

    private func behindTheOneBefore(_ index: Int) -> CarrierRace.HeadStart {
        .init(of: max(index - 1, 0)..<index, atMost: .seconds(3))
    }

    @Test("The first begins at once, and the next when it has failed, without waiting for its head start to be over")
    func failure() async throws {
        let (kept, other) = InMemoryCarrier.pair()
        let begun = Shared<[Int]>([])
        let winner = try await CarrierRace(sleep: Self.never).first(of: 3, headStart: behindTheOneBefore) { index in
            begun.update { $0.append(index) }
            guard index == 1 else { throw TunnelError(.unreachable, "nobody there") }
            return kept
        }
        #expect(winner === kept)
        // The third waits for the second, which did not fail.
        #expect(begun.value == [0, 1])
        other.close(.closed)
    }

    @Test("A way that is slow has its head start and no more, and what it brings later is closed")
    func slowness() async throws {
        let (slow, slowOther) = InMemoryCarrier.pair()
        let (quick, quickOther) = InMemoryCarrier.pair()
        let waits = Shared<[Duration]>([])
        let race = CarrierRace { duration in waits.update { $0.append(duration) } }
        let winner = try await race.first(of: 2, headStart: behindTheOneBefore) { index in
            guard index == 0 else { return quick }
            // Stands all the same when the race is over.
            _ = await Latch<Void>().wait()
            return slow
        }
        #expect(winner === quick)
        #expect(waits.value == [.seconds(3)])
        #expect(await slowOther.ended() == .closed)
        #expect(await slow.ended() == .closed)
        quickOther.close(.closed)
    }

    @Test("When all have failed, the gateway's own refusal is told")
    func refusal() async throws {
        await #expect(throws: TunnelError(.refused, "You are not paired.")) {
            _ = try await CarrierRace(sleep: Self.never).first(of: 3, headStart: behindTheOneBefore) {
                index -> InMemoryCarrier in
                throw index == 1
                    ? TunnelError(.refused, "You are not paired.") : TunnelError(.unreachable, "nobody there")
            }
        }
    }

    @Test("A race that is given up ends with everybody in it")
    func cancellation() async throws {
        let begun = Latch<Void>()
        // Unstructured, because the test is about cancelling it; it ends here.
        let race = Task {
            try await CarrierRace(sleep: Self.never).first(of: 2, headStart: behindTheOneBefore) {
                _ -> InMemoryCarrier in
                begun.set(())
                _ = await Latch<Void>().wait()
                try Task.checkCancellation()
                throw TunnelError(.unreachable, "not cancelled")
            }
        }
        _ = await begun.wait()
        race.cancel()
        let result = await race.result
        guard case .failure(let error) = result else { return #expect(Bool(false), "a carrier came of it") }
        #expect(error is CancellationError)
    }
}
