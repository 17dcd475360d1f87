import NetworkTypes
import Testing
import Tunnel

@Suite("Back-off")
struct ReconnectBackoffTests {
    @Test("stays between floor and ceiling and grows", arguments: 0..<50 as Range<UInt64>)
    func bounds(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var backoff = ReconnectBackoff()
        for attempt in 0..<200 {
            let delay = backoff.nextDelay(using: &random)
            let full = min(.seconds(10), .milliseconds(200) * (1 << min(attempt, 20)))
            #expect(delay >= max(.milliseconds(200), full / 2), "seed \(seed), attempt \(attempt)")
            #expect(delay <= full, "seed \(seed), attempt \(attempt)")
        }
        #expect(backoff.failures == 200)
    }

    @Test("starts again after a success")
    func reset() {
        var random = SeededGenerator(seed: 1)
        var backoff = ReconnectBackoff()
        for _ in 0..<10 { _ = backoff.nextDelay(using: &random) }
        backoff.succeeded()
        #expect(backoff.nextDelay(using: &random) == .milliseconds(200))
    }

    @Test("does not bring all clients back at the same time")
    func jitter() {
        let delays = (0..<100 as Range<UInt64>).map { seed in
            var random = SeededGenerator(seed: seed)
            var backoff = ReconnectBackoff()
            for _ in 0..<6 { _ = backoff.nextDelay(using: &random) }
            return backoff.nextDelay(using: &random)
        }
        #expect(Set(delays).count > 90)
    }
}
