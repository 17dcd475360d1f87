import CLibCrypto

extension KeyTree {
    /// Computes a decided batch beside the tree, which is not changed: also a batch out of a log, which is why it is
    /// checked. Throws `unfitting`, `vacantLeaf` or `unusableSecret` for one that this tree cannot have decided.
    package func stage(_ diff: KeyTreeDiff) throws(KeyTreeError) -> StagedRekey {
        try check(diff)
        var staging = RekeyStaging(self, diff: diff)
        for level in stride(from: height + 1, to: diff.height, by: 1) {
            // Between the root of before and the root of after every node is above a joiner: leaves fill from the left.
            guard staging.journal.entry(level: level, index: 0) != nil else { throw .unfitting }
        }
        let epochSecret = staging.run()
        let layout = try PacketLayout(staging.journal, counts: counts, limits: limits, faults: faults)
        let header = RekeyHeader(
            group: group, epoch: diff.epoch, height: diff.height, salt: diff.salt,
            members: staging.journal.entries[staging.journal.root].count,
            didGrow: diff.height > height, didShrink: diff.height < height
        )
        return StagedRekey(
            diff: diff, header: header, epochSecret: epochSecret, derivations: staging.derivations,
            journal: staging.journal, layout: layout, revision: revision, tree: identity
        )
    }

    /// Takes a staged rekey over. It has to be of this tree in this state (`stale` otherwise), and nothing is changed
    /// when it is not. The secrets of before are erased.
    package mutating func merge(_ staged: StagedRekey) throws(KeyTreeError) {
        guard staged.tree === identity, staged.revision == revision else { throw .stale }
        let newHeight = staged.header.height
        if newHeight > height { secrets.use(Self.nodeCount(height: newHeight) * RekeyLimits.secretLength) }
        let journal = staged.journal
        for level in 0...newHeight {
            for place in journal.entries(ofLevel: level) { write(place, level: level, of: journal) }
        }
        if newHeight < height { eraseBeyond(newHeight) }
        epoch = staged.epoch
        height = newHeight
        epochSecret = staged.epochSecret
        revision += 1
    }

    private func check(_ diff: KeyTreeDiff) throws(KeyTreeError) {
        guard epoch < .max, diff.epoch == epoch + 1, diff.salt.count == RekeyLimits.saltLength,
            diff.randomness.count == RekeyLimits.secretLength, (0...limits.height).contains(diff.height),
            diff.removed.isStrictlyAscending, diff.joined.lazy.map(\.leaf).isStrictlyAscending,
            Int(diff.joined.last?.leaf ?? 0) < 1 << diff.height, heightFits(diff)
        else { throw .unfitting }
        for leaf in diff.removed where !isOccupied(leaf: leaf) { throw .vacantLeaf(leaf) }
        for entry in diff.joined {
            guard entry.secret.isLeafSecret else { throw .unusableSecret }
            guard isOccupied(leaf: entry.leaf) else { continue }
            let place = diff.removed.lowerBound(entry.leaf)
            guard place < diff.removed.count, diff.removed[place] == entry.leaf else { throw .repeatedLeaf(entry.leaf) }
        }
    }

    /// Whether the diff's height is as small as growth allows, and leaves nobody beyond its capacity.
    private func heightFits(_ diff: KeyTreeDiff) -> Bool {
        if diff.height > height { return Int(diff.joined.last?.leaf ?? 0) >= 1 << (diff.height - 1) }
        if diff.height == height { return true }
        let beyond = counts[TreeNode.root(height: height).number] - counts[TreeNode.root(height: diff.height).number]
        return Int(beyond) == diff.removed.count - diff.removed.lowerBound(1 << UInt32(diff.height))
    }

    private func write(_ place: Int, level: Int, of journal: RekeyJournal) {
        let entry = journal.entries[place]
        let number = TreeNode.number(height: level, index: entry.index)
        pointer(number).copyMemory(from: journal.secret(place), byteCount: RekeyLimits.secretLength)
        counts[number] = entry.count
        guard !entry.marks.isDisjoint(with: [.leftSuccessor, .rightSuccessor]) else { return }
        let side: UInt32 = entry.marks.contains(.rightSuccessor) ? 1 : 0
        let child = TreeNode.number(height: level - 1, index: entry.index << 1 | side)
        pointer(child).copyMemory(from: journal.successor(place), byteCount: RekeyLimits.secretLength)
    }

    /// Without this a member that was evicted would hold secrets that come back to life when the tree grows again.
    private func eraseBeyond(_ newHeight: Int) {
        let nodes = Self.nodeCount(height: newHeight)..<Self.nodeCount(height: height)
        counts.clear(nodes)
        guard !faults.contains(.keepsBeyondCapacity) else { return }
        secrets.erase(nodes.lowerBound * RekeyLimits.secretLength..<nodes.upperBound * RekeyLimits.secretLength)
    }
}
