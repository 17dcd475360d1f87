import Foundation
import NetworkTypes
import TestKit
import Testing
import TrustCore

/// Each way of tampering with a log, and the check that finds it.
@Suite("A log that was tampered with")
struct AuditTamperingTests {
    private typealias Finding = AuditVerification.Finding
    private let fixtures: TrustFixtures
    private let entries: [AuditEntry]
    private let checkpoints: [AuditCheckpoint]

    init() throws {
        fixtures = try TrustFixtures()
        (entries, checkpoints) = try Self.log(fixtures, events: (1...12).map { Self.event("action \($0)") })
    }

    private static func event(_ action: String) -> AuditEvent {
        AuditEvent(.decision, .permitted, client: "laptop", device: "uuid:1", action: action)
    }

    private static func log(
        _ fixtures: TrustFixtures, events: [AuditEvent]
    ) throws -> ([AuditEntry], [AuditCheckpoint]) {
        var book = AuditBook()
        for event in events {
            _ = try book.append([event], now: TrustFixtures.now, authority: fixtures.gateway.authority)
        }
        return (book.entries, book.checkpoints)
    }

    private func findings(
        _ entries: [AuditEntry], _ checkpoints: [AuditCheckpoint], stub: AuditStub? = nil,
        against: AuditCheckpoint? = nil
    ) -> [Finding] {
        var check = AuditVerification(
            authority: fixtures.gateway.authority.certificate, stub: stub, checkpoints: checkpoints, against: against)
        for entry in entries { check.take(entry) }
        return check.finish()
    }

    @Test func `the log as it was written is intact, also against each of its heads`() {
        #expect(findings(entries, checkpoints).isEmpty)
        for held in checkpoints { #expect(findings(entries, checkpoints, against: held).isEmpty) }
    }

    @Test func `every single field of an entry is covered`() {
        let changes: [(inout AuditEvent) -> Void] = [
            { $0.kind = .login }, { $0.outcome = .denied }, { $0.client = "tablet" }, { $0.client = nil },
            { $0.subject = "" }, { $0.via = "x" }, { $0.device = "uuid:2" }, { $0.service = "s" },
            { $0.action = "other" }, { $0.rule = "r" }, { $0.detail = "d" }, { $0.count = 2 },
        ]
        for change in changes {
            var edited = entries
            var event = edited[4].event
            change(&event)
            edited[4] = AuditEntry(
                sequence: 5, milliseconds: edited[4].milliseconds, event: event, head: edited[4].head)
            #expect(findings(edited, checkpoints) == [.altered(5)])
        }
        var moved = entries
        moved[4] = AuditEntry(sequence: 5, milliseconds: 1, event: entries[4].event, head: entries[4].head)
        #expect(findings(moved, checkpoints) == [.altered(5)])
    }

    @Test func `an entry that was removed is missed`() {
        var less = entries
        less.remove(at: 4)
        #expect(findings(less, checkpoints).contains(.outOfOrder(expected: 5, found: 6)))
    }

    @Test func `entries that changed places are noticed`() {
        var swapped = entries
        swapped.swapAt(4, 5)
        #expect(findings(swapped, checkpoints).contains(.outOfOrder(expected: 5, found: 6)))
    }

    @Test func `a tail that was cut off is missed`() {
        #expect(findings(Array(entries.prefix(10)), checkpoints).contains(.cutShort(last: 10, checkpoint: 12)))
    }

    @Test func `a tail and its checkpoints that were cut off are missed by whoever holds a head`() {
        let cut = checkpoints.filter { $0.sequence <= 10 }
        #expect(findings(Array(entries.prefix(10)), cut).isEmpty)
        #expect(
            findings(Array(entries.prefix(10)), cut, against: checkpoints.last)
                == [.cutShort(last: 10, checkpoint: 12)])
    }

    @Test func `entries that were added without the key are not covered`() {
        let more =
            entries + [AuditEntry(Self.event("more"), sequence: 13, at: TrustFixtures.now, after: entries[11].head)]
        #expect(findings(more, checkpoints) == [.notCovered(13)])
    }

    @Test func `a chain written anew without the key contradicts the checkpoints`() throws {
        var head = AuditHead.start
        let anew = (1...12).map { number in
            let entry = AuditEntry(Self.event("lie"), sequence: UInt64(number), at: TrustFixtures.now, after: head)
            head = entry.head
            return entry
        }
        #expect(findings(anew, checkpoints).contains(.otherHead(12)))
    }

    @Test func `a chain written anew with the key is noticed by whoever holds a head, and by nobody else`() throws {
        let (anew, signed) = try Self.log(fixtures, events: (1...20).map { Self.event("lie \($0)") })
        #expect(findings(anew, signed).isEmpty)
        #expect(findings(anew, signed, against: checkpoints.last) == [.otherHead(12)])
    }

    @Test func `checkpoints that were swapped or changed lose their signature`() {
        for (index, checkpoint) in checkpoints.enumerated() {
            let other = checkpoints[(index + 1) % checkpoints.count]
            var swapped = checkpoints
            swapped[index] = AuditCheckpoint(
                gateway: checkpoint.gateway, sequence: checkpoint.sequence, head: other.head,
                milliseconds: checkpoint.milliseconds, signature: other.signature)
            #expect(findings(entries, swapped).contains(.checkpointNotSigned(checkpoint.sequence)))
        }
    }

    @Test func `another gateway's checkpoint and stub are not taken`() throws {
        let other = try TrustFixtures(seed: 7)
        let (_, foreign) = try Self.log(other, events: (1...12).map { Self.event("action \($0)") })
        #expect(findings(entries, checkpoints, against: foreign.last) == [.otherGateway])
        #expect(findings(entries, foreign).contains(.checkpointNotSigned(12)))
        let stub = try AuditStub(through: entries[3], now: TrustFixtures.now, authority: other.gateway.authority)
        #expect(findings(Array(entries.dropFirst(4)), checkpoints, stub: stub) == [.stubNotSigned])
    }

    @Test func `a stub stands for what was removed, and for no more`() throws {
        let authority = fixtures.gateway.authority
        let stub = try AuditStub(through: entries[3], now: TrustFixtures.now, authority: authority)
        #expect(findings(Array(entries.dropFirst(4)), checkpoints, stub: stub).isEmpty)
        #expect(
            findings(Array(entries.dropFirst(5)), checkpoints, stub: stub)
                .contains(.outOfOrder(expected: 5, found: 6)))
        #expect(
            findings(Array(entries.dropFirst(4)), checkpoints, stub: stub, against: checkpoints[1])
                == [.pruned(2)])
    }

    @Test func `a head survives being written down and read`() throws {
        let checkpoint = try #require(checkpoints.last)
        #expect(AuditCheckpoint(checkpoint.description) == checkpoint)
        #expect(AuditCheckpoint(checkpoint.description + "A") == nil)
        #expect(AuditCheckpoint("latchkey-audit:x:1:2:3:4") == nil)
    }
}
