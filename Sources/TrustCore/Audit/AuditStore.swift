package import FoundationEssentials

/// What is looked for in a log. An empty query finds everything.
package struct AuditQuery: Hashable, Sendable {
    /// A subject's name or id.
    package var client: String?
    /// A device's UDN.
    package var device: String?
    /// The first and the last instant.
    package var since: Date?
    package var until: Date?
    /// How it went.
    package var outcome: AuditEvent.Outcome?
    /// The operation or action.
    package var action: String?
    /// Only entries after this one.
    package var after: UInt64 = 0
    /// At most so many.
    package var limit = 1000
    /// Whether the newest are meant when there are more; they come by age all the same.
    package var newest = false

    /// Finds everything.
    package init() {}

    /// Whether an entry is meant.
    package func matches(_ entry: AuditEntry) -> Bool {
        let event = entry.event
        if let client, event.client != client, event.subject != client { return false }
        if let device, event.device != device { return false }
        if let since, entry.milliseconds < since.auditMilliseconds { return false }
        if let until, entry.milliseconds > until.auditMilliseconds { return false }
        if let outcome, event.outcome != outcome { return false }
        if let action, event.action != action { return false }
        return entry.sequence > after
    }
}

/// A gateway's log of what mattered. An append that returned is on durable storage, and ends with a checkpoint.
///
/// Changes of the ledger and of the identity write their entries in their own transaction (`GatewayStore`), so that
/// neither can be without the other. Before the first `establish` there is no key to sign with, and nothing is
/// written.
package protocol AuditStore: Sendable {
    /// Appends events in order, signs the new head and removes what is beyond the limits. Answers the newest
    /// checkpoint, nil before the gateway has an identity.
    @discardableResult
    func audit(_ events: [AuditEvent], now: Date) async throws -> AuditCheckpoint?
    /// The newest checkpoints that are kept, oldest first.
    func auditCheckpoints() async throws -> [AuditCheckpoint]
    /// What is left of removed entries.
    func auditStub() async throws -> AuditStub?
    /// The entries that a query means, by age.
    func auditEntries(_ query: AuditQuery) async throws -> [AuditEntry]
}

/// A log as a value: what every store does with it. SQLite has the entries in a table instead.
package struct AuditBook: Sendable {
    /// The entries that are kept.
    package private(set) var entries: [AuditEntry] = []
    /// The newest checkpoints.
    package private(set) var checkpoints: [AuditCheckpoint] = []
    /// What is left of the removed ones.
    package private(set) var stub: AuditStub?
    private let limits: AuditLimits

    /// An empty log.
    package init(limits: AuditLimits = .init()) { self.limits = limits }

    /// Appends, signs and removes.
    package mutating func append(
        _ events: [AuditEvent], now: Date, authority: CertificateAuthority
    ) throws(TrustError) -> AuditCheckpoint? {
        guard !events.isEmpty else { return checkpoints.last }
        var events = events
        var bytes = entries.reduce(0) { $0 + $1.encoding.count }
        var cut = 0
        if limits.areExceeded(entries: entries.count + events.count, bytes: bytes) {
            while cut < entries.count, limits.needsCut(entries: entries.count - cut + events.count, bytes: bytes) {
                bytes -= entries[cut].encoding.count
                cut += 1
            }
        }
        var sequence = entries.last?.sequence ?? stub?.through ?? 0
        var head = entries.last?.head ?? stub?.head ?? .start
        if cut > 0 {
            stub = try AuditStub(through: entries[cut - 1], now: now, authority: authority)
            entries.removeFirst(cut)
            events.insert(AuditEvent(.pruned, count: UInt32(clamping: cut)), at: 0)
        }
        for event in events {
            let entry = AuditEntry(event, sequence: sequence + 1, at: now, after: head)
            (sequence, head) = (entry.sequence, entry.head)
            entries.append(entry)
        }
        let checkpoint = try AuditCheckpoint(sequence: sequence, head: head, now: now, authority: authority)
        checkpoints = (checkpoints + [checkpoint]).suffix(AuditLimits.checkpoints)
        return checkpoint
    }

    /// The entries that a query means.
    package func find(_ query: AuditQuery) -> [AuditEntry] {
        let found = entries.filter(query.matches)
        return Array(query.newest ? found.suffix(query.limit) : found.prefix(query.limit))
    }
}
