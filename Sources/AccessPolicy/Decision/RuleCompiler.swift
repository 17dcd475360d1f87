import TrustCore

/// Resolves the names of a document.
struct RuleCompiler {
    let rules: [CompiledRule]

    init(document: PolicyDocument, subjects: [SubjectID: SubjectRights]) {
        var byName: [String: SubjectID] = [:]
        for subject in subjects.values { byName[subject.name] = subject.id }
        func subject(_ text: String) -> SubjectID? {
            if let id = byName[text] { return id }
            return SubjectID(text).flatMap { subjects[$0]?.id }
        }
        var groups: [String: Set<SubjectID>] = [:]
        for group in document.groups { groups[group.name, default: []].formUnion(group.members.compactMap(subject)) }
        var rooms: [String: CompiledRule.Room] = [:]
        for room in document.rooms {
            let isUDN = { (pattern: NamePattern) in pattern.text.lowercased().hasPrefix("uuid:") }
            rooms[room.name] = CompiledRule.Room(
                udns: Set(room.devices.filter(isUDN).map { CompiledRule.foldedUDN($0.text) }),
                names: room.devices.filter { !isUDN($0) })
        }
        self.rules = document.rules.enumerated().map { order, rule in
            var (named, grouped, roles, isForEveryone) = (
                Set<SubjectID>(), Set<SubjectID>(), Set<RoleName>(), rule.who.isEmpty
            )
            for who in rule.who {
                switch who {
                case .everyone: isForEveryone = true
                case .client(let name): if let id = subject(name) { named.insert(id) }
                case .group(let name): grouped.formUnion(groups[name] ?? [])
                case .role(let role): roles.insert(role)
                }
            }
            return CompiledRule(
                rule: rule, order: order, named: named, grouped: grouped, roles: roles, isForEveryone: isForEveryone,
                udns: Set(rule.device.udn.map(CompiledRule.foldedUDN)),
                // A room that the document does not have holds no device.
                rooms: rule.device.room.map { rooms[$0] ?? CompiledRule.Room(udns: [], names: []) })
        }
    }
}
