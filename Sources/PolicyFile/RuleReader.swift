import AccessPolicy
import NetworkTypes
import Yams

/// Reads the rules of a policy.
struct RuleReader {
    var reader: PolicyReader
    let groups: [String]
    let rooms: [String]

    static let keys = [
        "name", "permit", "deny", "preset", "who", "via", "device", "service", "arguments", "below", "when", "until",
        "consent",
    ]

    mutating func rules(_ node: Node) -> [PolicyRule] {
        guard let sequence = node.sequence else {
            if node.scalar?.string.isEmpty != true {
                reader.complain(node.mark, "rules are a list: each begins with a hyphen and its name")
            }
            return []
        }
        guard sequence.count <= reader.limits.rules else {
            reader.complain(node.mark, "a policy may have at most \(reader.limits.rules) rules")
            return []
        }
        var rules: [PolicyRule] = []
        var lines: [String: Int] = [:]
        for entry in sequence {
            guard let rule = rule(entry) else { continue }
            if let line = lines[rule.name] {
                reader.complain(entry.mark, "the name \(rule.name) is taken by the rule of line \(line)")
            }
            lines[rule.name] = lines[rule.name] ?? rule.line
            rules.append(rule)
        }
        return rules
    }

    private mutating func rule(_ node: Node) -> PolicyRule? {
        guard let fields = reader.fields(node, of: "a rule", Self.keys) else { return nil }
        var rule = PolicyRule(name: "", line: node.mark?.line ?? 0)
        if let name = fields["name"] {
            if let text = reader.text(name, of: "a rule's name") {
                if !PolicyRule.isName(text.string) {
                    reader.complain(
                        text.mark, "a rule's name has 1 to 64 letters, digits, dots, hyphens and underlines")
                }
                rule.name = text.string
            }
        } else {
            reader.complain(node.mark, "a rule needs a name")
        }
        effect(fields, node, &rule)
        if let who = fields["who"] { rule.who = reader.texts(who, of: "who").compactMap { subject($0) } }
        if let via = fields["via"] { rule.via = reader.texts(via, of: "via").compactMap { self.via($0) } }
        if let device = fields["device"] { rule.device = self.device(device, permits: rule.effect == .permit) }
        if let service = fields["service"] {
            rule.service = reader.texts(service, of: "service").compactMap { self.service($0, rule) }
        }
        var conditions = ConditionReader(reader: reader)
        if let arguments = fields["arguments"] { rule.arguments = conditions.arguments(arguments) }
        if let when = fields["when"] { rule.when = conditions.schedule(when) }
        if let until = fields["until"] { rule.until = conditions.instant(until) }
        reader = conditions.reader
        if let below = fields["below"] { rule.below = reader.texts(below, of: "below").map(\.string) }
        if let consent = fields["consent"], let text = reader.text(consent, of: "consent") {
            if text.string != "first-use" { reader.complain(text.mark, "consent is first-use, or left out") }
            rule.consent = true
        }
        check(rule, fields)
        return rule
    }

    private mutating func effect(_ fields: [String: Node], _ node: Node, _ rule: inout PolicyRule) {
        let effects = ["permit", "deny", "preset"].filter { fields[$0] != nil }
        guard effects.count == 1, let effect = effects.first, let value = fields[effect] else {
            let line =
                effects.isEmpty
                ? "a rule needs one of permit, deny and preset"
                : "a rule has only one of \(effects.joined(separator: ", "))"
            reader.complain(node.mark, line)
            return
        }
        if effect == "preset" {
            guard let text = reader.text(value, of: "preset") else { return }
            rule.preset = Preset(rawValue: text.string)
            guard rule.preset == nil else { return }
            let names = Preset.allCases.map(\.rawValue)
            let near = PolicyReader.nearest(text.string, in: names).map { ": did you mean \($0)?" }
            reader.complain(
                text.mark,
                "there is no preset \(PolicyReader.quoted(text.string))\(near ?? "; choose one of \(names.joined(separator: ", "))")"
            )
            return
        }
        rule.effect = effect == "deny" ? .deny : .permit
        for entry in reader.texts(value, of: effect) {
            guard let operation = PolicyOperation(entry.string) else {
                reader.complain(
                    entry.mark, "\(PolicyReader.quoted(entry.string)) is neither an action nor one of \(Self.words)")
                continue
            }
            if effect == "deny", operation == .discover {
                reader.complain(entry.mark, "a device is hidden by denying everything of it")
            }
            // Actions begin with a capital letter in practice, and keywords do not.
            if case .action(let name) = operation, name.first?.isLowercase == true, !entry.string.hasPrefix("action:"),
                let near = PolicyReader.nearest(name, in: PolicyOperation.keywords.map(\.word))
            {
                reader.complain(
                    entry.mark,
                    "\(PolicyReader.quoted(name)): did you mean \(near)? An action of that name is written action:\(name)"
                )
            }
            rule.operations.append(operation)
        }
    }

    private static let words = PolicyOperation.keywords.map(\.word).joined(separator: ", ")

    private mutating func subject(_ entry: (string: String, mark: Mark?)) -> PolicySubject? {
        if IPPrefix(entry.string) != nil || IPAddress(entry.string) != nil {
            reader.complain(
                entry.mark,
                "\(entry.string) is an address: a neighbour stands under via, and a client of that name is client:\(entry.string)"
            )
            return nil
        }
        guard let subject = PolicySubject(entry.string) else {
            reader.complain(
                entry.mark,
                "\(PolicyReader.quoted(entry.string)) is no subject: write a client's name, group:NAME, role:NAME or everyone"
            )
            return nil
        }
        if case .group(let name) = subject, !groups.contains(name) {
            let near = PolicyReader.nearest(name, in: groups).map { ": did you mean \($0)?" } ?? ""
            reader.complain(entry.mark, "there is no group \(name)\(near)")
        }
        if case .client(let name) = subject, name == entry.string, groups.contains(name) {
            reader.complain(
                entry.mark, "\(name) is a group: write group:\(name), or client:\(name) for a client of that name")
        }
        return subject
    }

    private mutating func via(_ entry: (string: String, mark: Mark?)) -> PolicyVia? {
        if let via = PolicyVia(entry.string) { return via }
        let near = PolicyReader.nearest(entry.string, in: ["own-host", "neighbours"]).map { ": did you mean \($0)?" }
        let hint = near ?? "; write own-host, neighbours, an address or a prefix such as 192.0.2.0/24"
        reader.complain(entry.mark, "\(PolicyReader.quoted(entry.string)) is no way\(hint)")
        return nil
    }

    private mutating func device(_ node: Node, permits: Bool) -> DeviceSelector {
        var device = DeviceSelector()
        guard let fields = reader.fields(node, of: "device", ["udn", "type", "name", "room"]) else { return device }
        if fields.isEmpty { reader.complain(node.mark, "device says nothing: leave it out for every device") }
        if let udn = fields["udn"] { device.udn = reader.texts(udn, of: "udn").map(\.string) }
        if let name = fields["name"] { device.name = reader.texts(name, of: "name").map { NamePattern($0.string) } }
        if let type = fields["type"] {
            for entry in reader.texts(type, of: "type") {
                guard let selector = TypeSelector(device: entry.string) else {
                    reader.complain(
                        entry.mark,
                        "\(PolicyReader.quoted(entry.string)) is no device type, which looks like MediaRenderer, MediaRenderer:1 or urn:schemas-upnp-org:device:MediaRenderer:1"
                    )
                    continue
                }
                if permits, selector.isForbidden {
                    reader.complain(
                        entry.mark, "\(entry.string) is never given to anybody: it belongs to the home's border")
                }
                device.type.append(selector)
            }
        }
        if let room = fields["room"] {
            for entry in reader.texts(room, of: "room") {
                if !rooms.contains(entry.string) {
                    let near = PolicyReader.nearest(entry.string, in: rooms).map { ": did you mean \($0)?" } ?? ""
                    reader.complain(entry.mark, "there is no room \(PolicyReader.quoted(entry.string))\(near)")
                }
                device.room.append(entry.string)
            }
        }
        return device
    }

    private mutating func service(_ entry: (string: String, mark: Mark?), _ rule: PolicyRule) -> TypeSelector? {
        guard let selector = TypeSelector(service: entry.string) else {
            reader.complain(
                entry.mark,
                "\(PolicyReader.quoted(entry.string)) is no service type, which looks like RenderingControl, RenderingControl:1 or urn:schemas-upnp-org:service:RenderingControl:1"
            )
            return nil
        }
        if rule.effect == .permit, selector.isForbidden {
            reader.complain(entry.mark, "\(entry.string) is never given to anybody: it belongs to the home's border")
        }
        return selector
    }

    /// What contradicts itself, or could never do anything.
    private mutating func check(_ rule: PolicyRule, _ fields: [String: Node]) {
        if !rule.arguments.isEmpty, !rule.operations.allSatisfy(\.isAction) {
            reader.complain(fields["arguments"]?.mark, "arguments belong to actions: name the actions that have them")
        }
        if let below = fields["below"] {
            let actions: [PolicyOperation] = [.action("Browse"), .action("Search")]
            if rule.effect == .deny {
                reader.complain(below.mark, "below goes with permit: name the containers that may be seen")
            } else if rule.operations.isEmpty || !rule.operations.allSatisfy(actions.contains) {
                reader.complain(below.mark, "below belongs to permit: [Browse, Search] and to no other action")
            }
        }
        if rule.consent, rule.effect == .deny {
            reader.complain(fields["consent"]?.mark, "consent goes with permit or preset")
        }
        let services: (PolicyOperation) -> Bool = { [.discover, .media, .presentation].contains($0) }
        if !rule.service.isEmpty, rule.operations.contains(where: services) {
            reader.complain(
                fields["service"]?.mark,
                "discover, media and presentation belong to devices and not to a service: write a rule of their own for them"
            )
        }
    }
}
