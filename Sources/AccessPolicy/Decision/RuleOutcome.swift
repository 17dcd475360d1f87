extension CompiledRule {
    /// What a rule that speaks of a request says to it.
    enum Outcome {
        /// It decides.
        case holds(Decision)
        /// Its conditions on arguments are not met. A rule that permits refuses then, unless another of its level permits;
        /// nil of one that denies.
        case fails(Decision?)
    }

    func outcome(_ facts: RequestFacts) -> Outcome {
        let arguments = facts.request.arguments
        guard isPermit else {
            let holds = rule.arguments.allSatisfy { $0.mayHold(arguments) }
            return holds ? .holds(.deny("\(title) denies \(Self.what(facts))", rule: rule.name)) : .fails(nil)
        }
        if let broken = rule.arguments.first(where: { !$0.surelyHolds(arguments) }) {
            return .fails(
                .deny("\(title) permits \(Self.what(facts)) only with \(broken.text)", rule: rule.name))
        }
        var filter: ResultFilter?
        if !rule.below.isEmpty {
            switch containment(facts) {
            case .inside(let found): filter = found
            case .outside(let sentence): return .fails(.deny(sentence, rule: rule.name))
            case .unknown(let id):
                return .holds(
                    .deny(
                        "where the object lies is to be found out first", rule: rule.name,
                        needs: .ancestry(objectID: id)))
            }
        }
        if rule.consent, !facts.request.consents.contains(rule.name) {
            return .holds(
                .deny(
                    "\(title) permits this after somebody at home has consented", rule: rule.name,
                    needs: .consent(rule: rule.name)))
        }
        return .holds(.permit("\(title) permits \(Self.what(facts))", rule: rule.name, filter: filter))
    }

    private enum Containment {
        case inside(ResultFilter)
        case outside(String)
        case unknown(String)
    }

    /// Browse names its object `ObjectID`, Search `ContainerID` (ContentDirectory:1 §2.7.4, §2.7.5). An object is below a
    /// container if that is among the containers above it; on the way to one it is if it is itself among those above
    /// that one.
    private func containment(_ facts: RequestFacts) -> Containment {
        let request = facts.request
        let wanted = request.action == "Search" ? "ContainerID" : "ObjectID"
        let named = request.arguments.filter { ArgumentCondition.isSame($0.name, wanted) }
        guard named.count == 1, let object = named.first, object.name == wanted,
            (1...1024).contains(object.value.utf8.count)
        else { return .outside("\(title) permits this only of one object that is named") }
        let id = object.value
        let plain = ResultFilter(containers: rule.below)
        if rule.below.contains(id) { return .inside(plain) }
        switch request.ancestries[id] {
        case nil: return .unknown(id)
        case .known(let chain)? where chain.contains(where: rule.below.contains): return .inside(plain)
        default: break
        }
        var path: Set<String> = []
        for container in rule.below {
            switch request.ancestries[container] {
            case nil: return .unknown(container)
            case .known(let chain)?: path.formUnion(chain.dropFirst())
            case .unavailable?: break
            }
        }
        guard path.contains(id) else {
            return .outside("\(title) permits \(Self.what(facts)) only below the containers that it names")
        }
        let isSearch = request.action == "Search"
        return .inside(ResultFilter(containers: rule.below, path: isSearch ? [] : path))
    }

    func sleepingSentence(_ facts: RequestFacts) -> String {
        if let until = rule.until, facts.localMinutes.map({ $0 >= until.minutes }) ?? false {
            return "\(title) permitted \(Self.what(facts)) until \(until.text)"
        }
        return
            "\(title) permits \(Self.what(facts)) only at other times: \(rule.when?.text ?? "until \(rule.until?.text ?? "")")"
    }

    /// For a sentence: the action, or the kind of wish.
    static func what(_ facts: RequestFacts) -> String {
        switch facts.operation {
        case .control, .describe: facts.action ?? "this"
        case .event: "events"
        case .media: "content"
        case .presentation: "the device's web page"
        case .discover: "the device"
        }
    }
}
