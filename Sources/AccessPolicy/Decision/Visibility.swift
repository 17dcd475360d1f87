/// What may be seen follows from what may be used: an action that could be permitted with some arguments is in its
/// service's description, a service with such an action or with events in its device's, and a device with anything is
/// announced. Consent is not asked for before it is needed.
extension CompiledPolicy {
    func decideVisibility(_ facts: RequestFacts) -> Decision {
        if facts.request.operation == .describe, facts.request.service != nil {
            guard facts.service?.kind == .service else { return .deny("the request names no service") }
            return facts.request.action == nil ? visibleService(facts) : visibleAction(facts)
        }
        // A device: by the wish to see it, by its content, by its web page, or by one of its services.
        for operation in [AccessRequest.Operation.discover, .media, .presentation] {
            if let decision = visible(as: operation, facts) { return decision }
        }
        var seen: Set<String> = []
        for type in facts.request.device.serviceTypes where seen.insert(type).inserted {
            var request = facts.request
            request.operation = .describe
            request.service = type
            let decision = visibleService(RequestFacts(request, subject: facts.subject))
            if decision.permitted { return decision }
        }
        var request = facts.request
        request.operation = .discover
        let plain = RequestFacts(request, subject: facts.subject)
        let (awake, asleep) = matches(plain)
        if let denial = awake.first, !denial.rule.isPermit {
            return .deny("\(denial.rule.title) denies the device", rule: denial.rule.rule.name)
        }
        if let asleep { return .deny(asleep.sleepingSentence(plain), rule: asleep.rule.name) }
        return decideGrants(plain)
    }

    /// The decision for a use without arguments, if it permits; a device is not shown for a grant that a rule overrides.
    private func visible(as operation: AccessRequest.Operation, _ facts: RequestFacts) -> Decision? {
        var request = facts.request
        request.operation = operation
        request.service = nil
        request.action = nil
        let plain = RequestFacts(request, subject: facts.subject)
        let (awake, asleep) = matches(plain)
        if let first = awake.first {
            guard first.rule.isPermit else { return nil }
            return .permit("\(first.rule.title) permits it", rule: first.rule.rule.name)
        }
        guard asleep == nil else { return nil }
        let decision = decideGrants(plain)
        return decision.permitted ? decision : nil
    }

    private func visibleAction(_ facts: RequestFacts) -> Decision {
        let (awake, asleep) = matches(facts)
        for match in awake {
            if match.rule.isPermit {
                return .permit(
                    "\(match.rule.title) permits \(facts.request.action ?? "it")", rule: match.rule.rule.name)
            }
            // One that depends on arguments leaves calls that it does not deny.
            if match.rule.rule.arguments.isEmpty {
                return .deny("\(match.rule.title) denies \(facts.request.action ?? "it")", rule: match.rule.rule.name)
            }
        }
        if let asleep { return .deny(asleep.sleepingSentence(facts), rule: asleep.rule.name) }
        return decideGrants(facts)
    }

    /// The actions of a service are not known here, so each entry of a rule that permits is held against the rules that
    /// deny all of that entry.
    private func visibleService(_ facts: RequestFacts) -> Decision {
        var permits: [CompiledRule] = []
        var blocks = EntryBlocks()
        index.forEachCandidate(facts) { number in
            let rule = rules[number]
            guard let scope = scope(of: rule, facts) else { return }
            switch (rule.isPermit, rule.isAsleep(facts)) {
            case (true, false): permits.append(rule)
            case (true, true): blocks.addSleeping(rule)
            case (false, false): if rule.rule.arguments.isEmpty { blocks.add(rule, scope: scope) }
            case (false, true): break
            }
        }
        for rule in permits {
            guard let scope = scope(of: rule, facts) else { continue }
            let entries = rule.rule.preset == nil ? rule.rule.operations : [.everything]
            for entry in entries where !blocks.cover(entry, of: rule, scope: scope) {
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

        func rank(_ operation: Int, _ rule: PolicyRule) -> Rank {
            Rank(device: device, service: service, operation: operation, who: who, via: via, rule: rule)
        }
    }

    private func scope(of rule: CompiledRule, _ facts: RequestFacts) -> Scope? {
        if let preset = rule.rule.preset, preset.refusal(of: facts.request) != nil { return nil }
        guard let who = rule.whoRank(facts.subject.id, roles: facts.request.roles),
            let service = rule.serviceRank(facts.service),
            let via = rule.viaRank(facts.request.via, sharing: facts.subject.sharing),
            let device = rule.deviceRank(facts)
        else { return nil }
        return Scope(device: device, service: service, who: who, via: via)
    }
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
        for entry in rule.rule.operations {
            switch entry {
            case .action(let name):
                let rank = scope.rank(255, rule.rule)
                exact[name.lowercased()] = max(exact[name.lowercased()] ?? rank, rank)
            case .actionPrefix(let prefix):
                prefixes.append((prefix.lowercased(), scope.rank(2 + min(prefix.utf8.count, 200), rule.rule)))
            case .actions: actions = Self.larger(actions, scope.rank(1, rule.rule))
            case .events: events = Self.larger(events, scope.rank(1, rule.rule))
            case .everything:
                everything = Self.larger(everything, scope.rank(0, rule.rule))
                blocksGrants = blocksGrants ?? rule.rule.name
            case .discover, .media, .presentation: break
            }
        }
    }

    mutating func addSleeping(_ rule: CompiledRule) {
        if rule.rule.preset == nil, rule.rule.operations.contains(.everything) {
            blocksGrants = blocksGrants ?? rule.rule.name
        }
    }

    /// Whether all that the entry permits of a service is denied by one rule that is not less specific. What is no part of
    /// a service counts as denied.
    func cover(_ entry: PolicyOperation, of rule: CompiledRule, scope: CompiledPolicy.Scope) -> Bool {
        switch entry {
        case .action(let name):
            let own = scope.rank(255, rule.rule)
            let folded = name.lowercased()
            if let exact = exact[folded], exact >= own { return true }
            return coversName(folded, own) || Self.covers(actions, own) || Self.covers(everything, own)
        case .actionPrefix(let prefix):
            let own = scope.rank(2 + min(prefix.utf8.count, 200), rule.rule)
            return coversName(prefix.lowercased(), own) || Self.covers(actions, own) || Self.covers(everything, own)
        case .actions:
            let own = scope.rank(1, rule.rule)
            return Self.covers(actions, own) || Self.covers(everything, own)
        case .events:
            let own = scope.rank(1, rule.rule)
            return Self.covers(events, own) || Self.covers(everything, own)
        case .everything:
            let own = scope.rank(0, rule.rule)
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
