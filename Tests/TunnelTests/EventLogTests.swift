import NetworkTypes
import Testing
import Tunnel

@Suite("The event log")
struct EventLogTests {
    private func log(entries: Int = 4_096, bytes: Int = 4 << 20) -> EventLog<Int> {
        var limits = EventLog<Int>.Limits()
        limits.entries = entries
        limits.bytes = bytes
        return EventLog(limits: limits)
    }

    @Test("a reader goes on where it was")
    func reading() {
        var log = log()
        for number in 0..<10 { log.append(number, size: 10) }
        guard case .entries(let first, let cursor) = log.read(after: 0, maximum: 4),
            case .entries(let rest, let end) = log.read(after: cursor)
        else {
            Issue.record("lost")
            return
        }
        #expect(first == [0, 1, 2, 3])
        #expect(rest == [4, 5, 6, 7, 8, 9])
        #expect(end == log.cursor)
        guard case .entries(let none, let still) = log.read(after: end) else { return }
        #expect(none.isEmpty)
        #expect(still == end)
    }

    @Test("a reader that fell behind is told so, and where to start again")
    func lost() {
        var log = log(entries: 3)
        for number in 0..<5 { log.append(number, size: 1) }
        guard case .lost(let current) = log.read(after: 1) else {
            Issue.record("an entry was skipped in silence")
            return
        }
        #expect(current == 5)
        guard case .entries(let kept, _) = log.read(after: 2) else { return }
        #expect(kept == [2, 3, 4])
    }

    @Test("a cursor from another log is lost and not believed")
    func future() {
        guard case .lost(0) = log().read(after: 7) else {
            Issue.record("a cursor beyond the end was believed")
            return
        }
    }

    @Test("bytes bound it too, and an entry beyond the bound is lost rather than kept")
    func bytes() {
        var log = log(bytes: 100)
        for number in 0..<20 { log.append(number, size: 30) }
        #expect(log.count == 3)
        #expect(log.bytes == 90)
        log.append(99, size: 1_000)
        #expect(log.count == 0)
        guard case .lost = log.read(after: 20) else {
            Issue.record("the large entry vanished in silence")
            return
        }
    }

    @Test("what is confirmed is forgotten")
    func discarding() {
        var log = log()
        for number in 0..<10 { log.append(number, size: 10) }
        log.discard(through: 7)
        #expect(log.bytes == 30)
        guard case .lost = log.read(after: 6), case .entries([7, 8, 9], _) = log.read(after: 7) else {
            Issue.record("another part was forgotten")
            return
        }
        log.discard(through: 1_000)
        #expect(log.cursor == 10)
    }

    @Test("against a list that forgets nothing, every read is exact or lost", arguments: 0..<20 as Range<UInt64>)
    func model(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var log = log(entries: Int.random(in: 1...20, using: &random), bytes: 200)
        var all: [Int] = []
        for step in 0..<500 {
            log.append(step, size: Int.random(in: 0...40, using: &random))
            all.append(step)
            let cursor = UInt64.random(in: 0...UInt64(all.count), using: &random)
            if case .entries(let entries, let next) = log.read(after: cursor) {
                #expect(entries == Array(all[Int(cursor)...]), "seed \(seed), step \(step)")
                #expect(next == UInt64(all.count), "seed \(seed), step \(step)")
            } else {
                #expect(cursor < UInt64(all.count - log.count), "seed \(seed), step \(step)")
            }
            #expect(log.bytes <= 200)
        }
    }
}
