/// Which kinds of ways to the gateway are used, the best first.
package struct PathOrder: Hashable, Sendable {
    /// Each at most once.
    package let kinds: [PathKind]

    /// All of them, in the order of `PathKind`.
    package static let all = PathOrder(unchecked: PathKind.allCases)

    /// Why kinds are no order, in a sentence without a full stop.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    private init(unchecked kinds: [PathKind]) { self.kinds = kinds }

    /// Takes an order, in which a session can be opened and which can be kept to.
    package init(_ kinds: [PathKind]) throws(Fault) {
        guard Set(kinds).count == kinds.count else { throw Fault(description: "each kind of path is named once") }
        guard kinds.contains(.direct) || kinds.contains(.relay) else {
            throw Fault(
                description: "one of direct and relay is needed, because the ends tell each other over it how to find "
                    + "the others")
        }
        if let turn = kinds.firstIndex(of: .turn) {
            guard turn > 0, kinds[turn - 1] == .punched else {
                throw Fault(description: "turn follows punched, because one search finds both")
            }
        }
        self.kinds = kinds
    }

    /// Whether ways of a kind are used.
    package func uses(_ kind: PathKind) -> Bool { kinds.contains(kind) }

    /// The ways that are used, the best first; those of one kind as they came.
    package func arranged(_ ways: [Way]) -> [Way] {
        kinds.flatMap { kind in ways.filter { $0.kind == kind } }
    }

    /// Those of the ways that are better than a kind.
    package func better(than kind: PathKind, of ways: [Way]) -> [Way] {
        PathOrder(unchecked: Array(kinds.prefix { $0 != kind })).arranged(ways)
    }
}
