/// The numbers of a rekey packet and of the tree's wire form (group keys §3.9, §3.15).
package enum RekeyLimits {
    /// A batch's salt, in bytes.
    package static let saltLength = 16
    /// A secret of the tree, in bytes.
    package static let secretLength = 32
    /// The greatest height that a packet may name.
    package static let wireHeight = 30
    /// Packets of one rekey.
    package static let packets = 65_535
}

/// How large a key tree may become.
package struct KeyTreeLimits: Hashable, Sendable {
    /// The height at which every leaf of every member still fits a packet of 1,200 bytes.
    package static let greatestHeight = 26

    /// The tree holds up to 2^height members. Address space for all of them is reserved at once: 72 bytes a member.
    package let height: Int
    /// Events (removals, refreshes, joiners) in one batch; at most 65,536.
    package let events: Int
    /// The largest rekey datagram, in bytes; 1,200 fits the smallest IPv6 path (§3.11).
    package let datagram: Int
    /// Whether the secrets' memory is locked, as far as the process may.
    package let locksMemory: Bool

    /// Limits; `height` is 1 to 26, `events` 1 to 65,536, `datagram` at least what one leaf of the largest tree needs.
    package init(height: Int = 20, events: Int = 65_536, datagram: Int = 1_200, locksMemory: Bool = true) {
        precondition((1...Self.greatestHeight).contains(height), "a tree's height is 1 to 26")
        precondition((1...65_536).contains(events), "a batch has 1 to 65,536 events")
        precondition(datagram >= RekeyPacket.length(leaves: 0, records: height), "a leaf's packet must fit")
        precondition(datagram <= 65_507, "a datagram has at most 65,507 bytes")
        self.height = height
        self.events = events
        self.datagram = datagram
        self.locksMemory = locksMemory
    }
}
