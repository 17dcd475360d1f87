package import FoundationEssentials

/// Keeps a log useful and small: of like decisions the first is told at once and the rest as a number.
///
/// A value without a clock: time is passed in, and whoever holds it asks for what is due.
package struct AuditCoalescer: Sendable {
    /// How often like decisions may stand in the log.
    package enum Pace: Hashable, Sendable {
        /// Each of them: an action that changes something.
        case each
        /// The first, and how many more there were in the ten seconds after it: a refusal.
        case refusals
        /// The first, and how many more there were in the minute after it: reading, events, media.
        case reads

        var window: TimeInterval {
            switch self {
            case .each: 0
            case .refusals: 10
            case .reads: 60
            }
        }
    }

    private struct Held {
        var until: Date
        var further: UInt32
    }

    /// Kinds of events that are counted at once; beyond it an event is told alone.
    package static let limit = 1024

    private var held: [AuditEvent: Held] = [:]

    /// Nothing is held.
    package init() {}

    /// Takes an event; answers what has to be written now.
    package mutating func take(_ event: AuditEvent, pace: Pace, now: Date) -> [AuditEvent] {
        guard pace != .each else { return [event] }
        var key = event
        key.count = 1
        if let known = held[key], now < known.until {
            held[key]?.further = known.further == .max ? .max : known.further + 1
            return []
        }
        let ended = held.removeValue(forKey: key).map { Self.summary(of: key, $0) } ?? []
        if held.count < Self.limit { held[key] = Held(until: now + pace.window, further: 0) }
        return ended + [event]
    }

    /// What has to be written because its time is over; at the end of the program, everything.
    package mutating func due(now: Date?) -> [AuditEvent] {
        let ended = held.filter { held in now.map { held.value.until <= $0 } ?? true }
        for key in ended.keys { held[key] = nil }
        return ended.sorted { $0.value.until < $1.value.until }.flatMap { Self.summary(of: $0.key, $0.value) }
    }

    private static func summary(of event: AuditEvent, _ held: Held) -> [AuditEvent] {
        guard held.further > 0 else { return [] }
        var summary = event
        summary.count = held.further
        return [summary]
    }
}
