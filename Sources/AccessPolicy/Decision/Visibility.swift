/// What may be seen follows from what may be used: an action that could be permitted with some arguments is in its
/// service's description, a service with such an action or with events in its device's, and a device with anything is
/// announced. Consent is not asked for before it is needed.
extension CompiledPolicy {
    func decideVisibility(_ facts: RequestFacts) -> Decision {
        if facts.operation == .describe, let service = facts.service {
            guard service.type?.kind == .service else { return .deny("the request names no service") }
            return facts.action == nil ? visibleService(facts) : visibleAction(facts)
        }
        // A device: by the wish to see it, by its content, by its web page, or by one of its services.
        for operation in [AccessRequest.Operation.discover, .media, .presentation] {
            if let decision = visible(facts.asking(operation)) { return decision }
        }
        for service in facts.device.services {
            let decision = visibleService(facts.asking(.describe, service: service))
            if decision.permitted { return decision }
        }
        let plain = facts.asking(.discover)
        let (awake, asleep) = matches(plain)
        if let rule = first(of: awake, { rule, _ in rule }), !rule.isPermit {
            return .deny("\(rule.title) denies the device", rule: rule.rule.name)
        }
        if let asleep { return .deny(asleep.sleepingSentence(plain), rule: asleep.rule.name) }
        return decideGrants(plain)
    }

    /// The decision for a use without arguments, if it permits; a device is not shown for a grant that a rule overrides.
    private func visible(_ facts: RequestFacts) -> Decision? {
        let (awake, asleep) = matches(facts)
        if let rule = first(of: awake, { rule, _ in rule }) {
            return rule.isPermit ? .permit("\(rule.title) permits it", rule: rule.rule.name) : nil
        }
        guard asleep == nil else { return nil }
        let decision = decideGrants(facts)
        return decision.permitted ? decision : nil
    }

    private func visibleAction(_ facts: RequestFacts) -> Decision {
        let (awake, asleep) = matches(facts)
        let action = facts.action ?? "it"
        let decision = first(of: awake) { rule, _ -> Decision? in
            if rule.isPermit { return .permit("\(rule.title) permits \(action)", rule: rule.rule.name) }
            // One that depends on arguments leaves calls that it does not deny.
            guard rule.rule.arguments.isEmpty else { return nil }
            return .deny("\(rule.title) denies \(action)", rule: rule.rule.name)
        }
        if let decision { return decision }
        if let asleep { return .deny(asleep.sleepingSentence(facts), rule: asleep.rule.name) }
        return decideGrants(facts)
    }

    /// The actions of a service are not known here, so each entry of a rule that permits is held against the rules that
    /// deny all of that entry.
    private func visibleService(_ facts: RequestFacts) -> Decision {
        var permits: [(number: Int, scope: Scope)] = []
        var blocks = EntryBlocks()
        index.forEachCandidate(facts) { number in
            let rule = rules[number]
            guard let scope = scope(of: rule, number, facts) else { return }
            switch (rule.isPermit, rule.isAsleep(facts)) {
            case (true, false): permits.append((number, scope))
            case (true, true): blocks.addSleeping(rule)
            case (false, false): if rule.rule.arguments.isEmpty { blocks.add(rule, scope: scope) }
            case (false, true): break
            }
        }
        for (number, scope) in permits {
            let rule = rules[number]
            let entries = rule.rule.preset == nil ? rule.entries : CompiledEntry.ofPreset
            if entries.contains(where: { !blocks.cover($0, of: rule, scope: scope) }) {
                return .permit("\(rule.title) permits some of the service", rule: rule.rule.name)
            }
        }
        let granted = decideGrants(facts)
        guard granted.permitted else { return granted }
        if let name = blocks.blocksGrants { return .deny("the rule \(name) counts in the grant's place", rule: name) }
        return granted
    }

    /// The parts of a rule's rank that do not depend on the action.
    struct Scope {
        let device: Int
        let service: Int
        let who: Int
        let via: Int

        func rank(_ entry: CompiledEntry, _ rule: CompiledRule) -> Rank {
            Rank(
                device: device, service: service, operation: entry.specificity, who: who, via: via,
                detail: rule.detail)
        }
    }

    private func scope(of rule: CompiledRule, _ number: Int, _ facts: RequestFacts) -> Scope? {
        guard let who = rule.whoRank(facts), let service = rule.serviceRank(facts.service?.type),
            let via = rule.viaRank(facts.request.via, sharing: facts.subject.sharing),
            let device = facts.ranks[number]
        else { return nil }
        if let preset = rule.rule.preset, preset.refusal(of: facts) != nil { return nil }
        return Scope(device: device, service: service, who: who, via: via)
    }
}

extension CompiledEntry {
    /// What a preset is for a service that it includes.
    fileprivate static let ofPreset = [CompiledEntry(.everything, isPermit: true)]
}

/// The rules that deny whole entries of a service, by the entry.
private struct EntryBlocks {
    private var exact: [String: Rank] = [:]
    private var prefixes: [(prefix: String, rank: Rank)] = []
    private var actions: Rank?
    private var events: Rank?
    private var everything: Rank?
    /// A rule that keeps a grant from counting for the whole service.
    var blocksGrants: String?

    mutating func add(_ rule: CompiledRule, scope: CompiledPolicy.Scope) {
        for entry in rule.entries {
            let rank = scope.rank(entry, rule)
            switch entry.kind {
            case .action: exact[entry.folded] = max(exact[entry.folded] ?? rank, rank)
            case .actionPrefix: prefixes.append((entry.folded, rank))
            case .actions: actions = Self.larger(actions, rank)
            case .events: events = Self.larger(events, rank)
            case .everything:
                everything = Self.larger(everything, rank)
                blocksGrants = blocksGrants ?? rule.rule.name
            case .discover, .media, .presentation: break
            }
        }
    }

    mutating func addSleeping(_ rule: CompiledRule) {
        if rule.rule.preset == nil, rule.entries.contains(where: { $0.kind == .everything }) {
            blocksGrants = blocksGrants ?? rule.rule.name
        }
    }

    /// Whether all that the entry permits of a service is denied by one rule that is not less specific. What is no part of
    /// a service counts as denied.
    func cover(_ entry: CompiledEntry, of rule: CompiledRule, scope: CompiledPolicy.Scope) -> Bool {
        let own = scope.rank(entry, rule)
        switch entry.kind {
        case .action:
            if let exact = exact[entry.folded], exact >= own { return true }
            return coversName(entry.folded, own) || Self.covers(actions, own) || Self.covers(everything, own)
        case .actionPrefix:
            return coversName(entry.folded, own) || Self.covers(actions, own) || Self.covers(everything, own)
        case .actions: return Self.covers(actions, own) || Self.covers(everything, own)
        case .events: return Self.covers(events, own) || Self.covers(everything, own)
        case .everything:
            return Self.covers(everything, own) || (Self.covers(actions, own) && Self.covers(events, own))
        case .discover, .media, .presentation: return true
        }
    }

    private func coversName(_ name: String, _ own: Rank) -> Bool {
        prefixes.contains { name.hasPrefix($0.prefix) && $0.rank >= own }
    }

    private static func covers(_ rank: Rank?, _ own: Rank) -> Bool { rank.map { $0 >= own } ?? false }
    private static func larger(_ left: Rank?, _ right: Rank) -> Rank { left.map { max($0, right) } ?? right }
}
