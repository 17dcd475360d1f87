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

    /// Brings a document and a ledger together. Clients that are revoked, or that the ledger does not know, are denied
    /// everything.
    package init(document: PolicyDocument?, ledger: TrustLedger) {
        self.document = document
        let grants = Dictionary(grouping: ledger.grants, by: \.subject)
        var subjects: [SubjectID: SubjectRights] = [:]
        for subject in ledger.subjects where subject.revokedAt == nil {
            let own = grants[subject.id] ?? []
            subjects[subject.id] = SubjectRights(
                id: subject.id, name: subject.name, sharing: own.contains(where: \.sharing), grants: own)
        }
        self.subjects = subjects
        self.rules = document.map { RuleCompiler(document: $0, subjects: subjects).rules } ?? []
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
        if let forbidden = Self.forbidden(in: request) {
            return .deny("\(forbidden) is never given to anybody: it belongs to the home's border")
        }
        guard let subject = subjects[request.subject] else { return .deny(Self.nothing) }
        let facts = RequestFacts(request, subject: subject)
        guard !facts.types.isEmpty else { return .deny("the device's type cannot be read") }
        switch request.operation {
        case .discover, .describe: return decideVisibility(facts)
        case .control, .event, .media, .presentation: return decideUse(facts)
        }
    }

    static let nothing = "nothing was granted to this client"

    /// Whether somebody has a rule with a time, so that what may be seen changes without anybody's doing.
    package var isTimed: Bool {
        rules.contains { $0.rule.when != nil || $0.rule.until != nil } || !passes.isEmpty
    }

    private var passes: [GuestPass] { subjects.values.flatMap(\.grants).compactMap(\.pass) }

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

    /// The first type in the device, or the service asked for, that nobody is given.
    static func forbidden(in request: AccessRequest) -> String? {
        let device = request.device
        if ForbiddenTypes.contains(device.deviceType) { return device.deviceType }
        return device.embeddedTypes.first(where: ForbiddenTypes.contains)
            ?? device.serviceTypes.first(where: ForbiddenTypes.forbidsDevice)
            ?? request.service.flatMap { ForbiddenTypes.contains($0) ? $0 : nil }
    }

    /// A rule that speaks of the request, with its rank.
    struct Match {
        let rank: Rank
        let rule: CompiledRule
    }

    /// The rules that speak of a request and are in their time, the most specific first; and the most specific rule that
    /// would permit it and is not in its time.
    func matches(_ facts: RequestFacts) -> (awake: [Match], asleep: CompiledRule?) {
        var awake: [Match] = []
        var asleep: Match?
        index.forEachCandidate(facts) { number in
            let rule = rules[number]
            guard let rank = rule.rank(facts) else { return }
            if !rule.isAsleep(facts) {
                awake.append(Match(rank: rank, rule: rule))
            } else if rule.isPermit, asleep.map({ $0.rank < rank }) ?? true {
                asleep = Match(rank: rank, rule: rule)
            }
        }
        awake.sort { $0.rank == $1.rank ? $0.rule.order < $1.rule.order : $0.rank > $1.rank }
        return (awake, asleep?.rule)
    }

    private func decideUse(_ facts: RequestFacts) -> Decision {
        if facts.request.operation != .media, facts.request.operation != .presentation, facts.service?.kind != .service
        {
            return .deny("the request names no service")
        }
        if facts.request.operation == .control, facts.request.action == nil {
            return .deny("the request names no action")
        }
        let (awake, asleep) = matches(facts)
        var limit: (level: UInt64, decision: Decision)?
        for match in awake {
            if let limit, limit.level != match.rank.level { return limit.decision }
            switch match.rule.outcome(facts) {
            case .holds(let decision): return decision
            case .fails(nil): continue
            case .fails(let refusal?): if limit == nil { limit = (match.rank.level, refusal) }
            }
        }
        if let limit { return limit.decision }
        if let asleep { return .deny(asleep.sleepingSentence(facts), rule: asleep.rule.name) }
        return decideGrants(facts)
    }

    /// By what the client was granted. Where several grants differ, one that permits is enough.
    func decideGrants(_ facts: RequestFacts) -> Decision {
        var denial: Decision?
        for grant in facts.subject.grants {
            let decision = grant.decide(facts.request)
            if decision.permitted { return decision }
            denial = denial ?? decision
        }
        return denial ?? .deny(Self.nothing)
    }
}
