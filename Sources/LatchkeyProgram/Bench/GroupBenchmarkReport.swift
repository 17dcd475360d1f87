/// One measured operation on one size of group.
package struct GroupMeasurement: Codable, Hashable, Sendable {
    /// What was done: join, eviction, leaves, joins, or the paper's leave.
    package var operation: String
    /// Members before.
    package var members: Int
    /// How many members came or went at once.
    package var events: Int
    /// How often it was done.
    package var rounds: Int
    /// The median of planning, staging, signing and merging, in microseconds.
    package var microseconds: Double
    /// The fastest of them.
    package var fastest: Double
    /// The median without the signatures.
    package var unsigned: Double
    /// Multicast octets, UDP payloads without IP and UDP headers; the mean.
    package var bytes: Int
    package var packets: Double
    package var records: Double
    package var derivations: Double
    /// The median time in which a member that stays decodes, verifies and follows, in microseconds; nil if nobody stays.
    package var memberMicroseconds: Double?
    /// Encryptions that the plain hierarchy needs for the same, at degree 2 and 4; nil where it has no closed form here.
    package var plainBinary: Double?
    package var plainQuaternary: Double?

    /// Microseconds for one of the events.
    package var perEvent: Double { microseconds / Double(events) }
}

/// What a size of group costs in memory.
package struct GroupMemory: Codable, Hashable, Sendable {
    package var members: Int
    /// Octets of secrets, and how many of them could be locked in memory.
    package var secrets: Int
    package var locked: Int
    /// Octets of member counts.
    package var counts: Int
    /// Seconds in which the group was filled, in batches of 65,536 joins, and merged.
    package var fillSeconds: Double
}

/// Everything that a run has measured.
package struct GroupBenchmarkReport: Codable, Hashable, Sendable {
    package var machine: String
    package var timed: String
    package var measurements: [GroupMeasurement]
    package var memory: [GroupMemory]
    package var cited: [CitedFigure]
}

extension GroupBenchmarkReport {
    /// For a person.
    package var lines: [String] {
        ["machine: \(machine)", "timed: \(timed)", ""] + measured.lines + [""] + held.lines
            + ["", "cited, not measured here:"] + quoted.lines
    }

    private var measured: Table {
        Table(
            [
                "MEMBERS", "OPERATION", "ROUNDS", "MEDIAN", "FASTEST", "UNSIGNED", "EACH", "BYTES", "PACKETS",
                "RECORDS", "KDF",
                "MEMBER", "LKH d=2", "LKH d=4",
            ],
            rows: measurements.map { entry in
                [
                    "\(entry.members)", entry.events == 1 ? entry.operation : "\(entry.events) \(entry.operation)",
                    "\(entry.rounds)", Self.time(entry.microseconds), Self.time(entry.fastest),
                    Self.time(entry.unsigned),
                    Self.time(entry.perEvent), "\(entry.bytes)", Self.count(entry.packets), Self.count(entry.records),
                    Self.count(entry.derivations), entry.memberMicroseconds.map(Self.time) ?? "-",
                    entry.plainBinary.map(Self.count) ?? "-", entry.plainQuaternary.map(Self.count) ?? "-",
                ]
            })
    }

    private var held: Table {
        Table(
            ["MEMBERS", "SECRETS", "LOCKED", "COUNTS", "FILLED IN"],
            rows: memory.map { entry in
                [
                    "\(entry.members)", Self.size(entry.secrets), Self.size(entry.locked), Self.size(entry.counts),
                    Self.time(entry.fillSeconds * 1_000_000),
                ]
            })
    }

    private var quoted: Table {
        Table(
            ["WHAT", "MEMBERS", "BYTES", "TIME", "SOURCE"],
            rows: cited.map { [$0.what, "\($0.members)", $0.bytes, $0.time, $0.source] })
    }

    private static func time(_ microseconds: Double) -> String {
        switch microseconds {
        case ..<1_000: "\(rounded(microseconds)) µs"
        case ..<1_000_000: "\(rounded(microseconds / 1_000)) ms"
        default: "\(rounded(microseconds / 1_000_000)) s"
        }
    }

    private static func count(_ number: Double) -> String {
        number == number.rounded() ? "\(Int(number))" : "\(rounded(number))"
    }

    private static func size(_ bytes: Int) -> String {
        bytes < 1 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB"
    }

    private static func rounded(_ number: Double) -> String {
        number >= 100 ? "\(Int(number.rounded()))" : "\((number * 10).rounded() / 10)"
    }
}
