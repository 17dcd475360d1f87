/// A day of the Gregorian calendar (ISO 8601, years 0 to 9999).
public struct UPnPDate: Hashable, Sendable {
    /// 0 to 9999.
    public let year: Int
    /// 1 to 12.
    public let month: Int
    /// 1 to 31, as the month allows.
    public let day: Int

    /// Makes a day; nil when the calendar has no such day.
    public init?(year: Int, month: Int, day: Int) {
        guard (0...9999).contains(year), (1...12).contains(month) else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let length = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        guard (1...length).contains(day) else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// Reads `yyyy-mm-dd`.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let year = ClockText.number(parts[0], digits: 4),
            let month = ClockText.number(parts[1], digits: 2), let day = ClockText.number(parts[2], digits: 2)
        else { return nil }
        self.init(year: year, month: month, day: day)
    }
}

extension UPnPDate: CustomStringConvertible {
    /// `yyyy-mm-dd`.
    public var description: String {
        "\(ClockText.padded(year, to: 4))-\(ClockText.padded(month, to: 2))-\(ClockText.padded(day, to: 2))"
    }
}

/// A time of day, perhaps with its distance from UTC.
public struct UPnPTime: Hashable, Sendable {
    /// 0 to 23.
    public let hour: Int
    /// 0 to 59.
    public let minute: Int
    /// 0 to 60; 60 is a leap second.
    public let second: Int
    /// The fraction of the second, 0 to 999999999.
    public let nanosecond: Int
    /// Minutes east of UTC, -840 to 840; nil without a zone.
    public let zone: Int?

    /// Makes a time; nil when a part is out of range.
    public init?(hour: Int, minute: Int, second: Int, nanosecond: Int = 0, zone: Int? = nil) {
        guard (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second),
            (0..<1_000_000_000).contains(nanosecond), (-840...840).contains(zone ?? 0)
        else { return nil }
        self.hour = hour
        self.minute = minute
        self.second = second
        self.nanosecond = nanosecond
        self.zone = zone
    }

    /// Reads `hh:mm:ss`, with an optional fraction of at most nine digits and an optional zone: `Z`, `±hh:mm`,
    /// `±hhmm` or `±hh`.
    public init?(_ text: some StringProtocol) {
        var clock = String(text)[...]
        var zone: Int?
        if clock.hasSuffix("Z") || clock.hasSuffix("z") {
            clock = clock.dropLast()
            zone = 0
        } else if let sign = clock.lastIndex(where: { $0 == "+" || $0 == "-" }) {
            guard let offset = ClockText.offset(clock[clock.index(after: sign)...]) else { return nil }
            zone = clock[sign] == "-" ? -offset : offset
            clock = clock[..<sign]
        }
        var nanosecond = 0
        if let point = clock.firstIndex(of: ".") {
            let fraction = clock[clock.index(after: point)...]
            guard (1...9).contains(fraction.utf8.count),
                let digits = ClockText.number(
                    fraction + String(repeating: "0", count: 9 - fraction.utf8.count), digits: 9)
            else { return nil }
            nanosecond = digits
            clock = clock[..<point]
        }
        let parts = clock.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let hour = ClockText.number(parts[0], digits: 2),
            let minute = ClockText.number(parts[1], digits: 2), let second = ClockText.number(parts[2], digits: 2)
        else { return nil }
        self.init(hour: hour, minute: minute, second: second, nanosecond: nanosecond, zone: zone)
    }
}

extension UPnPTime: CustomStringConvertible {
    /// `hh:mm:ss`, the fraction where there is one, and `Z` or `±hh:mm` when there is a zone.
    public var description: String {
        var clock = [hour, minute, second].map { ClockText.padded($0, to: 2) }.joined(separator: ":")
        if nanosecond > 0 {
            clock += "." + ClockText.padded(nanosecond, to: 9)
            while clock.hasSuffix("0") { clock.removeLast() }
        }
        guard let zone else { return clock }
        guard zone != 0 else { return clock + "Z" }
        let size = zone.magnitude
        let offset = "\(ClockText.padded(Int(size / 60), to: 2)):\(ClockText.padded(Int(size % 60), to: 2))"
        return clock + (zone < 0 ? "-" : "+") + offset
    }
}

/// A day and perhaps a time of it.
public struct UPnPDateTime: Hashable, Sendable {
    /// The day.
    public var date: UPnPDate
    /// The time, with its zone where it has one.
    public var time: UPnPTime?

    /// Makes a moment.
    public init(date: UPnPDate, time: UPnPTime? = nil) {
        self.date = date
        self.time = time
    }

    /// Reads `yyyy-mm-dd`, or that, `T` and a time.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let date = UPnPDate(first) else { return nil }
        self.date = date
        if parts.count == 2 {
            guard let time = UPnPTime(parts[1]) else { return nil }
            self.time = time
        }
    }

    /// Minutes east of UTC; nil without a zone.
    public var zone: Int? { time?.zone }
}

extension UPnPDateTime: CustomStringConvertible {
    /// `yyyy-mm-ddThh:mm:ss` and the zone, or only the day.
    public var description: String { time.map { "\(date)T\($0)" } ?? date.description }
}

private enum ClockText {
    /// Minutes in `hh:mm`, `hhmm` or `hh`.
    static func offset(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let digits = parts.count == 1 ? [text.prefix(2), text.dropFirst(2)] : parts
        guard digits.count == 2, let hours = number(digits[0], digits: 2) else { return nil }
        if parts.count == 1, digits[1].isEmpty { return hours * 60 }
        guard let minutes = number(digits[1], digits: 2), minutes < 60 else { return nil }
        return hours * 60 + minutes
    }

    static func number(_ text: some StringProtocol, digits: Int) -> Int? {
        text.utf8.count == digits && text.utf8.allSatisfy(URLText.isDigit) ? Int(text) : nil
    }

    static func padded(_ number: Int, to width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
