/// Why a request is permitted or denied.
package struct Explanation: Hashable, Sendable {
    /// A rule that was looked at.
    package struct Considered: Hashable, Sendable {
        /// What became of it.
        package enum Verdict: String, Hashable, Sendable {
            /// It decided.
            case decides
            /// It speaks of the request, and a more specific rule decided.
            case outranked
            /// It speaks of the request, and its conditions on arguments do not hold.
            case conditionFails = "condition fails"
            /// It speaks of the request at another time.
            case asleep = "other time"
            /// It does not speak of the request.
            case elsewhere = "does not apply"
        }

        /// The rule's name.
        package let rule: String
        /// Its line in the policy's text.
        package let line: Int
        /// What it would do.
        package let effect: PolicyRule.Effect
        /// What became of it.
        package let verdict: Verdict
        /// Why, without a final stop.
        package let why: String
    }

    /// The decision, as `decide` makes it.
    package let decision: Decision
    /// The line of the rule that decided; nil when a grant did, or nothing.
    package let line: Int?
    /// All rules, those that speak of the request first, the most specific of them at the top.
    package let considered: [Considered]
}

extension CompiledPolicy {
    /// Decides, and says what every rule had to do with it.
    package func explain(_ request: AccessRequest) -> Explanation {
        let decision = decide(request)
        guard let subject = subjects[request.subject] else {
            return Explanation(decision: decision, line: nil, considered: [])
        }
        let facts = facts(request, subject)
        var speaking: [(rank: Rank, considered: Explanation.Considered)] = []
        var silent: [Explanation.Considered] = []
        for rule in rules {
            guard let rank = rule.rank(facts) else {
                silent.append(rule.considered(.elsewhere, rule.mismatch(facts)))
                continue
            }
            speaking.append((rank, considered(rule, facts, decision)))
        }
        // Of equals the first in the text comes first, as in deciding.
        let ordered = speaking.enumerated().sorted { left, right in
            left.element.rank == right.element.rank
                ? left.offset < right.offset : left.element.rank > right.element.rank
        }
        let line = rules.first { $0.rule.name == decision.rule }?.rule.line
        return Explanation(decision: decision, line: line, considered: ordered.map(\.element.considered) + silent)
    }

    private func considered(
        _ rule: CompiledRule, _ facts: RequestFacts, _ decision: Decision
    ) -> Explanation.Considered {
        if rule.rule.name == decision.rule { return rule.considered(.decides, decision.reason) }
        if rule.isAsleep(facts) { return rule.considered(.asleep, "it is not its time") }
        if facts.operation == .control, case .fails(let refusal) = rule.outcome(facts) {
            return rule.considered(.conditionFails, refusal?.reason ?? "the arguments are not those that it denies")
        }
        return rule.considered(.outranked, "a more specific rule decides, or one that denies and is as specific")
    }
}

extension CompiledRule {
    func considered(_ verdict: Explanation.Considered.Verdict, _ why: String) -> Explanation.Considered {
        Explanation.Considered(rule: rule.name, line: rule.line, effect: rule.effect, verdict: verdict, why: why)
    }

    /// Why the rule does not speak of a request: the first thing that differs.
    func mismatch(_ facts: RequestFacts) -> String {
        if whoRank(facts) == nil {
            return "it is for \(rule.who.map(\.text).joined(separator: ", "))"
        }
        if viaRank(facts.request.via, sharing: facts.subject.sharing) == nil {
            return rule.via.isEmpty
                ? "the client may not share with its neighbours"
                : "it is for \(rule.via.map(\.text).joined(separator: ", "))"
        }
        if facts.ranks[order] == nil { return "it is for other devices" }
        if operationService(facts) == nil {
            let names = rule.service.map(\.text).joined(separator: ", ")
            return names.isEmpty ? "it is for other services" : "it is for the service \(names)"
        }
        if let preset = rule.preset { return preset.refusal(of: facts) ?? "its preset does not include it" }
        return "it is for \(rule.operations.map(\.text).joined(separator: ", "))"
    }
}
