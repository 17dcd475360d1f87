package import FoundationEssentials

/// What limits a grant that was made for a guest, besides its scope.
package struct GuestPass: Hashable, Sendable, Codable {
    /// A part of a day in minutes since midnight on the gateway's wall clock; over midnight when it ends before it begins.
    package struct Hours: Hashable, Sendable, Codable {
        /// 0 to 1439.
        package var from: Int
        /// The first minute that is no longer in it: 1 to 1440.
        package var to: Int

        /// Makes hours.
        package init(from: Int, to: Int) {
            self.from = from
            self.to = to
        }

        /// Takes `18:00-23:00`; nil for anything else.
        package init?(_ text: some StringProtocol) {
            let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { part -> Int? in
                let numbers = part.split(separator: ":", omittingEmptySubsequences: false)
                guard numbers.count == 2, numbers.allSatisfy({ (1...2).contains($0.utf8.count) }),
                    let hour = Int(numbers[0]), let minute = Int(numbers[1]), (0...24).contains(hour),
                    (0...59).contains(minute), hour < 24 || minute == 0
                else { return nil }
                return hour * 60 + minute
            }
            guard parts.count == 2, let from = parts[0], let to = parts[1], from < 1440, from != to else { return nil }
            self.init(from: from, to: to == 0 ? 1440 : to)
        }
    }

    /// Days of the week, 0 for Monday; empty for all.
    package var days: Set<Int>
    /// Parts of those days; empty for all of them.
    package var hours: [Hours]
    /// UDNs (`uuid:…`) or exact friendly names of devices; empty for all in the scope.
    package var devices: [String]
    /// When it ends; nil for never.
    package var until: Date?
    /// Whether somebody at the gateway has to consent to the first use.
    package var consent: Bool

    /// Makes a pass.
    package init(
        days: Set<Int> = [], hours: [Hours] = [], devices: [String] = [], until: Date? = nil, consent: Bool = false
    ) {
        self.days = days
        self.hours = hours
        self.devices = devices
        self.until = until
        self.consent = consent
    }

    /// The name under which consent to a pass is kept, as if it were a rule of the policy.
    package static let rule = "guest-pass"

    /// Whether it has ended.
    package func isOver(at now: Date) -> Bool { until.map { now >= $0 } ?? false }

    /// What keeps it from being stored, as a sentence; nil when it is fine.
    package var problem: String? {
        guard days.allSatisfy((0...6).contains), hours.count <= 16,
            hours.allSatisfy({ (0...1439).contains($0.from) && (1...1440).contains($0.to) && $0.from != $0.to })
        else { return "a guest pass has days of the week and at most 16 parts of a day" }
        guard devices.count <= 64, devices.allSatisfy({ (1...256).contains($0.utf8.count) }) else {
            return "a guest pass names at most 64 devices, in at most 256 bytes each"
        }
        return nil
    }
}
