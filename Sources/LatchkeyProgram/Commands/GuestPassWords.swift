package import Foundation
package import TrustCore

/// What limits a guest, as it was typed.
package struct GuestPassWords: Sendable {
    private let devices: [String]
    private let hours: [String]
    private let days: String?
    private let until: String?
    private let lasts: String?
    private let consent: Bool

    /// Takes the words of the command line.
    package init(devices: [String], hours: [String], days: String?, until: String?, lasts: String?, consent: Bool) {
        self.devices = devices
        self.hours = hours
        self.days = days
        self.until = until
        self.lasts = lasts
        self.consent = consent
    }

    /// The pass. Throws a sentence for words that mean nothing.
    package func pass(now: Date = Date()) throws -> GuestPass {
        guard until == nil || lasts == nil else { throw ProgramError.usage("Either --until or --for, not both.") }
        var pass = GuestPass(devices: devices, consent: consent)
        for text in hours {
            guard let part = GuestPass.Hours(text) else {
                throw ProgramError.usage("--hours is “\(text)”; hours such as 18:00-23:00 are expected.")
            }
            pass.hours.append(part)
        }
        if let days { pass.days = try Self.days(days) }
        if let lasts {
            guard let seconds = DurationText.seconds(lasts), seconds > 0 else {
                throw ProgramError.usage("--for is “\(lasts)”; a time such as 3d or 2h is expected.")
            }
            pass.until = now + TimeInterval(seconds)
        }
        if let until {
            // The whole day counts.
            guard let day = try? Date(until, strategy: Date.ISO8601FormatStyle(timeZone: .current).year().month().day())
            else { throw ProgramError.usage("--until is “\(until)”; a date such as 2026-12-01 is expected.") }
            pass.until = Calendar.current.date(byAdding: .day, value: 1, to: day)
        }
        if let end = pass.until, end <= now { throw ProgramError.usage("The guest pass would be over already.") }
        if let problem = pass.problem { throw ProgramError.usage("\(problem).") }
        return pass
    }

    /// `fri-sun` or `mon,wed`, by the numbers of the days.
    private static func days(_ text: String) throws -> Set<Int> {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        var result: Set<Int> = []
        for part in text.lowercased().split(separator: ",") {
            let ends = part.split(separator: "-").map { names.firstIndex(of: String($0.prefix(3))) }
            guard (1...2).contains(ends.count), let first = ends.first ?? nil, let last = ends.last ?? nil else {
                throw ProgramError.usage("--days is “\(text)”; days such as fri-sun or mon,wed are expected.")
            }
            var day = first
            while true {
                result.insert(day)
                if day == last { break }
                day = (day + 1) % 7
            }
        }
        return result
    }
}
