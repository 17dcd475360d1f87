/// Numbers and booleans as UDA 2.0 §2.5 writes them.
enum UPnPNumber {
    static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "true", "yes": true
        case "0", "false", "no": false
        default: nil
        }
    }

    /// Decimal and exponent only: neither `nan` nor `inf` nor hexadecimal, which Swift would read.
    private static func isDecimal(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { URLText.isDigit($0) || "+-.eE".utf8.contains($0) }
    }

    static func double(_ text: String) -> Double? {
        guard isDecimal(text), let value = Double(text), value.isFinite else { return nil }
        return value
    }

    static func float(_ text: String) -> Float? {
        guard isDecimal(text), let value = Float(text), value.isFinite else { return nil }
        return value
    }

    static func scalar(_ text: some StringProtocol) -> Unicode.Scalar? {
        text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil
    }

    /// A number of `fixed.14.4` in ten-thousandths: what ``decimal(_:)`` reads, if it fits.
    static func fixed(_ text: String) -> Int64? {
        guard let number = decimal(text), number.fraction.utf8.count <= 4, number.whole.utf8.count <= 14 else {
            return nil
        }
        let digits = number.whole + number.fraction + String(repeating: "0", count: 4 - number.fraction.utf8.count)
        return Int64(digits).map { number.isNegative ? -$0 : $0 }
    }

    /// A number that may be written with a point and an exponent, as whole digits or with a point; nil when it
    /// is not a decimal number or an exponent beyond 40.
    static func plainText(_ text: String) -> String? {
        guard let number = decimal(text) else { return nil }
        let magnitude = number.whole + (number.fraction.isEmpty ? "" : "." + number.fraction)
        return (number.isNegative ? "-" : "") + magnitude
    }

    private struct Decimal {
        var isNegative: Bool
        /// Without leading zeros, but never empty.
        var whole: String
        /// Without trailing zeros.
        var fraction: String
    }

    private static func decimal(_ text: String) -> Decimal? {
        var rest = text[...]
        let isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
        var exponent = 0
        if let mark = rest.firstIndex(where: { $0 == "e" || $0 == "E" }) {
            guard let shift = Int(rest[rest.index(after: mark)...]), (-40...40).contains(shift) else { return nil }
            exponent = shift
            rest = rest[..<mark]
        }
        let parts = rest.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ (1...40).contains($0.utf8.count) && $0.utf8.allSatisfy(URLText.isDigit) }) else {
            return nil
        }
        var digits = parts.joined()
        var point = parts[0].utf8.count + exponent
        if point < 1 {
            digits = String(repeating: "0", count: 1 - point) + digits
            point = 1
        }
        if point > digits.utf8.count { digits += String(repeating: "0", count: point - digits.utf8.count) }
        let whole = digits.prefix(point - 1).drop { $0 == "0" }
        let leading = whole.isEmpty ? "" : String(whole)
        var unit = leading + String(digits.dropFirst(point - 1).prefix(1))
        if unit.isEmpty { unit = "0" }
        var fraction = digits.dropFirst(point)
        while fraction.hasSuffix("0") { fraction = fraction.dropLast() }
        guard unit.utf8.count + fraction.utf8.count <= 80 else { return nil }
        return Decimal(isNegative: isNegative, whole: unit, fraction: String(fraction))
    }

    static func fixedText(_ value: Int64) -> String {
        let fraction = String(value.magnitude % 10_000)
        let padded = String(repeating: "0", count: 4 - fraction.utf8.count) + fraction
        return "\(value < 0 ? "-" : "")\(value.magnitude / 10_000).\(padded)"
    }
}
