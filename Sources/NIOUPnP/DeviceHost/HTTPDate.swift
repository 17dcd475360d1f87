import Glibc
import Synchronization

/// The `DATE` field (RFC 9110 §5.6.7).
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970, by the host's clock.
    static var now: Int { time(nil) }

    private static let latest = Mutex((second: -1, text: ""))

    /// The text of this moment; made once a second.
    static var current: String {
        let now = now
        return latest.withLock { latest in
            if latest.second != now { latest = (now, text(now)) }
            return latest.text
        }
    }

    /// A BOOTID that is larger at each start: quarters of a second since 2025, so that also a start within the
    /// second of the one before is told apart, and 31 bits last until 2042 (UDA 2.0 §1.2.2).
    static var bootID: UInt32 {
        var moment = timespec()
        clock_gettime(CLOCK_REALTIME, &moment)
        let quarters = (moment.tv_sec - 1_735_689_600) * 4 + moment.tv_nsec / 250_000_000
        return UInt32(truncatingIfNeeded: max(1, quarters)) & 0x7FFF_FFFF
    }

    /// The text of a moment, in seconds since 1970; moments before it count as 1970.
    static func text(_ seconds: Int) -> String {
        let seconds = max(0, seconds)
        let day = seconds / 86400
        let (year, month, dayOfMonth) = civil(day)
        let rest = seconds % 86400
        let clock = [rest / 3600, rest / 60 % 60, rest % 60].map(twoDigits).joined(separator: ":")
        return "\(days[day % 7]), \(twoDigits(dayOfMonth)) \(months[month - 1]) \(year) \(clock) GMT"
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// Days since 1970 as a date of the Gregorian calendar, by counting in years that begin in March.
    private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * dayOfYear + 2) / 153
        let month = march < 10 ? march + 3 : march - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * march + 2) / 5 + 1)
    }
}
