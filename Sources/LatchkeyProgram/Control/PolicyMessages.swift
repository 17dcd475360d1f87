package import Foundation

/// What a command asks of the policy: `{"request":"policy","policy":{"show":{"version":3}}}`.
package enum PolicyControlRequest: Codable, Hashable, Sendable {
    /// A version's text; nil for the one in force.
    case show(version: Int?)
    /// Puts a text in force, unless another than `expecting` is (0: none); nil for whichever is.
    case set(text: String, expecting: Int?, author: String)
    /// The versions that are kept.
    case history
    /// Puts an older version's text in force again.
    case rollback(version: Int, author: String)
    /// Why would this be permitted or denied?
    case explain(PolicyQuestion)
    /// Reads the policy's file again, where the program follows one.
    case reload
}

/// A call that could be made.
package struct PolicyQuestion: Codable, Hashable, Sendable {
    /// An argument of the call.
    package struct Argument: Codable, Hashable, Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The client's name or id.
    package var client: String
    /// The device's UDN or friendly name.
    package var device: String
    /// What is wanted: `discover`, `describe`, `control`, `event`, `media`, `presentation`.
    package var operation: String
    /// The service's type, or its short name.
    package var service: String?
    /// The action's name.
    package var action: String?
    /// The arguments in their order.
    package var arguments: [Argument]
    /// The neighbour who asks; nil for the client's own host.
    package var via: String?
    /// Roles of the session.
    package var roles: [String]
    /// When, by the wall clock; nil for now.
    package var at: String?

    package init(
        client: String, device: String, operation: String, service: String? = nil, action: String? = nil,
        arguments: [Argument] = [], via: String? = nil, roles: [String] = [], at: String? = nil
    ) {
        self.client = client
        self.device = device
        self.operation = operation
        self.service = service
        self.action = action
        self.arguments = arguments
        self.via = via
        self.roles = roles
        self.at = at
    }
}

/// What is answered.
package enum PolicyControlReply: Codable, Hashable, Sendable {
    case shown(PolicyReport)
    case stored(PolicyReport)
    case history([PolicyReport])
    case explained(ExplanationReport)
}

/// A version of the policy.
package struct PolicyReport: Codable, Hashable, Sendable {
    /// 0 where there is no policy yet.
    package var version: Int
    package var author: String
    package var storedAt: Date?
    package var sha256: String
    /// Nil in lists.
    package var text: String?
    /// What it changed, as sentences; empty in lists.
    package var changes: [String]

    package init(
        version: Int, author: String, storedAt: Date?, sha256: String, text: String? = nil, changes: [String] = []
    ) {
        self.version = version
        self.author = author
        self.storedAt = storedAt
        self.sha256 = sha256
        self.text = text
        self.changes = changes
    }
}

/// Why a call would be permitted or denied.
package struct ExplanationReport: Codable, Hashable, Sendable {
    /// A rule that was looked at.
    package struct Rule: Codable, Hashable, Sendable {
        package var name: String
        package var line: Int
        /// `permit` or `deny`.
        package var effect: String
        /// `decides`, `outranked`, `condition fails`, `other time`, `does not apply`.
        package var verdict: String
        package var why: String

        package init(name: String, line: Int, effect: String, verdict: String, why: String) {
            self.name = name
            self.line = line
            self.effect = effect
            self.verdict = verdict
            self.why = why
        }
    }

    package var permitted: Bool
    package var reason: String
    /// The rule that decided, or `grant:` and what was granted; nil for neither.
    package var rule: String?
    package var line: Int?
    /// What is to be found out or consented to first.
    package var needs: String?
    /// Containers to which an answer is held.
    package var below: [String]
    /// What the answer rests on besides the question: which device was meant, which service, when.
    package var notes: [String]
    package var considered: [Rule]

    package init(
        permitted: Bool, reason: String, rule: String?, line: Int?, needs: String?, below: [String], notes: [String],
        considered: [Rule]
    ) {
        self.permitted = permitted
        self.reason = reason
        self.rule = rule
        self.line = line
        self.needs = needs
        self.below = below
        self.notes = notes
        self.considered = considered
    }
}
