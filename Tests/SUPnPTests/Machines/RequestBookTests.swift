import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("The forwarder's requests")
struct RequestBookTests {
    private let start = VirtualClock().start

    private func book(_ limits: ForwarderLimits = ForwarderLimits(), seed: UInt64 = 1) -> RequestBook {
        var random = SeededGenerator(seed: seed)
        return RequestBook(controller: 7, limits: limits, using: &random)
    }

    private func number(_ opening: RequestBook.Opening) throws -> UInt64 {
        guard case .opened(let number) = opening else {
            Issue.record("not opened: \(opening)")
            throw CancellationError()
        }
        return number
    }

    private func key(_ id: UInt64, client: UInt32 = 0x1_0001) -> RequestKey { RequestKey(client: client, id: id) }

    @Test("delivers each server's answers under one alias and completes with their count when the window is over")
    func walk() throws {
        var book = book()
        let request = try number(book.open(key(1), window: 500, maximumAnswers: 0, now: start))
        #expect(request >> 48 == 7)
        #expect(book.answered(request, by: 10, sequence: 0) == .deliver(key(1), alias: 1, completion: nil))
        #expect(book.answered(request, by: 11, sequence: 0) == .deliver(key(1), alias: 2, completion: nil))
        #expect(book.answered(request, by: 10, sequence: 1) == .deliver(key(1), alias: 1, completion: nil))
        #expect(book.nextDue(now: start + .milliseconds(499)) == nil)
        let over = RequestCompletion(answers: 3, reason: .windowOver)
        #expect(book.nextDue(now: start + .milliseconds(500)) == .completed(request, key(1), over))
        #expect(book.nextDue(now: start + .milliseconds(500)) == nil)
        #expect(book.answered(request, by: 12, sequence: 0) == .ignored)
    }

    @Test("delivers an answer once, however often it comes")
    func duplicateAnswer() throws {
        var book = book()
        let request = try number(book.open(key(1), window: 0, maximumAnswers: 0, now: start))
        #expect(book.answered(request, by: 10, sequence: 5) != .ignored)
        #expect(book.answered(request, by: 10, sequence: 5) == .ignored)
        #expect(book.answered(request &+ 1, by: 10, sequence: 5) == .ignored)
    }

    @Test("completes at once when the client has as many answers as it wanted")
    func enough() throws {
        var book = book()
        let request = try number(book.open(key(1), window: 0, maximumAnswers: 1, now: start))
        let enough = RequestCompletion(answers: 1, reason: .enoughAnswers)
        #expect(book.answered(request, by: 10, sequence: 0) == .deliver(key(1), alias: 1, completion: enough))
        #expect(book.openCount == 0)
        #expect(book.nextDue(now: start + .seconds(3)) == nil)
    }

    @Test("repeats a broadcast once after 100 ms, and only if nobody has answered")
    func repeats() throws {
        var book = book()
        let silent = try number(book.open(key(1), window: 0, maximumAnswers: 0, now: start))
        let answered = try number(book.open(key(2), window: 0, maximumAnswers: 0, now: start))
        _ = book.answered(answered, by: 10, sequence: 0)
        #expect(book.nextDue(now: start + .milliseconds(99)) == nil)
        #expect(book.nextDue(now: start + .milliseconds(100)) == .repeatBroadcast(silent))
        #expect(book.nextDue(now: start + .milliseconds(1_999)) == nil)
    }

    @Test("knows a request for 60 s, with its end, and opens it anew afterwards")
    func remembers() throws {
        var book = book()
        let first = try number(book.open(key(1), window: 50, maximumAnswers: 0, now: start))
        #expect(book.open(key(1), window: 50, maximumAnswers: 0, now: start) == .known(first, nil))
        while book.nextDue(now: start + .seconds(59)) != nil {}
        let over = RequestCompletion(answers: 0, reason: .windowOver)
        #expect(book.open(key(1), window: 50, maximumAnswers: 0, now: start + .seconds(59)) == .known(first, over))
        #expect(book.nextDue(now: start + .seconds(60)) == nil)
        let second = try number(book.open(key(1), window: 50, maximumAnswers: 0, now: start + .seconds(60)))
        #expect(second != first)
    }

    @Test("keeps the window between 50 ms and 30 s", arguments: [(1, 50), (49, 50), (60_000, 30_000), (0, 2_000)])
    func window(asked: UInt32, granted: Int) throws {
        var limits = ForwarderLimits()
        limits.repeatAfter = .seconds(100)
        var book = book(limits)
        _ = try number(book.open(key(1), window: asked, maximumAnswers: 0, now: start))
        #expect(book.nextDue(now: start + .milliseconds(granted - 1)) == nil)
        #expect(book.nextDue(now: start + .milliseconds(granted)) != nil)
    }

    @Test("refuses a client's 65th open request and leaves the others' alone")
    func perClient() throws {
        var book = book()
        for id in 0..<64 { _ = try number(book.open(key(UInt64(id)), window: 0, maximumAnswers: 0, now: start)) }
        #expect(book.open(key(64), window: 0, maximumAnswers: 0, now: start) == .full)
        _ = try number(book.open(key(64, client: 9), window: 0, maximumAnswers: 0, now: start))
        #expect(book.openCount == 65)
        while book.nextDue(now: start + .seconds(2)) != nil {}
        _ = try number(book.open(key(64), window: 0, maximumAnswers: 0, now: start + .seconds(2)))
    }

    @Test("refuses a request when everybody together has too many, open or remembered")
    func inAll() throws {
        var limits = ForwarderLimits()
        limits.open = 2
        limits.remembered = 1
        var book = book(limits)
        func open(_ client: UInt32, at now: ContinuousClock.Instant) -> RequestBook.Opening {
            book.open(key(1, client: client), window: 50, maximumAnswers: 0, now: now)
        }
        for client in 1...2 as ClosedRange<UInt32> { _ = try number(open(client, at: start)) }
        #expect(open(3, at: start) == .full)
        while book.nextDue(now: start + .seconds(1)) != nil {}
        _ = try number(open(3, at: start + .seconds(1)))
        #expect(open(4, at: start + .seconds(1)) == .full)
    }

    @Test("leaves room for a new client, however many ask for all that they can get, open or remembered")
    func shares() throws {
        var limits = ForwarderLimits()
        limits.open = 1_024
        limits.remembered = 4_096
        var book = book(limits)
        var (now, id, known) = (start, UInt64(0), [UInt32: Int]())
        for round in 0..<40 {
            for _ in 0..<12 {
                for client in 1...100 as ClosedRange<UInt32> {
                    id += 1
                    let opening = book.open(key(id, client: client), window: 50, maximumAnswers: 0, now: now)
                    if case .opened = opening { known[client, default: 0] += 1 }
                }
            }
            let late = book.open(key(id, client: 1_000 + UInt32(round)), window: 50, maximumAnswers: 0, now: now)
            _ = try number(late)
            #expect(book.openCount < limits.open)
            now += .seconds(1)
            while book.nextDue(now: now) != nil {}
        }
        // Nobody has got much more than another.
        let (least, most) = try (#require(known.values.min()), #require(known.values.max()))
        #expect(known.count == 100 && most - least <= 2, "from \(least) to \(most)")
        // What is forgotten is given back.
        now += .seconds(60)
        while book.nextDue(now: now) != nil {}
        for id in 0..<50 {
            _ = try number(book.open(key(UInt64(id), client: 1), window: 50, maximumAnswers: 0, now: now))
        }
    }

    @Test("holds no more than a seventeenth of the places for one client alone, and gives it as much again later")
    func oneAlone() throws {
        var limits = ForwarderLimits()
        limits.open = 1_000
        limits.remembered = 700
        limits.openPerClient = 1_000
        var book = book(limits)
        var taken = 0
        for id in 0..<1_000 {
            if case .opened = book.open(key(UInt64(id)), window: 50, maximumAnswers: 0, now: start) { taken += 1 }
        }
        #expect(taken == 59)
        while book.nextDue(now: start + .seconds(1)) != nil {}
        for id in 1_000..<2_000 {
            let opening = book.open(key(UInt64(id)), window: 50, maximumAnswers: 0, now: start + .seconds(1))
            if case .opened = opening { taken += 1 }
        }
        #expect(taken == 100)
    }

    @Test("ends all requests of a client, or of everybody, with the reason")
    func ends() throws {
        var book = book()
        let mine = try number(book.open(key(1), window: 0, maximumAnswers: 0, now: start))
        let other = try number(book.open(key(1, client: 9), window: 0, maximumAnswers: 0, now: start))
        let fenced = RequestCompletion(answers: 0, reason: .fenced)
        #expect(book.endAll(of: 9, reason: .fenced) == [.completed(other, key(1, client: 9), fenced)])
        #expect(book.endAll(of: nil, reason: .fenced) == [.completed(mine, key(1), fenced)])
        #expect(book.endAll(of: nil, reason: .fenced).isEmpty)
        #expect(book.open(key(1), window: 0, maximumAnswers: 0, now: start) == .known(mine, fenced))
    }

    @Test("begins its numbers elsewhere after a restart")
    func restart() throws {
        var first = book(seed: 1)
        var second = book(seed: 2)
        let before = try number(first.open(key(1), window: 0, maximumAnswers: 0, now: start))
        let after = try number(second.open(key(1), window: 0, maximumAnswers: 0, now: start))
        #expect(before != after)
    }

    @Test("allows 100 requests at once and 50 per second in the long run")
    func rate() {
        var rate = RequestRate(perSecond: 50, burst: 100, now: start)
        #expect((0..<200).filter { _ in rate.allows(now: start) }.count == 100)
        var allowed = 0
        for millisecond in 1...2_000 where rate.allows(now: start + .milliseconds(millisecond)) { allowed += 1 }
        #expect(allowed == 100)
        #expect((0..<200).filter { _ in rate.allows(now: start + .seconds(60)) }.count == 100)
    }

    @Test("a lease is held only with a fresh renewal and a live stream, counted from when the renewal was sent")
    func lease() {
        var lease = ForwarderLease(limits: ForwarderLease.Limits())
        #expect(!lease.isHeld(now: start))
        lease.renewed(sentAt: start)
        #expect(!lease.isHeld(now: start))
        lease.progressed(at: start + .seconds(1))
        #expect(lease.isHeld(now: start + .milliseconds(2_399)))
        #expect(!lease.isHeld(now: start + .milliseconds(2_400)))
        lease.renewed(sentAt: start + .seconds(2))
        #expect(!lease.isHeld(now: start + .seconds(3)))
        lease.progressed(at: start + .seconds(3))
        #expect(lease.isHeld(now: start + .seconds(4)))
        lease.renewed(sentAt: start)
        #expect(lease.isHeld(now: start + .seconds(4)))
    }
}
