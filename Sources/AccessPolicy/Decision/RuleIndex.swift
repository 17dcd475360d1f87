import TrustCore

/// Finds the rules that may speak of a request, so that a decision does not look at all of them: those for its subject
/// and its device (`DeviceRanks`), its action or other wish, and its service, each as a set. Whether a rule that is found does speak of the
/// request is seen by looking at it; one that is not found never does.
struct RuleIndex: Sendable {
    private let sets: RuleSets
    /// By the client's number.
    private let subjects: [Int32: RuleSets.Number]
    private let everyone: RuleSets.Number
    private let roles: [RoleName: RuleSets.Number]
    private let services: [TypeName.Key: RuleSets.Number]
    private let anyService: RuleSets.Number
    /// By the action in lower case.
    private let actions: [String: RuleSets.Number]
    /// Rules for all actions, for actions by the beginnings of their names, and presets.
    private let anyAction: RuleSets.Number
    /// Rules for wishes that are no actions, those for everything and presets among them.
    private let kinds: [AccessRequest.Operation: RuleSets.Number]

    init(_ rules: [CompiledRule]) {
        var sets = RuleSets(count: rules.count)
        func group<Key: Hashable>(_ keys: (CompiledRule) -> [Key]) -> [Key: RuleSets.Number] {
            var lists: [Key: [Int32]] = [:]
            for (number, rule) in rules.enumerated() {
                for key in Set(keys(rule)) { lists[key, default: []].append(Int32(number)) }
            }
            return lists.mapValues { sets.add($0) }
        }
        func all(_ isIn: (CompiledRule) -> Bool) -> RuleSets.Number {
            sets.add(rules.indices.filter { isIn(rules[$0]) }.map { Int32($0) })
        }
        subjects = group { rule in rule.named.numbers + rule.grouped.flatMap(\.numbers) }
        everyone = all(\.isForEveryone)
        roles = group { Array($0.roles) }
        services = group { $0.rule.service.map { TypeName.Key($0.type) } }
        anyService = all(\.rule.service.isEmpty)
        actions = group { $0.entries.filter { $0.kind == .action }.map(\.folded) }
        anyAction = all { rule in
            rule.rule.preset != nil
                || rule.entries.contains { [.actionPrefix, .actions, .everything].contains($0.kind) }
        }
        var kinds: [AccessRequest.Operation: RuleSets.Number] = [:]
        for (operation, kind) in [
            (AccessRequest.Operation.discover, CompiledEntry.Kind.discover), (.event, .events), (.media, .media),
            (.presentation, .presentation),
        ] {
            kinds[operation] = all { rule in
                rule.rule.preset != nil || rule.entries.contains { $0.kind == kind || $0.kind == .everything }
            }
        }
        self.kinds = kinds
        self.sets = sets
    }

    /// The rules that may speak of an asker and a device, a bit for each: the same whatever is asked for.
    func candidates(_ subject: Int32, roles asked: Set<RoleName>, device: [UInt64]) -> [UInt64] {
        var selection = RuleSets.Selection(of: device)
        selection.add(everyone, of: sets)
        selection.add(subjects[subject], of: sets)
        if !roles.isEmpty {
            for role in asked { selection.add(roles[role], of: sets) }
        }
        selection.narrow()
        return selection.found
    }

    /// Calls `body` with the number of each rule that may speak of the request, in the order of the text.
    func forEachCandidate(_ facts: RequestFacts, _ body: (Int) -> Void) {
        guard facts.candidates.contains(where: { $0 != 0 }) else { return }
        var selection = RuleSets.Selection(of: facts.candidates)
        narrow(&selection, toServiceOf: facts)
        if let kind = kinds[facts.operation] {
            selection.add(kind, of: sets)
            selection.narrow()
        } else if facts.action != nil {
            // An action that is to be seen in a description is looked for like one that is called.
            selection.add(anyAction, of: sets)
            selection.add(actions[facts.foldedAction], of: sets)
            selection.narrow()
        }
        selection.forEach(body)
    }

    private func narrow(_ selection: inout RuleSets.Selection, toServiceOf facts: RequestFacts) {
        switch facts.operation {
        case .control, .event, .describe:
            guard let type = facts.service?.type else { return }
            selection.add(services[TypeName.Key(type)], of: sets)
        case .discover, .media, .presentation: break
        }
        selection.add(anyService, of: sets)
        selection.narrow()
    }
}
