import NetworkTypes
import Testing
import Tunnel

@Suite("The request ledger")
struct RequestLedgerTests {
    typealias Ledger = RequestLedger<String, Int>
    private let start = ContinuousClock.now

    private func text(_ decision: Ledger.Decision) -> String {
        switch decision {
        case .run: "run"
        case .wait: "wait"
        case .answered(let answer): "answered \(answer)"
        case .unknown: "unknown"
        case .refused: "refused"
        }
    }

    @Test("a request runs once; a repetition waits while it runs and then gets the same answer")
    func once() {
        var ledger = Ledger()
        #expect(text(ledger.begin("a", waiter: 1, now: start)) == "run")
        #expect(text(ledger.begin("a", waiter: 2, now: start)) == "wait")
        #expect(text(ledger.begin("a", waiter: 3, now: start)) == "wait")
        ledger.cancel(2, of: "a")
        #expect(ledger.finish("a", answer: "42", size: 2, now: start) == [3])
        #expect(text(ledger.begin("a", waiter: 4, now: start)) == "answered 42")
        #expect(ledger.finish("a", answer: "43", size: 2, now: start).isEmpty)
        #expect(text(ledger.begin("a", waiter: 4, now: start)) == "answered 42")
    }

    @Test("a request whose outcome nobody knows never runs again")
    func unknown() {
        var ledger = Ledger()
        _ = ledger.begin("a", waiter: 1, now: start)
        _ = ledger.finish("a", answer: nil, size: 0, now: start)
        #expect(text(ledger.begin("a", waiter: 2, now: start)) == "unknown")
    }

    @Test("a request that certainly did not run may be tried again")
    func abandoned() {
        var ledger = Ledger()
        _ = ledger.begin("a", waiter: 1, now: start)
        _ = ledger.begin("a", waiter: 2, now: start)
        #expect(ledger.abandon("a") == [2])
        #expect(text(ledger.begin("a", waiter: 3, now: start)) == "run")
    }

    @Test("answers over the bound are dropped, and their requests still do not run again")
    func bytes() {
        var limits = Ledger.Limits()
        limits.bytes = 100
        var ledger = Ledger(limits: limits)
        for number in 0..<10 {
            _ = ledger.begin("\(number)", waiter: 0, now: start)
            _ = ledger.finish("\(number)", answer: "x", size: 40, now: start)
        }
        #expect(ledger.bytes == 80)
        #expect(text(ledger.begin("0", waiter: 1, now: start)) == "unknown")
        #expect(text(ledger.begin("9", waiter: 1, now: start)) == "answered x")
    }

    @Test("more requests than can be remembered are refused, and not run")
    func full() {
        var limits = Ledger.Limits()
        limits.requests = 3
        limits.waitersPerRequest = 1
        var ledger = Ledger(limits: limits)
        for number in 0..<3 { _ = ledger.begin("\(number)", waiter: 0, now: start) }
        #expect(text(ledger.begin("3", waiter: 0, now: start)) == "refused")
        #expect(text(ledger.begin("0", waiter: 1, now: start)) == "wait")
        #expect(text(ledger.begin("0", waiter: 2, now: start)) == "refused")
        var fresh = Ledger()
        #expect(text(fresh.begin(String(repeating: "a", count: 129), waiter: 0, now: start)) == "refused")
    }

    @Test("age frees what is finished and never what is running")
    func age() {
        var ledger = Ledger()
        _ = ledger.begin("done", waiter: 0, now: start)
        _ = ledger.finish("done", answer: "x", size: 5, now: start)
        _ = ledger.begin("running", waiter: 0, now: start)
        ledger.expire(now: start + .seconds(599))
        #expect(ledger.count == 2)
        ledger.expire(now: start + .seconds(600))
        #expect(ledger.count == 1)
        #expect(ledger.bytes == 0)
        #expect(text(ledger.begin("running", waiter: 1, now: start + .seconds(9_999))) == "wait")
    }

    @Test("in any order of events no request runs twice", arguments: 0..<20 as Range<UInt64>)
    func atMostOnce(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var limits = Ledger.Limits()
        limits.requests = 20
        limits.bytes = 200
        var ledger = Ledger(limits: limits)
        var runs: [String: Int] = [:]
        var running: [String] = []
        for step in 0..<2_000 {
            let now = start + .milliseconds(step)
            if Bool.random(using: &random), let index = running.indices.randomElement(using: &random) {
                let id = running.remove(at: index)
                let answer: String? = Bool.random(using: &random) ? "x" : nil
                _ = ledger.finish(id, answer: answer, size: Int.random(in: 0...50, using: &random), now: now)
            } else {
                let id = "\(Int.random(in: 0..<30, using: &random))"
                if case .run = ledger.begin(id, waiter: step, now: now) {
                    runs[id, default: 0] += 1
                    running.append(id)
                }
            }
        }
        #expect(runs.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        #expect(ledger.count <= 20)
        #expect(ledger.bytes <= 200)
    }
}
