import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("The parts of the key manager")
struct KeyManagerPartsTests {
    private let start = VirtualClock().start

    @Test("a batch waits 200 ms for others, and no longer when one is urgent or there are 4,096")
    func batch() {
        var schedule = BatchSchedule(limits: KeyManagerLimits())
        #expect(schedule.firesAt == nil)
        schedule.added(isUrgent: false, now: start)
        schedule.added(isUrgent: false, now: start + .milliseconds(100))
        #expect(schedule.firesAt == start + .milliseconds(200))
        schedule.added(isUrgent: true, now: start + .milliseconds(120))
        #expect(schedule.firesAt == start)
        schedule.fired(now: start + .milliseconds(120))
        #expect(schedule.firesAt == nil)
        for _ in 0..<4_096 { schedule.added(isUrgent: false, now: start + .milliseconds(130)) }
        #expect(schedule.firesAt == start + .milliseconds(140), "20 ms after the batch before")
    }

    @Test("copies rise with more than 1 % missing, once per epoch and to 4 at most, and fall after 16 calm epochs")
    func repetition() {
        var repetition = RekeyRepetition(maximum: 4)
        repetition.epochBegan(members: 200)
        repetition.missed(by: 1)
        repetition.missed(by: 1)
        repetition.missed(by: 2)
        #expect(repetition.copies == 1)
        repetition.missed(by: 3)
        repetition.missed(by: 4)
        #expect(repetition.copies == 2)
        for _ in 0..<5 {
            repetition.epochBegan(members: 10)
            repetition.missed(by: 1)
        }
        #expect(repetition.copies == 4)
        for _ in 0..<17 { repetition.epochBegan(members: 10) }
        #expect(repetition.copies == 3)
        for _ in 0..<64 { repetition.epochBegan(members: 10) }
        #expect(repetition.copies == 1)
    }

    @Test("copies of the packets go out 15 ms apart, as many as wanted")
    func resends() {
        var resends = RekeyResends(gap: .milliseconds(15))
        resends.sent([[1]], copies: 1, now: start)
        #expect(resends.nextAt == nil)
        resends.sent([[1], [2]], copies: 3, now: start)
        #expect(resends.due(now: start + .milliseconds(14)).isEmpty)
        #expect(resends.due(now: start + .milliseconds(15)) == [[1], [2]])
        #expect(resends.due(now: start + .milliseconds(15)).isEmpty)
        #expect(resends.due(now: start + .milliseconds(30)) == [[1], [2]])
        #expect(resends.nextAt == nil)
    }

    @Test("a member gets one resync per 200 ms, all together 2,000 per second")
    func resyncRate() {
        var limits = KeyManagerLimits()
        limits.resyncsPerSecond = 10
        var gate = ResyncGate(limits: limits, now: start)
        #expect(gate.verdict(for: 1, packet: nil, now: start) == .unicast)
        #expect(gate.verdict(for: 1, packet: nil, now: start + .milliseconds(199)) == .refuse)
        #expect(gate.verdict(for: 1, packet: nil, now: start + .milliseconds(200)) == .unicast)
        let later = start + .seconds(9)
        #expect((10..<40).filter { gate.verdict(for: $0, packet: nil, now: later) == .unicast }.count == 10)
    }

    @Test("a packet that more than 5 % of its members lack is sent to all again, and not twice in 200 ms")
    func resend() {
        var gate = ResyncGate(limits: KeyManagerLimits(), now: start)
        for member in 0..<5 {
            #expect(gate.verdict(for: UInt32(member), packet: (3, 100), now: start) == .unicast)
        }
        #expect(gate.verdict(for: 5, packet: (3, 100), now: start) == .resend(packet: 3))
        for member in 6..<11 {
            #expect(gate.verdict(for: UInt32(member), packet: (3, 100), now: start) == .unicast)
        }
        #expect(gate.verdict(for: 11, packet: (3, 100), now: start) == .refuse)
        #expect(gate.verdict(for: 12, packet: (4, 100), now: start) == .unicast)
        gate.epochBegan()
        #expect(gate.verdict(for: 5, packet: (3, 100), now: start) == .unicast)
        #expect(gate.verdict(for: 1, packet: (0, 2), now: start) == .unicast, "few members are served alone")
    }

    @Test("a member that is silent for its lease expires once; one that is heard does not")
    func leases() {
        var table = LeaseTable(lease: .seconds(90))
        table.began(1, now: start)
        table.began(2, now: start)
        table.began(3, now: start)
        table.heard(2, now: start + .seconds(60))
        table.ended(3)
        #expect(table.nextExpired(now: start + .seconds(89)) == nil)
        #expect(table.nextExpired(now: start + .seconds(90)) == 1)
        #expect(table.nextExpired(now: start + .seconds(90)) == nil)
        #expect(table.nextExpired(now: start + .seconds(149)) == nil)
        #expect(table.nextExpired(now: start + .seconds(150)) == 2)
        table.heard(1, now: start + .seconds(150))
        #expect(table.nextExpired(now: start + .seconds(999)) == nil)
    }

    @Test("keys fall due in their order, those of one instant as they were added")
    func deadlines() {
        var random = SeededGenerator(seed: 3)
        var queue = DeadlineQueue<Int>()
        var expected: [(Int, Int)] = []
        for number in 0..<500 {
            let at = Int.random(in: 0..<50, using: &random)
            queue.add(number, at: start + .milliseconds(at))
            expected.append((at, number))
        }
        expected.sort { $0 < $1 }
        var taken: [Int] = []
        while let key = queue.popDue(now: start + .seconds(1)) { taken.append(key) }
        #expect(taken == expected.map(\.1))
    }

    @Test("what members want waits in a bounded place; a removal and an administrator's change always find room")
    func waitingChanges() throws {
        var limits = KeyManagerLimits()
        limits.waitingChanges = 2
        var waiting = WaitingMembership(limits: limits)
        let offers = (0..<3).map { waiting.change(.offers($0, [], correlation: 0)) }
        #expect(offers == [true, true, false])
        let again = waiting.change(.offers(1, [], correlation: 7))
        #expect(again, "it takes the place of the one before")
        let removals = (0..<3).map { waiting.change(.removal($0, .evicted)) }
        #expect(removals == [true, true, true])
        let repeated = waiting.change(.removal(0, .evicted))
        #expect(repeated)
        let taken = waiting.takeChanges()
        #expect(taken.count == 5)
        guard case .offers(1, _, let correlation) = taken[1] else {
            Issue.record("another order")
            return
        }
        #expect(correlation == 7)
    }

    @Test("a number is given to one device only, whether it becomes a member or not")
    func memberNumbers() {
        var waiting = WaitingMembership(limits: KeyManagerLimits())
        let state = GroupState()
        let numbers = (0..<3).map { _ in waiting.allocateMember(after: state) }
        #expect(numbers == [0x1_0000, 0x1_0001, 0x1_0002])
    }
}
