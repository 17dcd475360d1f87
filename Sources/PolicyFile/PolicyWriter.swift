package import AccessPolicy

extension PolicyText {
    /// Writes a policy. Reading the text again gives an equal document but for the lines of its rules.
    package static func write(_ document: PolicyDocument) -> String {
        var lines = ["policy: 1"]
        if !document.groups.isEmpty {
            lines.append("groups:")
            lines += document.groups.map { "  \(scalar($0.name)): \(list($0.members))" }
        }
        if !document.rooms.isEmpty {
            lines.append("rooms:")
            lines += document.rooms.map { "  \(scalar($0.name)): \(list($0.devices.map(\.text)))" }
        }
        if !document.rules.isEmpty {
            lines.append("rules:")
            lines += document.rules.flatMap(write)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func write(_ rule: PolicyRule) -> [String] {
        var fields = ["name: \(scalar(rule.name))"]
        func add(_ key: String, _ values: [String]) { if !values.isEmpty { fields.append("\(key): \(list(values))") } }
        if let preset = rule.preset {
            fields.append("preset: \(scalar(preset.rawValue))")
        } else {
            add(rule.effect.rawValue, rule.operations.map(\.text))
        }
        add("who", rule.who.map(\.text))
        add("via", rule.via.map(\.text))
        if !rule.device.isEverything {
            let device = rule.device
            let parts = [
                ("udn", device.udn), ("type", device.type.map(\.text)), ("name", device.name.map(\.text)),
                ("room", device.room),
            ]
            fields.append(
                "device: {\(parts.filter { !$1.isEmpty }.map { "\($0): \(list($1))" }.joined(separator: ", "))}")
        }
        add("service", rule.service.map(\.text))
        if !rule.arguments.isEmpty {
            fields.append("arguments: {\(rule.arguments.map(write).joined(separator: ", "))}")
        }
        add("below", rule.below)
        if let when = rule.when {
            let parts = [("days", when.days.map(\.shortName)), ("hours", when.hours.map(\.text))]
            fields.append(
                "when: {\(parts.filter { !$1.isEmpty }.map { "\($0): \(list($1))" }.joined(separator: ", "))}")
        }
        if let until = rule.until { fields.append("until: \(scalar(until.text))") }
        if rule.consent { fields.append("consent: first-use") }
        return fields.enumerated().map { $0 == 0 ? "  - \($1)" : "    \($1)" }
    }

    private static func write(_ condition: ArgumentCondition) -> String {
        let name = scalar(condition.name)
        switch condition.test {
        case .oneOf(let values): return "\(name): {in: \(list(values))}"
        case .range(let min, let max):
            let parts = [min.map { "min: \($0)" }, max.map { "max: \($0)" }].compactMap(\.self)
            return "\(name): {\(parts.joined(separator: ", "))}"
        }
    }

    private static func list(_ values: [String]) -> String { "[\(values.map(scalar).joined(separator: ", "))]" }

    /// A text as YAML: plain where nothing in it could mean anything, else in double quotes.
    private static func scalar(_ text: String) -> String {
        func isPlain(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x5F || byte == 0x2D || byte == 0x2E
        }
        if let first = text.utf8.first, isPlain(first), first != 0x2D, first != 0x2E, text.utf8.allSatisfy(isPlain) {
            return text
        }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: quoted += "\\\""
            case 0x5C: quoted += "\\\\"
            // A blank, which a line that is folded would lose, never stands at a line's end here.
            case 0x20...0x7E, 0xA1...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF:
                quoted.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            }
        }
        return quoted + "\""
    }
}
