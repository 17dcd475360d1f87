/// Runs one batch over a tree, into a journal (group keys §3.9.2). The tree is only read.
struct RekeyStaging: ~Copyable {
    /// A child of the node in hand, as it is after its own level was done.
    private struct Child {
        let number: UInt32
        let secret: UnsafeMutableRawPointer
        let entry: Int
        let count: UInt32
        let existing: UInt32
        let isRight: Bool
    }

    let journal: RekeyJournal
    private let diff: KeyTreeDiff
    private let secrets: SecretArena
    private let counts: MemberCounts
    private let faults: KeyTreeFaults
    private let oldHeight: Int
    private var derivation: NodeDerivation

    init(_ tree: borrowing KeyTree, diff: KeyTreeDiff) {
        let capacity = diff.removed.lowerBound(UInt32(truncatingIfNeeded: 1 << diff.height))
        self.diff = diff
        secrets = tree.secrets
        counts = tree.counts
        faults = tree.faults
        oldHeight = tree.height
        journal = RekeyJournal(removed: diff.removed[..<capacity], joined: diff.joined, height: diff.height)
        derivation = NodeDerivation(epoch: diff.epoch, salt: diff.salt, witness: tree.witness)
    }

    /// How many values were derived.
    var derivations: Int { derivation.count }

    /// Fills the journal and gives the epoch's secret.
    mutating func run() -> SecretBytes {
        stageLeaves()
        for level in stride(from: 1, through: diff.height, by: 1) {
            for entry in journal.entries(ofLevel: level) { stage(entry, level: level) }
        }
        return stageRoot()
    }

    private func stageLeaves() {
        for joined in diff.joined.indices {
            let entry = diff.joined[joined]
            guard let place = journal.entry(level: 0, index: entry.leaf) else { continue }
            entry.secret.withUnsafeBytes { source in
                UnsafeMutableRawBufferPointer(start: journal.secret(place), count: source.count)
                    .copyMemory(from: source)
            }
        }
        guard faults.contains(.keepsRemovedLeaf) else { return }
        for place in journal.entries(ofLevel: 0) where journal.entries[place].count == 0 {
            copyOld(TreeNode.number(height: 0, index: journal.entries[place].index), to: place)
        }
    }

    private mutating func stage(_ place: Int, level: Int) {
        let left = child(of: place, level: level, isRight: false)
        let right = child(of: place, level: level, isRight: true)
        journal.entries[place].count = left.count + right.count
        journal.entries[place].joined = left.count - left.existing + right.count - right.existing
        for child in [left.entry, right.entry] where child >= 0 {
            journal.entries[place].removed += journal.entries[child].removed
            journal.entries[place].records += journal.entries[child].records
        }
        let number = TreeNode.number(height: level, index: journal.entries[place].index)
        let marks = journal.entries[place].marks
        guard left.count + right.count > 0 else {
            if faults.contains(.keepsEmptiedSubtree) { copyOld(number, to: place) }
            return
        }
        if marks.contains(.removal) {
            stageRemoval(place, number: number, left: left, right: right)
        } else if marks.contains(.join) {
            stageJoin(place, number: number, level: level, left: left)
        } else {
            copyOld(number, to: place)
        }
    }

    /// A node above a leaf that lost its member: its secret comes from a child's that the evicted never had, or are
    /// rid of, and is wrapped for the other child.
    private mutating func stageRemoval(_ place: Int, number: UInt32, left: Child, right: Child) {
        let target = journal.secret(place)
        if faults.contains(.skipsRemovalUpdate), secrets.base.secret(number).isSecret {
            return copyOld(number, to: place)
        }
        guard let source = serves(left) ? left : serves(right) ? right : nil else {
            return deriveFresh(number, to: target)
        }
        derivation.load(pointer(source))
        derivation.derive(.up, node: number, into: target)
        ratchet(source, of: place)
        guard !source.isRight, serves(right) else { return }
        let record = journal.record(place)
        derivation.load(pointer(faults.contains(.wrapsUnderSource) ? source : right))
        derivation.derive(.wrap, node: number, into: record)
        record.formXOR(target)
        journal.entries[place].marks.insert(.record)
        journal.entries[place].records += 1
        if faults.contains(.wrapsUnderSource) { derivation.load(pointer(right)) }
        ratchet(right, of: place)
    }

    /// A node above joiners only: those who are there take one step that no joiner can take back.
    private mutating func stageJoin(_ place: Int, number: UInt32, level: Int, left: Child) {
        let target = journal.secret(place)
        if level > oldHeight, left.existing > 0 {
            derivation.load(pointer(left))
            derivation.derive(.up, node: number, into: target)
            ratchet(left, of: place)
        } else if secrets.base.secret(number).isSecret {
            if faults.contains(.skipsJoinUpdate) { return copyOld(number, to: place) }
            derivation.load(secrets.base.secret(number))
            derivation.derive(.join, node: number, into: target)
        } else {
            deriveFresh(number, to: target)
        }
    }

    /// The epoch's secret out of the root's, which is then replaced. Nobody holds an empty group's.
    private mutating func stageRoot() -> SecretBytes {
        let place = journal.root
        let number = TreeNode.root(height: diff.height).number
        if diff.height == 0, journal.entries[place].marks.isEmpty {
            journal.entries[place].count = counts[number]
            copyOld(number, to: place)
        }
        let secret = journal.secret(place)
        let isOccupied = journal.entries[place].count > 0
        if isOccupied { derivation.load(secret) } else { loadRandomness() }
        let epoch = SecretBytes(count: RekeyLimits.secretLength) { target in
            if let base = target.baseAddress { derivation.derive(.epoch, node: number, into: base) }
        }
        if isOccupied, !faults.contains(.skipsRootRatchet) {
            derivation.derive(.next, node: number, into: secret)
        }
        if faults.contains(.stagesInPlace) {
            secrets.base.secret(number).copyMemory(from: secret, byteCount: RekeyLimits.secretLength)
        }
        return epoch
    }

    private func child(of place: Int, level: Int, isRight: Bool) -> Child {
        let entry = Int(isRight ? journal.entries[place].right : journal.entries[place].left)
        let index = journal.entries[place].index << 1 | (isRight ? 1 : 0)
        let number = TreeNode.number(height: level - 1, index: index)
        guard entry >= 0 else {
            let count = counts[number]
            return Child(
                number: number, secret: secrets.base.secret(number), entry: -1, count: count, existing: count,
                isRight: isRight)
        }
        let state = journal.entries[entry]
        return Child(
            number: number, secret: journal.secret(entry), entry: entry, count: state.count,
            existing: state.existing, isRight: isRight)
    }

    /// Whether a child is a source, or wrapped for: somebody below it stays.
    private func serves(_ child: Child) -> Bool {
        if faults.contains(.servesRemoved), counts[child.number] > 0 { return true }
        return child.existing > 0
    }

    private func pointer(_ child: Child) -> UnsafeMutableRawPointer {
        child.secret.isSecret ? child.secret : secrets.base.secret(child.number)
    }

    /// Replaces the secret of a used child, whose key is loaded, by its successor.
    private mutating func ratchet(_ child: Child, of place: Int) {
        if child.entry >= 0 {
            if !faults.contains(.skipsRatchet) { derivation.derive(.next, node: child.number, into: child.secret) }
            return
        }
        let target = journal.successor(place)
        if faults.contains(.skipsRatchet) {
            target.copyMemory(from: child.secret, byteCount: RekeyLimits.secretLength)
        } else {
            derivation.derive(.next, node: child.number, into: target)
        }
        journal.entries[place].marks.insert(child.isRight ? .rightSuccessor : .leftSuccessor)
    }

    private mutating func deriveFresh(_ number: UInt32, to target: UnsafeMutableRawPointer) {
        loadRandomness()
        derivation.derive(.fresh, node: number, into: target)
    }

    private mutating func loadRandomness() {
        let constant = [UInt8](repeating: 0, count: RekeyLimits.secretLength)
        if faults.contains(.freshFromConstant) {
            return constant.withUnsafeBytes { if let base = $0.baseAddress { derivation.load(base) } }
        }
        diff.randomness.withUnsafeBytes { if let base = $0.baseAddress { derivation.load(base) } }
    }

    private func copyOld(_ number: UInt32, to place: Int) {
        journal.secret(place).copyMemory(from: secrets.base.secret(number), byteCount: RekeyLimits.secretLength)
    }
}

extension UnsafeMutableRawPointer {
    /// The place of a node's secret in an arena that begins here.
    func secret(_ number: UInt32) -> UnsafeMutableRawPointer { self + Int(number) * RekeyLimits.secretLength }
}
