/// Which subtrees of a staged rekey get a packet each, so that every member that was there before is in exactly one
/// and no packet is too large (group keys §3.9.5).
struct PacketLayout: Sendable {
    /// One packet's subtree.
    struct Subtree: Sendable {
        let height: Int
        let index: UInt32
        /// Its root's entry in the journal; nil if the batch touches nothing inside.
        let entry: Int?
        let existing: UInt32
        /// Bit k: the ancestor at height k is in TR; in TA.
        let removalMask: UInt32
        let joinMask: UInt32
        /// The entries of the ancestors whose records it carries, from the root down.
        let spine: [Int32]
    }

    /// From the left.
    let subtrees: [Subtree]

    init(
        _ journal: RekeyJournal, counts: MemberCounts, limits: KeyTreeLimits, faults: KeyTreeFaults
    ) throws(KeyTreeError) {
        var descent = PacketDescent(journal: journal, counts: counts, datagram: limits.datagram, faults: faults)
        descent.visit(entry: journal.root, height: journal.height, index: 0, removalMask: 0, joinMask: 0)
        guard descent.subtrees.count <= RekeyLimits.packets else { throw .tooManyPackets }
        subtrees = descent.subtrees
    }
}

/// The way down from the root, to the largest subtrees that fit a packet.
private struct PacketDescent {
    let journal: RekeyJournal
    let counts: MemberCounts
    let datagram: Int
    let faults: KeyTreeFaults
    var subtrees: [PacketLayout.Subtree] = []
    var spine: [Int32] = []

    mutating func visit(entry: Int?, height: Int, index: UInt32, removalMask: UInt32, joinMask: UInt32) {
        let state = entry.map { journal.entries[$0] }
        let existing = state?.existing ?? counts[TreeNode.number(height: height, index: index)]
        guard existing > 0 else { return }
        let leaves = state.map { Int($0.removed + $0.joined) } ?? 0
        let length = RekeyPacket.length(leaves: leaves, records: Int(state?.records ?? 0) + spine.count)
        let fits = length <= datagram
        if fits || faults.contains(.coversTwice) {
            subtrees.append(
                PacketLayout.Subtree(
                    height: height, index: index, entry: entry, existing: existing, removalMask: removalMask,
                    joinMask: joinMask, spine: spine))
        }
        guard !fits, let entry, let state else { return }
        split(entry: entry, state: state, height: height, removalMask: removalMask, joinMask: joinMask)
    }

    private mutating func split(
        entry: Int, state: RekeyJournal.Entry, height: Int, removalMask: UInt32, joinMask: UInt32
    ) {
        let bit: UInt32 = 1 << UInt32(height)
        let isRemoval = state.marks.contains(.removal)
        let removalMask = isRemoval ? removalMask | bit : removalMask
        let joinMask = !isRemoval && state.marks.contains(.join) ? joinMask | bit : joinMask
        visit(
            entry: state.left < 0 ? nil : Int(state.left), height: height - 1, index: state.index << 1,
            removalMask: removalMask, joinMask: joinMask)
        let hasRecord = state.marks.contains(.record) && !faults.contains(.dropsSpineRecords)
        if hasRecord { spine.append(Int32(entry)) }
        visit(
            entry: state.right < 0 ? nil : Int(state.right), height: height - 1, index: state.index << 1 | 1,
            removalMask: removalMask, joinMask: joinMask)
        if hasRecord { spine.removeLast() }
    }
}
