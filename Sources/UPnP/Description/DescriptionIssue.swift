/// One thing in a description that is against the standard.
///
/// Descriptions are read leniently, so most that devices send has some. A description of our own should have
/// none: ``RootDescription/issues`` and ``SCPD/issues`` tell before it is published.
public struct DescriptionIssue: Hashable, Sendable {
    /// Which rule is broken.
    public enum Rule: String, Hashable, Sendable, CaseIterable {
        /// Something that the standard requires is missing or empty.
        case missing
        /// A text is longer than the standard recommends.
        case tooLong
        /// A type, identifier, number or name is not of the form that the standard gives it.
        case malformed
        /// Two things have the same identifier, name or URL, which must be their own.
        case duplicate
        /// Something that a newer version of the standard has withdrawn.
        case deprecated
        /// A URL that no control point will reach: empty, or none.
        case unreachable
        /// Two things contradict each other.
        case inconsistent
    }

    /// Which rule is broken.
    public var rule: Rule
    /// Where: names of elements, with the thing's own name or position, such as `device 2/service 1/serviceId`.
    public var place: String
    /// What is wrong, in a sentence, with the clause that says so.
    public var explanation: String

    /// Makes an issue.
    public init(_ rule: Rule, at place: String, _ explanation: String) {
        self.rule = rule
        self.place = place
        self.explanation = explanation
    }
}

extension DescriptionIssue: CustomStringConvertible {
    /// Place and explanation.
    public var description: String { "\(place): \(explanation)" }
}

/// The forms that the standard gives to names and types.
enum DescriptionForm {
    /// `urn:domain:device:Type:v`, or with `service` (UDA 2.0 §2.3).
    static func isType(_ text: String, kind: String) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 5 && parts[0] == "urn" && !parts[1].isEmpty && parts[2] == kind
            && (1...64).contains(parts[3].utf8.count) && Int(parts[4]).map { $0 > 0 } == true
            && !parts[1].contains(".")
    }

    /// `urn:domain:serviceId:ID` (UDA 2.0 §2.3).
    static func isServiceID(_ text: String) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "urn" && !parts[1].isEmpty && parts[2] == "serviceId"
            && (1...64).contains(parts[3].utf8.count)
    }

    /// `uuid:` and 4-2-2-2-6 bytes in hexadecimal digits (UDA 2.0 §1.1.4).
    static func isUDN(_ text: String) -> Bool {
        guard text.hasPrefix("uuid:") else { return false }
        let groups = text.dropFirst(5).split(separator: "-", omittingEmptySubsequences: false)
        return groups.map(\.utf8.count) == [8, 4, 4, 4, 12]
            && groups.allSatisfy { $0.utf8.allSatisfy(URLText.isHexDigit) }
    }

    /// 12 digits, of which the last one is a check (UDA 2.0 §2.3).
    static func isUPC(_ text: String) -> Bool { text.utf8.count == 12 && text.utf8.allSatisfy(URLText.isDigit) }

    /// A name of an action, argument or variable: no hyphen, no hash, nothing that an element cannot be called
    /// (UDA 2.0 §2.5).
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && !text.contains { "-#.".contains($0) } && XMLText.name(text) == text
    }
}
