import TrustCore

/// Resolves the names of a document, and gives numbers to the devices that it names.
struct RuleCompiler {
    /// Of whom a rule speaks.
    struct Who {
        var named = NumberSet([])
        var grouped: [NumberSet] = []
        var roles: Set<RoleName> = []
        var isForEveryone = false
    }

    let rules: [CompiledRule]
    /// The numbers of UDNs, which are in lower case and without `uuid:`.
    let udns: [String: Int32]

    init(document: PolicyDocument, subjects: [SubjectID: SubjectRights]) {
        var byName: [String: Int32] = [:]
        for subject in subjects.values { byName[subject.name] = subject.number }
        func subject(_ text: String) -> Int32? {
            byName[text] ?? SubjectID(text).flatMap { subjects[$0]?.number }
        }
        var members: [String: Set<Int32>] = [:]
        for group in document.groups { members[group.name, default: []].formUnion(group.members.compactMap(subject)) }
        let groups = members.mapValues { NumberSet($0) }
        var udns: [String: Int32] = [:]
        func numbers(_ texts: [String]) -> NumberSet {
            NumberSet(
                texts.map { text in
                    let folded = DeviceForms.foldedUDN(text)
                    let number = udns[folded] ?? Int32(udns.count)
                    udns[folded] = number
                    return number
                })
        }
        var rooms: [String: CompiledRule.Room] = [:]
        for room in document.rooms {
            let isUDN = { (pattern: NamePattern) in pattern.text.lowercased().hasPrefix("uuid:") }
            rooms[room.name] = CompiledRule.Room(
                udns: numbers(room.devices.filter(isUDN).map(\.text)), names: room.devices.filter { !isUDN($0) })
        }
        self.rules = document.rules.enumerated().map { order, rule in
            var who = Who(isForEveryone: rule.who.isEmpty)
            var named: Set<Int32> = []
            for one in rule.who {
                switch one {
                case .everyone: who.isForEveryone = true
                case .client(let name): if let number = subject(name) { named.insert(number) }
                case .group(let name): if let group = groups[name] { who.grouped.append(group) }
                case .role(let role): who.roles.insert(role)
                }
            }
            who.named = NumberSet(named)
            return CompiledRule(
                rule, order: order, who: who, udns: numbers(rule.device.udn),
                // A room that the document does not have holds no device.
                rooms: rule.device.room.map { rooms[$0] ?? CompiledRule.Room(udns: NumberSet([]), names: []) })
        }
        self.udns = udns
    }
}
