import GroupKeys

/// 32 bytes, quick to compare.
struct Value: Hashable {
    let words: SIMD4<UInt64>

    init(_ words: SIMD4<UInt64>) { self.words = words }

    init(_ secret: SecretBytes) { self.init(secret.exposed) }

    init(_ bytes: some Collection<UInt8>) {
        var words = SIMD4<UInt64>.zero
        for (offset, byte) in bytes.prefix(32).enumerated() {
            words[offset / 8] |= UInt64(byte) << UInt64(offset % 8 * 8)
        }
        self.words = words
    }

    var secret: SecretBytes {
        SecretBytes((0..<32).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64($0 % 8 * 8)) })
    }

    static func ^ (left: Value, right: Value) -> Value { Value(left.words ^ right.words) }
}

/// Whoever has recorded every datagram, and computes everything that can be computed with what else it has got.
///
/// From each value that it holds it runs every derivation of the tree, for every epoch on record, for the node that the
/// value belongs to and for the node above, and every one that the manager has run on that value, whatever the node; it
/// XORs the value, and each pad that it derives from it, with every record; and so on with what comes out, until nothing
/// more does. What comes out counts if it is a value that the manager had at some time: anything else is noise, from
/// which nothing true follows, as each true value is derived from true ones.
final class Adversary {
    private struct Recorded {
        let epoch: UInt32
        let salt: [UInt8]
        /// What its records have wrapped.
        let records: [Value]
    }

    /// Each value that the manager ever had, and the nodes that it was the secret or the pad of.
    private var truth: [Value: Set<UInt32>] = [:]
    /// What the manager has derived from each value.
    private var derived: [Value: Set<Value>] = [:]
    private var recorded: [Recorded] = []
    private var successors: [Value: Set<Value>] = [:]
    /// What follows from a secret of zeros, for any node.
    private var fromConstants: Set<Value> = []

    /// Learns what the manager derived: the yardstick, not what the adversary has.
    func calibrate(_ witness: DerivationWitness, _ diffs: [KeyTreeDiff]) {
        for derivation in witness.derivations {
            truth[Value(derivation.value), default: []].insert(derivation.node)
            derived[Value(derivation.key), default: []].insert(Value(derivation.value))
        }
        for entry in diffs.flatMap(\.joined) {
            truth[Value(entry.secret), default: []].insert(TreeNode.leaf(entry.leaf).number)
        }
        successors = [:]
        let zeros = Value(SIMD4.zero).secret
        for rekey in recorded {
            for node in UInt32(0)..<32 {
                for label in TreeLabel.allCases {
                    let value = Value(
                        KeyDerivation.node(zeros, label, epoch: rekey.epoch, node: node, salt: rekey.salt))
                    if truth[value] != nil { fromConstants.insert(value) }
                }
            }
        }
    }

    /// Records a rekey's packets.
    func record(_ packets: [VerifiedRekeyPacket]) {
        guard let first = packets.first?.fields else { return }
        let records = Set(packets.flatMap(\.fields.records).map { Value($0.wrapped) })
        record(Array(records), epoch: first.epoch, salt: first.salt)
    }

    /// Records what an epoch's records have wrapped: those of its packets, or a leak that a test plants.
    func record(_ records: [Value], epoch: UInt32, salt: [UInt8]) {
        recorded.append(Recorded(epoch: epoch, salt: salt, records: records))
        successors = [:]
    }

    /// Everything that follows from `values` and from what everybody knows.
    func closure(of values: Set<Value>) -> Set<Value> {
        var known = values.filter { truth[$0] != nil }.union(fromConstants)
        var pending = Array(known)
        while let value = pending.popLast() {
            for next in following(value) where known.insert(next).inserted { pending.append(next) }
        }
        return known
    }

    /// Whether a value was the secret of a node at some time.
    func belongs(_ value: Value, to node: UInt32) -> Bool { truth[value]?.contains(node) ?? false }

    private func following(_ value: Value) -> Set<Value> {
        if let found = successors[value] { return found }
        var found = derived[value] ?? []
        let key = value.secret
        for rekey in recorded {
            found.formUnion(opened(rekey.records, with: value))
            for node in nodes(of: value) {
                for label in TreeLabel.allCases {
                    let next = Value(KeyDerivation.node(key, label, epoch: rekey.epoch, node: node, salt: rekey.salt))
                    if truth[next] != nil { found.insert(next) }
                    // A pad that the manager never made may still be one that somebody has planted a record under.
                    if label == .wrap { found.formUnion(opened(rekey.records, with: next)) }
                }
            }
        }
        successors[value] = found
        return found
    }

    private func opened(_ records: [Value], with pad: Value) -> [Value] {
        records.map { pad ^ $0 }.filter { truth[$0] != nil }
    }

    private func nodes(of value: Value) -> Set<UInt32> {
        var nodes = truth[value] ?? []
        for number in nodes {
            guard let node = TreeNode(number: number), node.height < 12 else { continue }
            nodes.insert(node.parent.number)
        }
        return nodes
    }
}

/// What happened to a group, epoch by epoch: who was in it, what each of them held, and what must stay secret.
final class Chronicle {
    /// The tree's secrets at the end of an epoch, and the epoch's own.
    struct Page {
        let epoch: UInt32
        let epochSecret: Value
        let treeSecrets: Set<Value>
        /// By member: everything that it held when the epoch was over, and what it was given in it.
        let holdings: [UInt32: Set<Value>]
    }

    private(set) var pages: [Page] = []
    private(set) var diffs: [KeyTreeDiff] = []
    let adversary = Adversary()
    let witness = DerivationWitness()
    private var memberOnLeaf: [UInt32: UInt32] = [:]

    init(_ group: TestGroup) { group.tree.witness = witness }

    /// Writes down a rekey that the group has completed.
    func write(_ rekey: TestGroup.Rekey, _ group: TestGroup) {
        diffs.append(rekey.diff)
        adversary.record(rekey.packets)
        for leaf in rekey.diff.removed { memberOnLeaf[leaf] = nil }
        var given: [UInt32: Set<Value>] = [:]
        for entry in rekey.diff.joined {
            memberOnLeaf[entry.leaf] = entry.member
            given[entry.member] = [Value(entry.secret)]
        }
        var holdings: [UInt32: Set<Value>] = [:]
        for (leaf, member) in group.members {
            guard let name = memberOnLeaf[leaf] else { continue }
            holdings[name] = values(member.path).union(given[name] ?? [])
        }
        let nodes = UInt32(1) << UInt32(group.tree.height + 1) - 1
        let secrets = (0..<nodes).compactMap { group.tree.secret(ofNode: $0).map(Value.init) }
        pages.append(
            Page(
                epoch: rekey.diff.epoch, epochSecret: Value(rekey.epochSecret), treeSecrets: Set(secrets),
                holdings: holdings))
    }

    /// Ends the record, so that the adversary can be asked.
    func close() { adversary.calibrate(witness, diffs) }

    /// The first epoch that all who were not in it, before or after, can open together, with what its members held
    /// before they were last refreshed.
    func epochOpenToOutsiders() -> UInt32? {
        pages.first { page in
            let known = adversary.closure(of: outside(page))
            return known.contains(page.epochSecret) || !known.isDisjoint(with: page.treeSecrets)
        }?.epoch
    }

    /// The first epoch that those who were not in it open together with everybody who was seized in any later one.
    func epochOpenToSeizure() -> UInt32? {
        for (place, page) in pages.enumerated() {
            var held = outside(page)
            for later in pages[(place + 1)...] { for values in later.holdings.values { held.formUnion(values) } }
            if adversary.closure(of: held).contains(page.epochSecret) { return page.epoch }
        }
        return nil
    }

    /// Puts a record in an epoch's packets that the manager has not made.
    func plant(_ wrapped: Value, in diff: KeyTreeDiff) {
        adversary.record([wrapped], epoch: diff.epoch, salt: diff.salt)
    }

    /// The leaf that a member had before an epoch.
    func leaf(of member: UInt32, before epoch: UInt32) -> UInt32? {
        diffs.last { $0.epoch < epoch && $0.joined.contains { $0.member == member } }?
            .joined.first { $0.member == member }?.leaf
    }

    /// Of what a member holds, its leaf's secret: the one that the adversary knows as that.
    func secret(ofLeaf leaf: UInt32, among values: Set<Value>) -> SecretBytes? {
        values.first { adversary.belongs($0, to: TreeNode.leaf(leaf).number) }?.secret
    }

    /// Everything that anybody held at any time without being, with that, a member in the page's epoch.
    func outside(_ page: Page) -> Set<Value> {
        var renewed: [UInt32: UInt32] = [:]
        for diff in diffs where diff.epoch <= page.epoch {
            for entry in diff.joined { renewed[entry.member] = diff.epoch }
        }
        var outside: Set<Value> = []
        for other in pages {
            for (member, values) in other.holdings {
                let isOfBefore = renewed[member].map { other.epoch < $0 } ?? false
                if page.holdings[member] == nil || isOfBefore { outside.formUnion(values) }
            }
        }
        return outside
    }

    private func values(_ path: MemberPath) -> Set<Value> {
        let bytes = path.secrets.exposed
        let secrets = stride(from: 0, to: bytes.count, by: 32).map { Value(bytes[$0..<$0 + 32]) }
        return Set(secrets + [Value(path.epochSecret)])
    }
}
