package import FoundationEssentials
package import TrustCore

/// A policy with the clients and grants that it is about, ready to decide. A value: it decides the same for the same
/// request for ever, and the clock is the request's.
///
/// What nobody is given (`ForbiddenTypes`) comes first, then the document's rules by their rank, then the client's grant,
/// which counts only for calls of which no rule that permits speaks. What nothing permits is denied.
package struct CompiledPolicy: Sendable {
    /// The policy's text taken apart; nil where there is none.
    package let document: PolicyDocument?
    let rules: [CompiledRule]
    let subjects: [SubjectID: SubjectRights]
    let index: RuleIndex
    private let ranks: DeviceRankCache

    /// Brings a document and a ledger together. Clients that are revoked, or that the ledger does not know, are denied
    /// everything.
    package init(document: PolicyDocument?, ledger: TrustLedger) {
        self.document = document
        let grants = Dictionary(grouping: ledger.grants, by: \.subject)
        var subjects: [SubjectID: SubjectRights] = [:]
        for (number, subject) in ledger.subjects.enumerated() where subject.revokedAt == nil {
            subjects[subject.id] = SubjectRights(
                id: subject.id, number: Int32(number), name: subject.name, grants: grants[subject.id] ?? [])
        }
        self.subjects = subjects
        let compiler = document.map { RuleCompiler(document: $0, subjects: subjects) }
        self.rules = compiler?.rules ?? []
        self.ranks = DeviceRankCache(rules: rules, udns: compiler?.udns ?? [:])
        self.index = RuleIndex(rules)
    }

    /// A policy over clients to whom nothing was granted, by their names.
    package init(document: PolicyDocument?, clients: [SubjectID: String]) {
        let subjects = clients.map { Subject(id: $0.key, name: $0.value, createdAt: .distantPast) }
        self.init(document: document, ledger: TrustLedger(subjects: subjects))
    }

    /// Denies everything.
    package static let empty = CompiledPolicy(document: nil, ledger: TrustLedger())

    /// Decides.
    package func decide(_ request: AccessRequest) -> Decision {
        if let forbidden = request.device.forms.forbidden { return Self.neverGiven(forbidden) }
        guard let subject = subjects[request.subject] else {
            if let service = request.service, ForbiddenTypes.contains(service) { return Self.neverGiven(service) }
            return .deny(Self.nothing)
        }
        let facts = facts(request, subject)
        if let service = facts.service, service.isForbidden { return Self.neverGiven(service.text) }
        guard !facts.device.types.isEmpty else { return .deny("the device's type cannot be read") }
        switch request.operation {
        case .discover, .describe: return decideVisibility(facts)
        case .control, .event, .media, .presentation: return decideUse(facts)
        }
    }

    /// The request taken apart, with the rules that speak of its asker and its device.
    func facts(_ request: AccessRequest, _ subject: SubjectRights) -> RequestFacts {
        let ranks = ranks.ranks(request.device.forms)
        let candidates = index.candidates(subject.number, roles: request.roles, device: ranks.speaking)
        return RequestFacts(request, subject: subject, ranks: ranks, candidates: candidates)
    }

    private static func neverGiven(_ type: String) -> Decision {
        .deny("\(type) is never given to anybody: it belongs to the home's border")
    }

    static let nothing = "nothing was granted to this client"

    /// Whether somebody has a rule with a time, so that what may be seen changes without anybody's doing.
    package var isTimed: Bool {
        rules.contains(where: \.hasTime) || !passes.isEmpty
    }

    private var passes: [GuestPass] { subjects.values.flatMap(\.grants).compactMap(\.grant.pass) }

    /// When a decision may change by itself next: at the next edge of a rule's time, and at least every hour, because the
    /// wall clock may be put forward or back. Nil where no rule has a time.
    package func nextChange(after moment: PolicyMoment) -> Date? {
        guard isTimed else { return nil }
        let now = moment.localMinutes
        var wait = 60
        for rule in rules.map(\.rule) {
            for edge in rule.when?.edges ?? [] {
                let minutes = (edge - moment.minuteOfDay + 1440) % 1440
                wait = min(wait, minutes == 0 ? 1440 : minutes)
            }
            if let until = rule.until, until.minutes > now { wait = min(wait, until.minutes - now) }
        }
        for edge in passes.flatMap(\.edges) {
            let minutes = (edge - moment.minuteOfDay + 1440) % 1440
            wait = min(wait, minutes == 0 ? 1440 : minutes)
        }
        let minute = (moment.date.timeIntervalSince1970 / 60).rounded(.down) * 60
        let next = Date(timeIntervalSince1970: minute + Double(wait) * 60)
        // A pass ends at a second.
        return passes.compactMap(\.until).filter { $0 > moment.date }.reduce(next, min)
    }

    /// A rule that speaks of the request, with its rank.
    struct Match {
        let rank: Rank
        let number: Int32

        /// Of equals the first in the text.
        func precedes(_ other: Match) -> Bool {
            rank == other.rank ? number < other.number : rank > other.rank
        }
    }

    /// The rules that speak of a request and are in their time, in the order of the text; and the most specific rule that
    /// would permit it and is not in its time.
    func matches(_ facts: RequestFacts) -> (awake: [Match], asleep: CompiledRule?) {
        var awake: [Match] = []
        var asleep: Match?
        index.forEachCandidate(facts) { number in
            let rule = rules[number]
            guard let rank = rule.rank(facts) else { return }
            let match = Match(rank: rank, number: Int32(number))
            if !rule.isAsleep(facts) {
                awake.append(match)
            } else if rule.isPermit, asleep.map({ $0.rank < rank }) ?? true {
                asleep = match
            }
        }
        return (awake, asleep.map { rules[Int($0.number)] })
    }

    /// Asks the rules, the most specific first, until one of them decides.
    func first<Answer>(of matches: [Match], _ answer: (CompiledRule, Rank) -> Answer?) -> Answer? {
        // Most often the first one decides, so that the others need no order.
        guard let first = matches.min(by: { $0.precedes($1) }) else { return nil }
        if let answer = answer(rules[Int(first.number)], first.rank) { return answer }
        guard matches.count > 1 else { return nil }
        for match in matches.sorted(by: { $0.precedes($1) }).dropFirst() {
            if let answer = answer(rules[Int(match.number)], match.rank) { return answer }
        }
        return nil
    }

    private func decideUse(_ facts: RequestFacts) -> Decision {
        switch facts.operation {
        case .media, .presentation: break
        default: if facts.service?.type?.kind != .service { return .deny("the request names no service") }
        }
        if facts.operation == .control, facts.action == nil { return .deny("the request names no action") }
        let (awake, asleep) = matches(facts)
        var limit: (level: UInt64, decision: Decision)?
        let decision = first(of: awake) { rule, rank -> Decision? in
            if let limit, limit.level != rank.level { return limit.decision }
            switch rule.outcome(facts) {
            case .holds(let decision): return decision
            case .fails(nil): return nil
            case .fails(let refusal?):
                if limit == nil { limit = (rank.level, refusal) }
                return nil
            }
        }
        if let decision = decision ?? limit?.decision { return decision }
        if let asleep { return .deny(asleep.sleepingSentence(facts), rule: asleep.rule.name) }
        return decideGrants(facts)
    }

    /// By what the client was granted. Where several grants differ, one that permits is enough.
    func decideGrants(_ facts: RequestFacts) -> Decision {
        var denial: Decision?
        for grant in facts.subject.grants {
            let decision = grant.decide(facts)
            if decision.permitted { return decision }
            denial = denial ?? decision
        }
        return denial ?? .deny(Self.nothing)
    }
}
