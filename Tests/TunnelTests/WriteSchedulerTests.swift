import Testing
import Tunnel

@Suite("The write scheduler")
struct WriteSchedulerTests {
    private let start = ContinuousClock.now

    /// Whose turns come, until nobody wants to write.
    private func turns(_ scheduler: inout WriteScheduler<String>) -> [String] {
        var turns: [String] = []
        while case .write(let id, _) = scheduler.next(now: start) { turns.append(id) }
        return turns
    }

    @Test("control writes before events, and events before media")
    func precedence() {
        var scheduler = WriteScheduler<String>()
        scheduler.ready("m", .media)
        scheduler.ready("e", .event)
        scheduler.ready("c", .control)
        #expect(turns(&scheduler) == ["c", "e", "m"])
        #expect(scheduler.isIdle)
    }

    @Test("control that comes while media writes has the next turn")
    func interruption() {
        var scheduler = WriteScheduler<String>()
        scheduler.ready("m", .media)
        _ = scheduler.next(now: start)
        scheduler.ready("m", .media)
        scheduler.ready("c", .control)
        #expect(turns(&scheduler) == ["c", "m"])
    }

    @Test("exchanges of one class take turns")
    func fairness() {
        var scheduler = WriteScheduler<String>()
        for id in ["a", "b", "c"] { scheduler.ready(id, .media) }
        var order: [String] = []
        for _ in 0..<9 {
            guard case .write(let id, _) = scheduler.next(now: start) else { break }
            order.append(id)
            scheduler.ready(id, .media)
        }
        #expect(order == ["a", "b", "c", "a", "b", "c", "a", "b", "c"])
    }

    @Test("who waits already does not wait twice, and who leaves has no turn")
    func membership() {
        var scheduler = WriteScheduler<String>()
        scheduler.ready("a", .media)
        scheduler.ready("a", .media)
        scheduler.ready("b", .media)
        scheduler.remove("b")
        scheduler.remove("unknown")
        #expect(turns(&scheduler) == ["a"])
    }

    @Test("media keeps its pace, and control does not wait for it")
    func pace() {
        var scheduler = WriteScheduler<String>()
        scheduler.setPace(bytesPerSecond: 1_000_000, now: start)
        var now = start
        var written = 0
        while now < start + .seconds(10) {
            scheduler.ready("m", .media)
            switch scheduler.next(now: now) {
            case .write(_, let bytes):
                scheduler.wrote(bytes, .media, now: now)
                written += bytes
            case .wait(let until):
                #expect(until > now)
                scheduler.ready("c", .control)
                #expect(scheduler.next(now: now) == .write("c", bytes: 64 << 10))
                now = until
            case .idle: Issue.record("media was forgotten")
            }
        }
        #expect((10_000_000...10_400_000).contains(written))
        scheduler.setPace(bytesPerSecond: nil, now: now)
        #expect(turns(&scheduler) == ["m"])
    }
}
