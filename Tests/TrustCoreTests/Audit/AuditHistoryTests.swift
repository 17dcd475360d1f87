import Foundation
import NetworkTypes
import TestKit
import Testing
import TrustCore

/// Random histories with pruning: what was written verifies, and what a client holds is extended by it.
@Suite("Random histories of a log")
struct AuditHistoryTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `a history verifies at every moment, and against every head that is not yet removed`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fixtures = try TrustFixtures(seed: seed)
        let authority = fixtures.gateway.authority
        var book = AuditBook(limits: AuditLimits(entries: Int.random(in: 16...64, using: &random), bytes: 8_000))
        var held: [AuditCheckpoint] = []
        var digests: [AuditDigest] = []
        var now = TrustFixtures.now
        for _ in 0..<80 {
            let events = (0..<Int.random(in: 1...5, using: &random)).map { _ in Self.event(using: &random) }
            now += Double.random(in: -5...60, using: &random)
            let before = digests.count
            let checkpoint = try #require(try book.append(events, now: now, authority: authority))
            digests += book.entries.filter { $0.sequence > UInt64(before) }.map(\.digest)
            #expect(digests.count == Int(checkpoint.sequence), "seed \(seed)")
            held.append(checkpoint)
            let against = held.randomElement(using: &random)
            var check = AuditVerification(
                authority: authority.certificate, stub: book.stub, checkpoints: book.checkpoints, against: against)
            for entry in book.entries { check.take(entry) }
            let findings = check.finish()
            let isRemoved = try #require(against).sequence < book.stub?.through ?? 0
            #expect(findings == (isRemoved ? [.pruned(against?.sequence ?? 0)] : []), "seed \(seed)")
        }
        let newest = try #require(held.last)
        for old in held {
            var proof = AuditExtension(from: old, to: newest)
            let rest = Array(digests.dropFirst(Int(old.sequence)))
            #expect(proof.take(rest) == .extends, "seed \(seed)")
            guard !rest.isEmpty else { continue }
            var lie = rest
            lie.swapAt(0, lie.count - 1)
            guard lie != rest else { continue }
            var other = AuditExtension(from: old, to: newest)
            #expect(other.take(lie) == .contradicts, "seed \(seed)")
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `any single change of any kept entry is found`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fixtures = try TrustFixtures(seed: seed)
        let authority = fixtures.gateway.authority
        var book = AuditBook(limits: AuditLimits(entries: 32, bytes: 1 << 20))
        for _ in 0..<40 {
            _ = try book.append([Self.event(using: &random)], now: TrustFixtures.now, authority: authority)
        }
        var entries = book.entries
        let index = Int.random(in: entries.indices, using: &random)
        switch Int.random(in: 0...3, using: &random) {
        case 0: entries.remove(at: index)
        case 1: entries.swapAt(index, index == 0 ? 1 : index - 1)
        case 2: entries.insert(entries[index], at: index)
        default:
            let entry = entries[index]
            var event = entry.event
            event.detail = (event.detail ?? "") + "!"
            entries[index] = AuditEntry(
                sequence: entry.sequence, milliseconds: entry.milliseconds, event: event, head: entry.head)
        }
        var check = AuditVerification(
            authority: authority.certificate, stub: book.stub, checkpoints: book.checkpoints)
        for entry in entries { check.take(entry) }
        #expect(!check.finish().isEmpty, "seed \(seed)")
    }

    private static func event(using random: inout SeededGenerator) -> AuditEvent {
        func text() -> String? {
            Bool.random(using: &random) ? nil : String(repeating: "x", count: Int.random(in: 0...300, using: &random))
        }
        return AuditEvent(
            AuditEvent.Kind.allCases.randomElement(using: &random) ?? .decision,
            AuditEvent.Outcome.allCases.randomElement(using: &random) ?? .done,
            subject: text(), client: text(), via: text(), device: text(), service: text(), action: text(),
            rule: text(), detail: text(), count: UInt32.random(in: 1...9, using: &random))
    }
}
