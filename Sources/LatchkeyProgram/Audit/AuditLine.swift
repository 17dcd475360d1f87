import Foundation
import TrustCore

/// A line of `latchkey audit export` and of `search --json`: enough to check the chain without this program.
struct AuditLine: Encodable {
    var type: String
    var sequence: UInt64
    /// In milliseconds since 1970, as it is hashed; `time` says the same to people.
    var milliseconds: Int64
    var time: Date
    var head: String
    var what: String?
    var outcome: String?
    var subject: String?
    var client: String?
    var via: String?
    var device: String?
    var service: String?
    var action: String?
    var rule: String?
    var detail: String?
    var count: UInt32?
    var gateway: String?
    var prunedMilliseconds: Int64?
    var signature: String?

    init(_ entry: AuditEntry) {
        self.init(type: "entry", sequence: entry.sequence, milliseconds: entry.milliseconds, head: entry.head)
        let event = entry.event
        what = event.kind.rawValue
        outcome = event.outcome.rawValue
        subject = event.subject
        client = event.client
        via = event.via
        device = event.device
        service = event.service
        action = event.action
        rule = event.rule
        detail = event.detail
        count = event.count
    }

    init(_ checkpoint: AuditCheckpoint) {
        self.init(
            type: "checkpoint", sequence: checkpoint.sequence, milliseconds: checkpoint.milliseconds,
            head: checkpoint.head)
        gateway = checkpoint.gateway.rawValue
        signature = Hexadecimal.encode(checkpoint.signature)
    }

    /// Everything from 1 to `sequence` was removed; `milliseconds` is the last removed entry's.
    init(_ stub: AuditStub) {
        self.init(type: "stub", sequence: stub.through, milliseconds: stub.lastEntryMilliseconds, head: stub.head)
        prunedMilliseconds = stub.prunedMilliseconds
        gateway = stub.gateway.rawValue
        signature = Hexadecimal.encode(stub.signature)
    }

    private init(type: String, sequence: UInt64, milliseconds: Int64, head: AuditHead) {
        self.type = type
        self.sequence = sequence
        self.milliseconds = milliseconds
        self.time = Date(timeIntervalSince1970: Double(milliseconds) / 1000)
        self.head = head.description
    }
}
