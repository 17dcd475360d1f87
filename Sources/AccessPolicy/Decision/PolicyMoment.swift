package import FoundationEssentials

/// A day of the week.
package enum Weekday: Int, Hashable, Sendable, CaseIterable, Comparable {
    case monday = 0
    case tuesday, wednesday, thursday, friday, saturday, sunday

    /// Monday before Sunday.
    package static func < (left: Weekday, right: Weekday) -> Bool { left.rawValue < right.rawValue }

    /// `mon` to `sun`.
    package var shortName: String { ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][rawValue] }

    /// Takes `mon`, `monday` and the like; nil for anything else.
    package init?(_ text: String) {
        let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        let text = text.lowercased()
        guard let index = names.firstIndex(where: { $0 == text || $0.prefix(3) == text }) else { return nil }
        self.init(rawValue: index)
    }

    /// The day before.
    var before: Weekday { Weekday(rawValue: (rawValue + 6) % 7) ?? .monday }
}

/// An instant, and how the clock on the wall of the gateway's host shows it. The caller knows the time zone.
package struct PolicyMoment: Hashable, Sendable {
    /// The instant.
    package var date: Date
    /// The local day of the week.
    package var weekday: Weekday
    /// Local minutes since midnight, 0 to 1439.
    package var minuteOfDay: Int

    /// Takes what the caller's calendar says.
    package init(date: Date, weekday: Weekday, minuteOfDay: Int) {
        self.date = date
        self.weekday = weekday
        self.minuteOfDay = min(max(minuteOfDay, 0), 1439)
    }

    /// Reads the wall clock from the local offset of that instant, as `TimeZone.secondsFromGMT(for:)` has it.
    package init(_ date: Date, secondsFromGMT: Int) {
        let minutes = Int(((date.timeIntervalSince1970 + Double(secondsFromGMT)) / 60).rounded(.down))
        self.init(
            date: date, weekday: Self.weekday(ofDay: Self.floor(minutes, 1440)),
            minuteOfDay: minutes - Self.floor(minutes, 1440) * 1440)
    }

    /// Local minutes since 1970-01-01T00:00 local. The offset from UTC follows from the fields: no zone is more
    /// than a day from it.
    var localMinutes: Int {
        let minutes = Int((date.timeIntervalSince1970 / 60).rounded(.down))
        let day = Self.floor(minutes, 1440)
        let shift = (weekday.rawValue - Self.weekday(ofDay: day).rawValue + 7) % 7
        return (day + (shift == 6 ? -1 : min(shift, 1))) * 1440 + minuteOfDay
    }

    private static func floor(_ value: Int, _ divisor: Int) -> Int {
        value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    }

    /// 1970-01-01 was a Thursday.
    private static func weekday(ofDay day: Int) -> Weekday {
        Weekday(rawValue: ((day + 3) % 7 + 7) % 7) ?? .monday
    }
}
