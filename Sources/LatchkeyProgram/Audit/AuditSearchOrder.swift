import Foundation
import TrustCore

/// What `latchkey audit search` was asked for, as it was typed.
package struct AuditSearchOrder: Sendable {
    private var client: String?
    private var device: String?
    private var since: String?
    private var until: String?
    private var outcome: String?
    private var action: String?
    private var limit: Int

    package init(
        client: String? = nil, device: String? = nil, since: String? = nil, until: String? = nil,
        outcome: String? = nil, action: String? = nil, limit: Int = 1000
    ) {
        self.client = client
        self.device = device
        self.since = since
        self.until = until
        self.outcome = outcome
        self.action = action
        self.limit = limit
    }

    /// What is wrong with it, as a sentence.
    package var problem: String? {
        guard (1...100_000).contains(limit) else { return "--limit is \(limit); 1 to 100000 is expected." }
        if let outcome, AuditEvent.Outcome(rawValue: outcome) == nil {
            return "--outcome is “\(outcome)”; permitted, denied or done is expected."
        }
        for (name, text) in [("--since", since), ("--until", until)] {
            guard let text, Self.time(text, now: Date()) == nil else { continue }
            return "\(name) is “\(text)”; a time such as 2026-03-01, 2026-03-01T12:00:00Z or 2h (ago) is expected."
        }
        return nil
    }

    /// The newest entries that are meant.
    func query(now: Date) -> AuditQuery {
        var query = AuditQuery()
        query.client = client
        query.device = device
        query.since = since.flatMap { Self.time($0, now: now) }
        query.until = until.flatMap { Self.time($0, now: now) }
        query.outcome = outcome.flatMap(AuditEvent.Outcome.init(rawValue:))
        query.action = action
        query.limit = limit
        query.newest = true
        return query
    }

    private static func time(_ text: String, now: Date) -> Date? {
        if let seconds = DurationText.seconds(text) { return now - TimeInterval(seconds) }
        // Either form, or nil for what is neither.
        return (try? Date(text, strategy: .iso8601)) ?? (try? Date(text, strategy: .iso8601.year().month().day()))
    }
}
