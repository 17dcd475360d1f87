/// The changes of membership that one rekey serves, as the key manager wants them.
package struct KeyTreeBatch: Sendable {
    /// A member that comes in, with the leaf secret that its registration agreed on (LEAF_0).
    package struct Joiner: Sendable {
        /// The member's id.
        package let member: UInt32
        /// 32 bytes that only this member and the key manager have.
        package let secret: SecretBytes

        package init(member: UInt32, secret: SecretBytes) {
            self.member = member
            self.secret = secret
        }
    }

    /// The leaves whose members leave or are evicted.
    package var removals: [UInt32] = []
    /// The members that stay on their leaf with a fresh secret; each is served like a joiner.
    package var refreshes: [(leaf: UInt32, joiner: Joiner)] = []
    /// The members that come in; they get leaves in this order.
    package var joiners: [Joiner] = []
    /// Whether the tree may shrink now.
    package var mayShrink = true

    /// How many events it has.
    package var count: Int { removals.count + refreshes.count + joiners.count }

    package init(removals: [UInt32] = [], refreshes: [(leaf: UInt32, joiner: Joiner)] = [], joiners: [Joiner] = []) {
        self.removals = removals
        self.refreshes = refreshes
        self.joiners = joiners
    }
}
