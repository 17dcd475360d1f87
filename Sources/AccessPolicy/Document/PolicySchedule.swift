/// When a rule applies, by the clock on the wall of the gateway's host.
package struct PolicySchedule: Hashable, Sendable {
    /// A part of a day. One that ends before it begins goes over midnight and belongs to the day on which it begins.
    package struct Hours: Hashable, Sendable {
        /// Minutes since midnight, 0 to 1439.
        package var from: Int
        /// The first minute that is no longer in it, 1 to 1440, and never `from`.
        package var to: Int

        /// Makes hours.
        package init(from: Int, to: Int) {
            self.from = from
            self.to = to
        }

        /// As a policy has it: `22:00-06:30`.
        package var text: String { "\(Self.clock(from))-\(Self.clock(to))" }

        static func clock(_ minute: Int) -> String {
            func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
            return "\(two(minute / 60)):\(two(minute % 60))"
        }
    }

    /// The days; empty for all.
    package var days: [Weekday]
    /// The hours of those days; empty for all.
    package var hours: [Hours]

    /// Makes a schedule.
    package init(days: [Weekday] = [], hours: [Hours] = []) {
        self.days = days
        self.hours = hours
    }

    /// Whether a moment is in it.
    package func contains(_ moment: PolicyMoment) -> Bool {
        func on(_ day: Weekday) -> Bool { days.isEmpty || days.contains(day) }
        guard !hours.isEmpty else { return on(moment.weekday) }
        let minute = moment.minuteOfDay
        return hours.contains { part in
            if part.from < part.to { return (part.from..<part.to).contains(minute) && on(moment.weekday) }
            return (minute >= part.from && on(moment.weekday)) || (minute < part.to && on(moment.weekday.before))
        }
    }

    /// Minutes of the day at which it may begin or end.
    var edges: [Int] { (hours.flatMap { [$0.from, $0.to % 1440] }) + (days.isEmpty ? [] : [0]) }

    /// For a sentence: `mon, tue 07:00-22:00`.
    package var text: String {
        let days = Set(days).sorted().map(\.shortName).joined(separator: ", ")
        let hours = hours.map(\.text).joined(separator: ", ")
        return days.isEmpty ? hours : hours.isEmpty ? days : "\(days) \(hours)"
    }
}

/// A minute on the wall clock of the gateway's host.
package struct PolicyInstant: Hashable, Sendable, Comparable {
    /// Local minutes since 1970-01-01T00:00 local.
    package let minutes: Int
    /// Whether it was written as a day, of which it is the end.
    package let isDay: Bool

    /// The first minute after the day; nil for a day that does not exist.
    package init?(year: Int, month: Int, day: Int) {
        guard let days = Self.days(year, month, day) else { return nil }
        self.minutes = (days + 1) * 1440
        self.isDay = true
    }

    /// A minute; nil for one that does not exist.
    package init?(year: Int, month: Int, day: Int, hour: Int, minute: Int) {
        guard let days = Self.days(year, month, day), (0...23).contains(hour), (0...59).contains(minute) else {
            return nil
        }
        self.minutes = days * 1440 + hour * 60 + minute
        self.isDay = false
    }

    /// As a policy has it: `2026-12-31`, which is meant with its whole day, or `2026-12-31T18:00`.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int? {
            guard range.upperBound <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[range] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            return value
        }
        guard bytes.count == 10 || bytes.count == 16, bytes[4] == 0x2D, bytes[7] == 0x2D,
            let year = number(0..<4), let month = number(5..<7), let day = number(8..<10)
        else { return nil }
        guard bytes.count == 16 else {
            self.init(year: year, month: month, day: day)
            return
        }
        guard bytes[10] == 0x54 || bytes[10] == 0x20, bytes[13] == 0x3A, let hour = number(11..<13),
            let minute = number(14..<16)
        else { return nil }
        self.init(year: year, month: month, day: day, hour: hour, minute: minute)
    }

    /// Earlier before later.
    package static func < (left: PolicyInstant, right: PolicyInstant) -> Bool { left.minutes < right.minutes }

    /// As a policy has it.
    package var text: String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let shown = isDay ? minutes - 1440 : minutes
        let (year, month, day) = Self.civil(shown / 1440)
        let date = "\(year)-\(two(month))-\(two(day))"
        return isDay ? date : "\(date)T\(PolicySchedule.Hours.clock(shown % 1440))"
    }

    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int? {
        guard (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day) else { return nil }
        // Days since 1970-01-01 of the Gregorian calendar, by eras of 400 years that begin in March.
        let shifted = month <= 2 ? year - 1 : year
        let yearOfEra = shifted % 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let days = shifted / 400 * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        let back = civil(days)
        return back.0 == year && back.1 == month && back.2 == day ? days : nil
    }

    private static func civil(_ days: Int) -> (Int, Int, Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
    }
}
