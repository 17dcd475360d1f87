package import AccessPolicy
import Yams

/// A complaint about a policy's text.
package struct PolicyTextError: Hashable, Sendable, CustomStringConvertible {
    /// Counted from 1.
    package let line: Int
    /// Counted from 1.
    package let column: Int
    /// What is wrong and what to write instead; a sentence without a final stop.
    package let message: String

    /// Makes a complaint.
    package init(line: Int, column: Int, message: String) {
        self.line = line
        self.column = column
        self.message = message
    }

    /// `line 3, column 5: …`.
    package var description: String { "line \(line), column \(column): \(message)" }
}

/// Everything that is wrong with a policy's text, by line; at most 64 complaints.
package struct PolicyTextErrors: Error, Hashable, Sendable, CustomStringConvertible {
    /// At least one.
    package let errors: [PolicyTextError]

    /// Makes the list.
    package init(_ errors: [PolicyTextError]) { self.errors = errors }

    /// One line each.
    package var description: String { errors.map(\.description).joined(separator: "\n") }
}

/// A policy as people write it: YAML, described in docs/specs/policy.md.
package enum PolicyText {
    /// Reads a policy. Throws every complaint and not only the first, each with its line and column.
    package static func parse(
        _ text: String, limits: PolicyLimits = .init()
    ) throws(PolicyTextErrors) -> PolicyDocument {
        var reader = PolicyReader(limits: limits)
        let document = reader.read(text)
        guard reader.errors.isEmpty else { throw PolicyTextErrors(reader.sortedErrors) }
        return document
    }
}
