/// Sets of rules by their numbers: those with many as bits, those with few as lists, so that a policy in which each
/// device has a rule of its own does not take the square of its size.
struct RuleSets: Sendable {
    /// Names a set.
    typealias Number = Int

    private struct Place {
        let start: Int
        let length: Int
        let isList: Bool
    }

    /// Of how many rules.
    let count: Int
    private let width: Int
    private var places: [Place] = []
    private var words: [UInt64] = []
    private var lists: [Int32] = []

    init(count: Int) {
        self.count = count
        self.width = (count + 63) / 64
    }

    /// Adds a set of rules.
    mutating func add(_ rules: [Int32]) -> Number {
        if rules.count <= width {
            places.append(Place(start: lists.count, length: rules.count, isList: true))
            lists += rules
        } else {
            let start = words.count
            places.append(Place(start: start, length: width, isList: false))
            words += repeatElement(0, count: width)
            for rule in rules { words[start + Int(rule) / 64] |= 1 << UInt64(rule % 64) }
        }
        return places.count - 1
    }

    /// The rules that are in one of the sets added, of each of the times that it was narrowed.
    struct Selection {
        private(set) var found: [UInt64]
        private var union: [UInt64]

        /// Begins with these rules.
        init(of rules: [UInt64]) {
            found = rules
            union = Array(repeating: 0, count: rules.count)
        }

        mutating func add(_ number: Number?, of sets: RuleSets) {
            guard let number else { return }
            let place = sets.places[number]
            if place.isList {
                for rule in sets.lists[place.start..<place.start + place.length] {
                    union[Int(rule) / 64] |= 1 << UInt64(rule % 64)
                }
            } else {
                for index in 0..<place.length { union[index] |= sets.words[place.start + index] }
            }
        }

        mutating func narrow() {
            for index in found.indices {
                found[index] &= union[index]
                union[index] = 0
            }
        }

        func forEach(_ body: (Int) -> Void) {
            for (index, word) in found.enumerated() {
                var bits = word
                while bits != 0 {
                    body(index * 64 + bits.trailingZeroBitCount)
                    bits &= bits - 1
                }
            }
        }
    }
}
