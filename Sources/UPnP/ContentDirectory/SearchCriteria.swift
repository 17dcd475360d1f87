/// What to search for: the `SearchCriteria` argument of Search (ContentDirectory:4 §2.3.13.1).
public indirect enum SearchCriteria: Hashable, Sendable {
    /// Everything: `*`.
    case all
    /// Compares a property with a value.
    case compare(String, Operator, String)
    /// Whether an object has a property at all.
    case exists(String, Bool)
    /// Both.
    case and(SearchCriteria, SearchCriteria)
    /// One or the other or both.
    case or(SearchCriteria, SearchCriteria)

    /// How a property is compared with a value.
    public enum Operator: String, Hashable, Sendable, CaseIterable {
        /// Equal.
        case equal = "="
        /// Not equal.
        case notEqual = "!="
        /// Less.
        case less = "<"
        /// Less or equal.
        case lessOrEqual = "<="
        /// Greater.
        case greater = ">"
        /// Greater or equal.
        case greaterOrEqual = ">="
        /// The value is somewhere in it.
        case contains
        /// The value is nowhere in it.
        case doesNotContain
        /// It begins with the value.
        case startsWith
        /// It is the class, or one derived from it.
        case derivedFrom = "derivedfrom"
    }

    /// Whether an object fulfils the criteria. A property with several values fulfils a comparison when one of
    /// them does (`!=` and `doesNotContain`: when all do); one that is missing fulfils none but `exists false`.
    public func matches(_ object: DIDLObject) -> Bool {
        switch self {
        case .all: return true
        case .and(let first, let second): return first.matches(object) && second.matches(object)
        case .or(let first, let second): return first.matches(object) || second.matches(object)
        case .exists(let property, let expected): return !object.values(of: property).isEmpty == expected
        case .compare(let property, let comparison, let value):
            let found = object.values(of: property)
            guard !found.isEmpty else { return false }
            switch comparison {
            case .notEqual, .doesNotContain: return found.allSatisfy { comparison.holds($0, value) }
            default: return found.contains { comparison.holds($0, value) }
            }
        }
    }

    /// Every property that is named.
    public var properties: Set<String> {
        switch self {
        case .all: []
        case .compare(let property, _, _), .exists(let property, _): [property]
        case .and(let first, let second), .or(let first, let second): first.properties.union(second.properties)
        }
    }
}

extension SearchCriteria.Operator {
    fileprivate func holds(_ found: String, _ wanted: String) -> Bool {
        let (left, right) = (ComparableValue(found), ComparableValue(wanted))
        return switch self {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .lessOrEqual: !(right < left)
        case .greater: right < left
        case .greaterOrEqual: !(left < right)
        case .contains: left.contains(wanted)
        case .doesNotContain: !left.contains(wanted)
        case .startsWith: left.hasPrefix(wanted)
        case .derivedFrom: left == right || left.hasPrefix(wanted + ".")
        }
    }
}

extension SearchCriteria: CustomStringConvertible {
    /// The criteria as they are written in the argument; what was read and is written means the same.
    public var description: String {
        switch self {
        case .all: "*"
        case .compare(let property, let comparison, let value):
            "\(property) \(comparison.rawValue) \"\(Self.escaped(value))\""
        case .exists(let property, let expected): "\(property) exists \(expected)"
        case .and(let first, let second): "\(first.nested(in: 2)) and \(second.nested(in: 3))"
        case .or(let first, let second): "\(first.nested(in: 1)) or \(second.nested(in: 2))"
        }
    }

    /// In parentheses where it binds less than its place demands: `or` 1, `and` 2, a comparison 3. No more than
    /// that, because what was read must be read again within ``maximumDepth``.
    private func nested(in place: Int) -> String {
        let binding =
            switch self {
            case .or: 1
            case .and: 2
            default: 3
            }
        return binding < place ? "(\(self))" : description
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value.unicodeScalars {
            if character == "\"" || character == "\\" { result.unicodeScalars.append("\\") }
            result.unicodeScalars.append(character)
        }
        return result
    }
}
