extension KeyTree {
    /// Decides a batch: the leaves of its joiners, the tree's height and the batch's own randomness. Changes nothing.
    ///
    /// Joiners get the leaves of the members that leave, ascending, and then the lowest empty ones. `random` must be
    /// the system's wherever the result is used.
    package func plan(
        _ batch: KeyTreeBatch, using random: inout some RandomNumberGenerator
    ) throws(KeyTreeError) -> KeyTreeDiff {
        guard epoch < .max else { throw .epochsExhausted }
        guard batch.count <= limits.events else { throw .batchTooLarge(limit: limits.events) }
        let removed = try removedLeaves(of: batch)
        let joined = try joinedLeaves(of: batch)
        let height = try height(removed: removed, joined: joined, mayShrink: batch.mayShrink)
        // Salt first: a source that returns the same bytes again is the one fault that a pad's freshness hangs on.
        let salt = SecretBytes(count: RekeyLimits.saltLength, using: &random).exposed
        return KeyTreeDiff(
            epoch: epoch + 1, height: height,
            salt: faults.contains(.reusesSalt) ? [UInt8](repeating: 7, count: salt.count) : salt,
            randomness: SecretBytes(count: RekeyLimits.secretLength, using: &random),
            removed: removed, joined: joined
        )
    }

    private func removedLeaves(of batch: KeyTreeBatch) throws(KeyTreeError) -> [UInt32] {
        let removed = (batch.removals + batch.refreshes.map(\.leaf)).sorted()
        for index in removed.indices {
            guard isOccupied(leaf: removed[index]) else { throw .vacantLeaf(removed[index]) }
            guard index == 0 || removed[index - 1] < removed[index] else { throw .repeatedLeaf(removed[index]) }
        }
        return removed
    }

    private func joinedLeaves(of batch: KeyTreeBatch) throws(KeyTreeError) -> [KeyTreeDiff.Joined] {
        var joined: [KeyTreeDiff.Joined] = []
        joined.reserveCapacity(batch.refreshes.count + batch.joiners.count)
        for refresh in batch.refreshes {
            let joiner = refresh.joiner
            joined.append(.init(leaf: refresh.leaf, member: joiner.member, secret: joiner.secret))
        }
        let vacated = batch.removals.sorted()
        var next: UInt32 = 0
        for (position, joiner) in batch.joiners.enumerated() {
            let leaf: UInt32
            if position < vacated.count {
                leaf = vacated[position]
            } else {
                leaf = lowestEmptyLeaf(from: next)
                next = leaf + 1
            }
            guard Int(leaf) < 1 << limits.height else { throw .full(limit: 1 << limits.height) }
            joined.append(.init(leaf: leaf, member: joiner.member, secret: joiner.secret))
        }
        guard joined.allSatisfy({ $0.secret.isLeafSecret }) else { throw .unusableSecret }
        joined.sort { $0.leaf < $1.leaf }
        return joined
    }

    /// The first leaf at or after `start` that has no member; beyond the capacity every leaf has none.
    private func lowestEmptyLeaf(from start: UInt32) -> UInt32 {
        guard Int(start) < 1 << height else { return start }
        var level = 0
        var index = start
        // Up and to the right, until the subtree that begins here has room...
        while counts[TreeNode.number(height: level, index: index)] == 1 << UInt32(level) {
            index += 1
            while index & 1 == 0, level < height, index > 0 {
                index >>= 1
                level += 1
            }
            if Int(index) << level >= 1 << height { return index << UInt32(level) }
        }
        // ... and down into its leftmost room.
        while level > 0 {
            level -= 1
            index <<= 1
            if counts[TreeNode.number(height: level, index: index)] == 1 << UInt32(level) { index += 1 }
        }
        return index
    }

    private func height(
        removed: [UInt32], joined: [KeyTreeDiff.Joined], mayShrink: Bool
    ) throws(KeyTreeError) -> Int {
        var height = height
        let last = joined.last?.leaf ?? 0
        while Int(last) >= 1 << height { height += 1 }
        guard mayShrink, height == self.height else { return height }
        // One level goes as long as no leaf stays in the upper three quarters; of two leaves, in the upper one.
        while height > 0, isEmptied(from: max(1, (1 << height) / 4), removed: removed, last: last) {
            height -= 1
        }
        return height
    }

    /// Whether the batch leaves no member at or beyond the leaf `first`, which is a power of two.
    private func isEmptied(from first: Int, removed: [UInt32], last: UInt32) -> Bool {
        guard Int(last) < first else { return false }
        let quarter = first.trailingZeroBitCount
        let present = counts[TreeNode.root(height: self.height).number] - counts[TreeNode.root(height: quarter).number]
        let start = removed.lowerBound(UInt32(first))
        return Int(present) == removed.count - start
    }
}

extension SecretBytes {
    /// Whether it can be a leaf's secret: 32 bytes, not all zeros.
    var isLeafSecret: Bool {
        withUnsafeBytes { bytes in
            guard bytes.count == RekeyLimits.secretLength, let base = bytes.baseAddress else { return false }
            return base.isSecret
        }
    }
}

extension RandomAccessCollection where Element: Comparable, Index == Int {
    /// The first index whose element is not below `value`, in a sorted collection.
    func lowerBound(_ value: Element) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
