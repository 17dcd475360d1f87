/// Durations as people type them: `500ms`, `90s`, `10m`, `2h`, `1d`, or a bare number of seconds.
package enum DurationText {
    /// Seconds, or nil when the text is no duration or longer than ten years.
    package static func seconds(_ text: String) -> Int? {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard (1...9).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(digits)
        else { return nil }
        let seconds = number * (unit ?? 1)
        return seconds <= 315_360_000 ? seconds : nil
    }

    /// A duration, also of milliseconds; nil when the text is none or longer than ten years.
    package static func duration(_ text: String) -> Duration? {
        guard text.hasSuffix("ms") else { return seconds(text).map { .seconds($0) } }
        let digits = text.dropLast(2)
        guard (1...9).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(digits).map { .milliseconds($0) }
    }
}
