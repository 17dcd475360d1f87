extension SearchCriteria {
    /// The most bytes that are read.
    public static let maximumBytes = 8192
    /// The most comparisons.
    public static let maximumTerms = 128
    /// How deep parentheses may nest.
    public static let maximumDepth = 32

    /// Reads criteria; `and` binds closer than `or`.
    ///
    /// - Throws: ``SearchCriteriaError``, to be answered with 708, Unsupported or invalid search criteria.
    public init(_ text: String) throws(SearchCriteriaError) {
        guard text.utf8.count <= Self.maximumBytes else { throw .tooLong }
        var parser = SearchCriteriaParser(text)
        self = try parser.criteria()
    }
}

/// Why search criteria were refused.
public enum SearchCriteriaError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Longer than ``SearchCriteria/maximumBytes``, or with more terms than ``SearchCriteria/maximumTerms``.
    case tooLong
    /// Parentheses nest deeper than ``SearchCriteria/maximumDepth``.
    case tooDeep
    /// Something else stands where this was expected, so many bytes from the start.
    case expected(String, at: Int)

    /// What happened, in a sentence.
    public var description: String {
        switch self {
        case .tooLong: "The search criteria are too long."
        case .tooDeep: "The search criteria nest too deep."
        case .expected(let what, let offset): "The search criteria have no \(what) at byte \(offset)."
        }
    }
}

/// A parser by recursive descent, with a depth that is counted.
private struct SearchCriteriaParser {
    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0
    private var terms = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func criteria() throws(SearchCriteriaError) -> SearchCriteria {
        skipSpace()
        // An empty argument is what some control points send for everything.
        if position == bytes.count { return .all }
        if bytes[position] == UInt8(ascii: "*") {
            position += 1
            skipSpace()
            guard position == bytes.count else { throw .expected("end", at: position) }
            return .all
        }
        let result = try disjunction()
        guard position == bytes.count else { throw .expected("end", at: position) }
        return result
    }

    private mutating func disjunction() throws(SearchCriteriaError) -> SearchCriteria {
        var result = try conjunction()
        while take(word: "or") { result = .or(result, try conjunction()) }
        return result
    }

    private mutating func conjunction() throws(SearchCriteriaError) -> SearchCriteria {
        var result = try term()
        while take(word: "and") { result = .and(result, try term()) }
        return result
    }

    private mutating func term() throws(SearchCriteriaError) -> SearchCriteria {
        skipSpace()
        terms += 1
        guard terms <= SearchCriteria.maximumTerms else { throw .tooLong }
        if position < bytes.count, bytes[position] == UInt8(ascii: "(") {
            guard depth < SearchCriteria.maximumDepth else { throw .tooDeep }
            depth += 1
            position += 1
            let result = try disjunction()
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: ")") else {
                throw .expected("closing parenthesis", at: position)
            }
            position += 1
            depth -= 1
            skipSpace()
            return result
        }
        let property = try name()
        if take(word: "exists") {
            if take(word: "true") { return .exists(property, true) }
            if take(word: "false") { return .exists(property, false) }
            throw .expected("true or false", at: position)
        }
        let comparison = try self.comparison()
        return .compare(property, comparison, try quoted())
    }

    private mutating func name() throws(SearchCriteriaError) -> String {
        skipSpace()
        let start = position
        while position < bytes.count, Self.isName(bytes[position]) { position += 1 }
        guard position > start else { throw .expected("property", at: start) }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func comparison() throws(SearchCriteriaError) -> SearchCriteria.Operator {
        skipSpace()
        // The longer ones first: `<=` begins with `<`.
        for symbol in [SearchCriteria.Operator.notEqual, .lessOrEqual, .greaterOrEqual, .less, .greater, .equal]
        where bytes[position...].starts(with: symbol.rawValue.utf8) {
            position += symbol.rawValue.utf8.count
            return symbol
        }
        for word in [SearchCriteria.Operator.contains, .doesNotContain, .startsWith, .derivedFrom]
        where take(word: word.rawValue) { return word }
        throw .expected("operator", at: position)
    }

    private mutating func quoted() throws(SearchCriteriaError) -> String {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
            throw .expected("value in quotation marks", at: position)
        }
        position += 1
        var value: [UInt8] = []
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            if bytes[position] == UInt8(ascii: "\\"), position + 1 < bytes.count { position += 1 }
            value.append(bytes[position])
            position += 1
        }
        guard position < bytes.count else { throw .expected("closing quotation mark", at: position) }
        position += 1
        skipSpace()
        return String(decoding: value, as: UTF8.self)
    }

    /// Takes a keyword, in any case, that ends there.
    private mutating func take(word: String) -> Bool {
        skipSpace()
        let end = position + word.utf8.count
        guard end <= bytes.count, end == bytes.count || !Self.isName(bytes[end]),
            zip(bytes[position..<end], word.utf8).allSatisfy({ Self.lower($0) == Self.lower($1) })
        else { return false }
        position = end
        skipSpace()
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "@"), UInt8(ascii: ":"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "."), 0x80...:
            true
        default: false
        }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
