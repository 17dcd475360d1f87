/// What a decision lacks.
package enum Need: Hashable, Sendable {
    /// The chain of containers above an object: ask again with it in `AccessRequest.ancestries`.
    case ancestry(objectID: String)
    /// The consent of somebody at the gateway to the first use of a rule.
    case consent(rule: String)
}

/// What may stand in the answer of a Browse or Search.
package struct ResultFilter: Hashable, Sendable {
    /// Objects that are one of these containers or below one, at any depth, may be in the answer.
    package let containers: [String]
    /// Containers that lead to those, which may be in the answer of a Browse as containers, so that an app finds
    /// its way from the root. Nothing else that lies in them may.
    package let path: Set<String>

    /// Makes a filter.
    package init(containers: [String], path: Set<String> = []) {
        self.containers = containers
        self.path = path
    }
}

/// An answer with its reason.
package struct Decision: Hashable, Sendable {
    /// Whether it may be done.
    package let permitted: Bool
    /// A sentence without a final stop, for the log and for the user.
    package let reason: String
    /// The rule that decided, by its name; `grant:` and what was granted where that decided. Nil for "nothing permits it".
    package let rule: String?
    /// With `permitted` false: what is to be found out before asking again.
    package let needs: Need?
    /// With `permitted` true, of Browse and Search: what may be in the answer.
    package let resultFilter: ResultFilter?

    /// Makes a decision.
    package init(
        permitted: Bool, reason: String, rule: String? = nil, needs: Need? = nil, resultFilter: ResultFilter? = nil
    ) {
        self.permitted = permitted
        self.reason = reason
        self.rule = rule
        self.needs = needs
        self.resultFilter = resultFilter
    }

    /// May be done.
    package static func permit(_ reason: String, rule: String? = nil, filter: ResultFilter? = nil) -> Decision {
        Decision(permitted: true, reason: reason, rule: rule, resultFilter: filter)
    }

    /// May not be done.
    package static func deny(_ reason: String, rule: String? = nil, needs: Need? = nil) -> Decision {
        Decision(permitted: false, reason: reason, rule: rule, needs: needs)
    }
}
