import Foundation

/// How many encryptions the plain logical key hierarchy needs (Wallner; Wong, Gouda, Lam; RFC 2627), by its closed form:
/// what our own tree is compared with.
package enum PlainHierarchy {
    /// The expected number for a batch of `leaves` members that leave a full tree of `members`, chosen at random, at
    /// `degree` children a node. Nil if no full tree of this degree has that many members.
    ///
    /// For each level l, with S_l members below a node, q_l the probability that a node has nobody who leaves and e_l
    /// that nobody stays: the sum of degree^(l+1) · (1 - q_l - e_(l+1)).
    package static func encryptions(members: Int, leaves: Int, degree: Int) -> Double? {
        var height = 0
        var size = 1
        while size < members {
            size *= degree
            height += 1
        }
        guard size == members, leaves <= members else { return nil }
        return (0..<height).reduce(0.0) { sum, level in
            let below = power(degree, height - level)
            let child = below / degree
            let untouched = logDrawn(members - max(leaves, below), of: members, draws: min(leaves, below))
            let emptied = leaves < child ? 0 : exp(logDrawn(leaves, of: members, draws: child))
            return sum + Double(power(degree, level + 1)) * (-expm1(untouched) - emptied)
        }
    }

    /// The logarithm of the probability that all of so many draws, without putting back, are of `some` out of `all`.
    private static func logDrawn(_ some: Int, of all: Int, draws: Int) -> Double {
        guard draws <= some else { return -.infinity }
        return (0..<draws).reduce(0.0) { $0 + log1p(-Double(all - some) / Double(all - $1)) }
    }

    private static func power(_ base: Int, _ exponent: Int) -> Int {
        (0..<exponent).reduce(1) { product, _ in product * base }
    }
}
