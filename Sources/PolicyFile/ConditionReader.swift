import AccessPolicy
import Yams

/// Reads the conditions of a rule: arguments and times.
struct ConditionReader {
    var reader: PolicyReader

    mutating func arguments(_ node: Node) -> [ArgumentCondition] {
        guard let mapping = node.mapping, !mapping.isEmpty else {
            reader.complain(node.mark, "arguments are written as {DesiredVolume: {max: 40}}")
            return []
        }
        guard mapping.count <= reader.limits.arguments else {
            reader.complain(node.mark, "a rule may have conditions on at most \(reader.limits.arguments) arguments")
            return []
        }
        var conditions: [ArgumentCondition] = []
        for (key, value) in mapping {
            guard let name = reader.text(key, of: "an argument's name") else { continue }
            if let test = test(value, of: name.string) {
                conditions.append(ArgumentCondition(name: name.string, test: test))
            }
        }
        return conditions
    }

    private mutating func test(_ node: Node, of name: String) -> ArgumentCondition.Test? {
        // {Channel: Master} and {Channel: [Master, LF]} are short for {Channel: {in: …}}.
        guard node.mapping != nil else {
            let values = reader.texts(node, of: name).map(\.string)
            return values.isEmpty ? nil : .oneOf(values)
        }
        guard let fields = reader.fields(node, of: "the condition on \(name)", ["min", "max", "in"]) else { return nil }
        if let values = fields["in"] {
            if fields.count > 1 { reader.complain(node.mark, "in stands alone, without min and max") }
            let values = reader.texts(values, of: "in").map(\.string)
            return values.isEmpty ? nil : .oneOf(values)
        }
        let (min, max) = (number(fields["min"]), number(fields["max"]))
        guard min != nil || max != nil else {
            if fields.isEmpty { reader.complain(node.mark, "the condition on \(name) needs min, max or in") }
            return nil
        }
        if let min, let max, min > max {
            reader.complain(node.mark, "no number is at least \(min) and at most \(max)")
        }
        if min == nil, let max, max < 0 {
            reader.complain(node.mark, "a negative max needs a min, for without one numbers begin at 0")
        }
        return .range(min: min, max: max)
    }

    private mutating func number(_ node: Node?) -> Int? {
        guard let node, let text = reader.text(node, of: "a number") else { return nil }
        guard let number = ArgumentCondition.number(text.string) else {
            reader.complain(text.mark, "\(PolicyReader.quoted(text.string)) is no whole number of at most ten digits")
            return nil
        }
        return number
    }

    mutating func schedule(_ node: Node) -> PolicySchedule? {
        guard let fields = reader.fields(node, of: "when", ["days", "hours"]) else { return nil }
        if fields.isEmpty { reader.complain(node.mark, "when needs days or hours") }
        var schedule = PolicySchedule()
        if let days = fields["days"] {
            for entry in reader.texts(days, of: "days") { schedule.days += self.days(entry) }
        }
        if let hours = fields["hours"] {
            for entry in reader.texts(hours, of: "hours") {
                if let hours = self.hours(entry) { schedule.hours.append(hours) }
            }
        }
        return schedule
    }

    private mutating func days(_ entry: (string: String, mark: Mark?)) -> [Weekday] {
        let parts = entry.string.split(separator: "-", omittingEmptySubsequences: false).map { Weekday(String($0)) }
        if parts.count == 1, let day = parts[0] { return [day] }
        guard parts.count == 2, let from = parts[0], let to = parts[1] else {
            reader.complain(
                entry.mark,
                "\(PolicyReader.quoted(entry.string)) is no day: write mon, tue, wed, thu, fri, sat, sun, or mon-fri")
            return []
        }
        let count = (to.rawValue - from.rawValue + 7) % 7
        return (0...count).compactMap { Weekday(rawValue: (from.rawValue + $0) % 7) }
    }

    private mutating func hours(_ entry: (string: String, mark: Mark?)) -> PolicySchedule.Hours? {
        let parts = entry.string.split(separator: "-", omittingEmptySubsequences: false).map { Self.minute($0) }
        guard parts.count == 2, let from = parts[0], from < 1440, let to = parts[1] else {
            reader.complain(
                entry.mark,
                "\(PolicyReader.quoted(entry.string)) are no hours, which look like \"07:00-22:00\" or \"22:00-06:00\"")
            return nil
        }
        // 22:00-00:00 ends at midnight.
        let end = to == 0 ? 1440 : to
        guard from != end else {
            reader.complain(entry.mark, "hours that end when they begin are none: leave them out for the whole day")
            return nil
        }
        return PolicySchedule.Hours(from: from, to: end)
    }

    private static func minute(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...2).contains(parts[0].utf8.count), parts[1].utf8.count == 2,
            parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60,
            hour < 24 || (hour == 24 && minute == 0)
        else { return nil }
        return hour * 60 + minute
    }

    mutating func instant(_ node: Node) -> PolicyInstant? {
        guard let text = reader.text(node, of: "until") else { return nil }
        guard let instant = PolicyInstant(text.string) else {
            reader.complain(
                text.mark, "\(PolicyReader.quoted(text.string)) is no day such as 2026-12-31 or 2026-12-31T18:00")
            return nil
        }
        return instant
    }
}
