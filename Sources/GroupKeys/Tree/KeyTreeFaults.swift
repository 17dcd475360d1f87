/// Faults that tests switch on, to show that what they check would be noticed. Empty everywhere else.
///
/// The table of faults and of the tests that fail under each is in Tests/GroupKeysTests/README.md.
package struct KeyTreeFaults: OptionSet, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The manager keeps the secret of a subtree that nobody is left in.
    package static let keepsEmptiedSubtree = KeyTreeFaults(rawValue: 1 << 0)
    /// The manager keeps the secrets beyond a tree that shrank.
    package static let keepsBeyondCapacity = KeyTreeFaults(rawValue: 1 << 1)
    /// Neither side replaces a used secret, the root's apart.
    package static let skipsRatchet = KeyTreeFaults(rawValue: 1 << 2)
    /// Neither side replaces the root's secret after the epoch's was derived from it.
    package static let skipsRootRatchet = KeyTreeFaults(rawValue: 1 << 3)
    /// Every batch has the same salt.
    package static let reusesSalt = KeyTreeFaults(rawValue: 1 << 4)
    /// Removed leaves count as members that stay: they are sources, and are wrapped for.
    package static let servesRemoved = KeyTreeFaults(rawValue: 1 << 5)
    /// A record is made under the other child's key.
    package static let wrapsUnderSource = KeyTreeFaults(rawValue: 1 << 6)
    /// Neither side changes a node above a joiner.
    package static let skipsJoinUpdate = KeyTreeFaults(rawValue: 1 << 7)
    /// A path node above a removed leaf keeps its secret, at both sides.
    package static let skipsRemovalUpdate = KeyTreeFaults(rawValue: 1 << 8)
    /// The member does not replace a used secret; the manager does.
    package static let memberSkipsRatchet = KeyTreeFaults(rawValue: 1 << 9)
    /// The member takes the result over before it has compared `confirm`.
    package static let memberSkipsConfirm = KeyTreeFaults(rawValue: 1 << 10)
    /// A packet leaves out what an ancestor's record says.
    package static let dropsSpineRecords = KeyTreeFaults(rawValue: 1 << 12)
    /// A subtree's packet is made although its children get theirs.
    package static let coversTwice = KeyTreeFaults(rawValue: 1 << 13)
    /// A removed leaf's secret stays.
    package static let keepsRemovedLeaf = KeyTreeFaults(rawValue: 1 << 14)
    /// A node above joiners only gets its secret from a constant, not from the batch's randomness.
    package static let freshFromConstant = KeyTreeFaults(rawValue: 1 << 15)
    /// Staging writes the root's secret into the tree.
    package static let stagesInPlace = KeyTreeFaults(rawValue: 1 << 16)
}
