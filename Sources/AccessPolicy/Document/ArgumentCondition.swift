/// What a rule asks of one argument.
///
/// What cannot be read without doubt is never permitted by a limit, and always caught by a rule that denies: the
/// device may read it otherwise than we do.
package struct ArgumentCondition: Hashable, Sendable {
    /// What its value is to be.
    package enum Test: Hashable, Sendable {
        /// A number that is not below `min` and not above `max`; of a maximum alone not below 0 either, because a device
        /// that stores the argument unsigned reads a negative number as a large one.
        case range(min: Int?, max: Int?)
        /// One of these texts or numbers.
        case oneOf([String])
    }

    /// The argument's name, exactly.
    package var name: String
    /// The test of its value.
    package var test: Test

    /// Makes a condition.
    package init(name: String, test: Test) {
        self.name = name
        self.test = test
    }

    /// For a sentence: `DesiredVolume at most 40`.
    package var text: String {
        switch test {
        case .range(nil, let max?): "\(name) at most \(max)"
        case .range(let min?, nil): "\(name) at least \(min)"
        case .range(let min?, let max?): "\(name) from \(min) to \(max)"
        case .range(nil, nil): "\(name) a number"
        case .oneOf(let values):
            values.count == 1 ? "\(name) \(values[0])" : "\(name) one of \(values.joined(separator: ", "))"
        }
    }

    /// Whether it is beyond doubt that the value passes: for a rule that permits.
    func surelyHolds(_ arguments: [(name: String, value: String)]) -> Bool {
        var found = false
        for argument in arguments where Self.isSame(argument.name, name) {
            // A second argument of that name, or of one that differs in case: which one counts is the device's affair.
            guard argument.name == name, !found, surelyPasses(argument.value) else { return false }
            found = true
        }
        return found
    }

    /// Whether it may be that the value passes: for a rule that denies.
    func mayHold(_ arguments: [(name: String, value: String)]) -> Bool {
        var found = false
        for argument in arguments where Self.isSame(argument.name, name) {
            if found || argument.name != name || mayPass(argument.value) { return true }
            found = true
        }
        return !found
    }

    private func surelyPasses(_ value: String) -> Bool {
        switch test {
        case .range(let min, let max):
            guard let readings = Self.readings(value) else { return false }
            return readings.allSatisfy { Self.isInside($0, min: min, max: max) }
        case .oneOf(let values):
            if values.contains(value) { return true }
            guard let readings = Self.readings(value) else { return false }
            let numbers = values.compactMap(Self.number)
            return readings.allSatisfy(numbers.contains)
        }
    }

    private func mayPass(_ value: String) -> Bool {
        switch test {
        case .range(let min, let max):
            guard let readings = Self.readings(value) else { return true }
            return readings.contains { number in
                // A device may keep only the lower bits, so that -1 is its highest number.
                [number, number & 0xFF, number & 0xFFFF, number & 0xFFFF_FFFF].contains { kept in
                    min.map { kept >= $0 } ?? true && max.map { kept <= $0 } ?? true
                }
            }
        case .oneOf(let values):
            let folded = Self.fold(value)
            if values.contains(where: { Self.fold($0) == folded }) { return true }
            let numbers = values.compactMap(Self.number)
            guard !numbers.isEmpty else { return false }
            guard let readings = Self.readings(value) else { return true }
            return readings.contains { number in
                [number, number & 0xFF, number & 0xFFFF, number & 0xFFFF_FFFF].contains(where: numbers.contains)
            }
        }
    }

    private static func isInside(_ number: Int, min: Int?, max: Int?) -> Bool {
        if let min, number < min { return false }
        if let max, number > max { return false }
        return number >= 0 || (min ?? 0) < 0
    }

    /// A number of a policy.
    package static func number(_ text: String) -> Int? {
        let digits = text.utf8.first == 0x2D ? text.utf8.dropFirst() : text.utf8[...]
        guard (1...10).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }

    /// The numbers that devices read in an integer's text (UDA 2.0 §2.5: decimal, a sign and leading zeros allowed;
    /// blanks around it are lost in XML readers). Some devices take leading zeros for an octal number. Nil for what is
    /// no integer, or is too large for every type of UPnP but `i8`.
    static func readings(_ text: String) -> [Int]? {
        guard text.utf8.count <= 64 else { return nil }
        var digits = text.utf8[...]
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
        while let first = digits.first, isBlank(first) { digits.removeFirst() }
        while let last = digits.last, isBlank(last) { digits.removeLast() }
        var isNegative = false
        if let first = digits.first, first == 0x2B || first == 0x2D {
            isNegative = first == 0x2D
            digits.removeFirst()
        }
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        let significant = digits.drop { $0 == 0x30 }
        guard significant.count <= 10 else { return nil }
        func value(_ base: Int, _ digits: Substring.UTF8View) -> Int {
            let size = digits.reduce(0) { $0 * base + Int($1 - 0x30) }
            return isNegative ? -size : size
        }
        let decimal = value(10, significant)
        guard (-2_147_483_648...4_294_967_295).contains(decimal) else { return nil }
        guard digits.count > 1, digits.first == 0x30, !significant.isEmpty else { return [decimal] }
        // strtol with base 0 stops at the first digit that is no octal one.
        return [decimal, value(8, significant.prefix { $0 < 0x38 })]
    }

    /// Blanks around it, case, and the words for booleans do not matter where a rule denies.
    private static func fold(_ text: String) -> String {
        var bytes = text.utf8[...]
        while let first = bytes.first, first <= 0x20 { bytes.removeFirst() }
        while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
        let word = String(Substring(bytes)).lowercased()
        return switch word {
        case "true", "yes": "1"
        case "false", "no": "0"
        default: word
        }
    }

    static func isSame(_ left: String, _ right: String) -> Bool {
        left == right || (left.utf8.count == right.utf8.count && left.lowercased() == right.lowercased())
    }
}
