import Foundation
import TestKit
import Testing
import TrustCore

@Suite("Like decisions in the log")
struct AuditCoalescerTests {
    private let now = TrustFixtures.now
    private let browse = AuditEvent(.decision, .permitted, client: "laptop", action: "Browse")

    @Test func `the first is told at once, the others as a number when their time is over`() {
        var coalescer = AuditCoalescer()
        #expect(coalescer.take(browse, pace: .reads, now: now) == [browse])
        for second in 1...30 {
            #expect(coalescer.take(browse, pace: .reads, now: now + Double(second)).isEmpty)
        }
        #expect(coalescer.due(now: now + 59).isEmpty)
        var summary = browse
        summary.count = 30
        #expect(coalescer.due(now: now + 60) == [summary])
        #expect(coalescer.due(now: now + 120).isEmpty)
    }

    @Test func `one that comes after the time tells the number first`() {
        var coalescer = AuditCoalescer()
        _ = coalescer.take(browse, pace: .refusals, now: now)
        _ = coalescer.take(browse, pace: .refusals, now: now + 1)
        #expect(coalescer.take(browse, pace: .refusals, now: now + 10) == [browse, browse])
    }

    @Test func `another client, device, action or outcome is another thing`() {
        var coalescer = AuditCoalescer()
        var other = browse
        other.client = "tablet"
        var denied = browse
        denied.outcome = .denied
        for event in [browse, other, denied] {
            #expect(coalescer.take(event, pace: .reads, now: now) == [event])
        }
    }

    @Test func `what changes something is told each time`() {
        var coalescer = AuditCoalescer()
        for _ in 0..<3 { #expect(coalescer.take(browse, pace: .each, now: now) == [browse]) }
        #expect(coalescer.due(now: nil).isEmpty)
    }

    @Test func `what is held is bounded, and beyond the bound nothing is lost`() {
        var coalescer = AuditCoalescer()
        var told = 0
        for number in 0..<(AuditCoalescer.limit + 100) {
            var event = browse
            event.device = "uuid:\(number)"
            for _ in 0..<2 { told += coalescer.take(event, pace: .reads, now: now).count }
        }
        let rest = coalescer.due(now: nil).reduce(0) { $0 + Int($1.count) }
        #expect(told + rest == 2 * (AuditCoalescer.limit + 100))
    }
}
