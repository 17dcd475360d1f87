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
            let untouched = probability(members, leaves, drawnFrom: members - below, fixed: 0)
            let child = below / degree
            let emptied = probability(members, leaves, drawnFrom: members - child, fixed: child)
            return sum + Double(power(degree, level + 1)) * (1 - untouched - emptied)
        }
    }

    /// C(pool, leaves - fixed) / C(members, leaves).
    private static func probability(_ members: Int, _ leaves: Int, drawnFrom pool: Int, fixed: Int) -> Double {
        guard leaves >= fixed, leaves - fixed <= pool else { return 0 }
        return exp(logChoose(pool, leaves - fixed) - logChoose(members, leaves))
    }

    private static func logChoose(_ count: Int, _ chosen: Int) -> Double {
        lgamma(Double(count) + 1) - lgamma(Double(chosen) + 1) - lgamma(Double(count - chosen) + 1)
    }

    private static func power(_ base: Int, _ exponent: Int) -> Int {
        (0..<exponent).reduce(1) { product, _ in product * base }
    }
}
