/// The order of an answer to Browse or Search: its `SortCriteria` argument (ContentDirectory:4 §2.3.15).
public struct SortCriteria: Hashable, Sendable {
    /// One property to sort by.
    public struct Key: Hashable, Sendable {
        /// The property, such as `dc:title`.
        public var property: String
        /// Whether it ascends.
        public var isAscending: Bool

        /// Makes a key.
        public init(_ property: String, isAscending: Bool = true) {
            self.property = property
            self.isAscending = isAscending
        }
    }

    /// The most keys that are read.
    public static let maximumKeys = 16

    /// The keys, most significant first; empty for the server's own order.
    public var keys: [Key]

    /// Makes criteria.
    public init(_ keys: [Key] = []) { self.keys = keys }

    /// Reads `+dc:title,-dc:date`; nil when it is not of that form, which is error 709.
    public init?(_ text: String) {
        keys = []
        for part in XMLText.trimmed(text).split(separator: ",", omittingEmptySubsequences: false)
        where !text.allSatisfy({ $0 == " " }) {
            let part = XMLText.trimmed(String(part))
            guard let sign = part.first, sign == "+" || sign == "-", part.utf8.count > 1,
                keys.count < Self.maximumKeys
            else { return nil }
            keys.append(Key(String(part.dropFirst()), isAscending: sign == "+"))
        }
    }

    /// The objects in order. Objects that are equal by every key keep their order; an object without the
    /// property comes first when it ascends.
    public func sorted(_ objects: [DIDLObject]) -> [DIDLObject] {
        guard !keys.isEmpty else { return objects }
        // Values are looked up once, not at each comparison.
        let rows = objects.enumerated().map { index, object in
            (index: index, object: object, values: keys.map { object[$0.property].map(ComparableValue.init(_:)) })
        }
        return rows.sorted { left, right in
            for (position, key) in keys.enumerated() {
                switch (left.values[position], right.values[position]) {
                case (nil, nil): continue
                case (nil, _): return key.isAscending
                case (_, nil): return !key.isAscending
                case (let first?, let second?):
                    if first == second { continue }
                    return first.isSorted(before: second) == key.isAscending
                }
            }
            return left.index < right.index
        }.map(\.object)
    }
}

/// A property's value as it is compared: as a number where both are numbers, otherwise as text without regard
/// to case (ContentDirectory:4 §2.3.13.1).
struct ComparableValue: Equatable {
    private let number: Int64?
    private let text: String

    init(_ value: String) {
        number = Int64(value)
        text = value.lowercased()
    }

    static func == (left: Self, right: Self) -> Bool {
        if let first = left.number, let second = right.number { return first == second }
        return left.text == right.text
    }

    /// As search criteria compare: a date with a year as text, although the year is a number.
    static func < (left: Self, right: Self) -> Bool {
        if let first = left.number, let second = right.number { return first < second }
        return left.text < right.text
    }

    /// As lists are sorted: numbers before words, because a mix of both would have no order otherwise.
    func isSorted(before other: Self) -> Bool {
        (number == nil) == (other.number == nil) ? self < other : number != nil
    }

    func contains(_ other: String) -> Bool { text.contains(other.lowercased()) }
    func hasPrefix(_ other: String) -> Bool { text.hasPrefix(other.lowercased()) }
}
