import Crypto
import GroupKeys

/// The derived key tree written down a second time, as plainly as the specification has it (group keys §3.9.2), over a
/// dictionary and swift-crypto's own HKDF: the oracle for the tree that the product uses.
struct ReferenceTree {
    private(set) var secrets: [TreeNode: [UInt8]] = [:]
    private(set) var epochSecret: [UInt8] = []
    private(set) var records: [UInt32: [UInt8]] = [:]
    private(set) var height = 0
    private var occupied: Set<UInt32> = []

    mutating func run(_ diff: KeyTreeDiff) {
        func derive(_ secret: [UInt8], _ label: TreeLabel, _ node: TreeNode) -> [UInt8] {
            var info = Array("supnp1 n".utf8) + [label.rawValue]
            for number in [diff.epoch, node.number] {
                info += (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
            }
            let key = HKDF<SHA256>.expand(
                pseudoRandomKey: SymmetricKey(data: secret), info: info + diff.salt, outputByteCount: 32)
            return key.withUnsafeBytes { Array($0) }
        }
        let joined = Set(diff.joined.map(\.leaf))
        let rho = diff.randomness.exposed
        for leaf in diff.removed { secrets[.leaf(leaf)] = nil }
        occupied.subtract(diff.removed)
        let existing = occupied
        for entry in diff.joined { secrets[.leaf(entry.leaf)] = entry.secret.exposed }
        occupied.formUnion(joined)
        let oldHeight = height
        adjustHeight()
        func has(_ leaves: Set<UInt32>, _ node: TreeNode) -> Bool { leaves.contains { node.covers(leaf: $0) } }
        var used: Set<TreeNode> = []
        records = [:]
        for level in stride(from: 1, through: height, by: 1) {
            for index in 0..<UInt32(1 << (height - level)) {
                let node = TreeNode(height: level, index: index)
                guard let children = node.children else { continue }
                let isRemoval = diff.removed.contains { node.covers(leaf: $0) }
                let isJoin = !isRemoval && has(joined, node)
                guard isRemoval || isJoin else { continue }
                guard has(occupied, node) else {
                    secrets[node] = nil
                    continue
                }
                let sources = [children.left, children.right].filter { has(existing, $0) }
                if isRemoval, let source = sources.first {
                    let secret = derive(secrets[source] ?? [], .up, node)
                    secrets[node] = secret
                    for other in sources.dropFirst() {
                        records[other.number] = zip(secret, derive(secrets[other] ?? [], .wrap, node)).map { $0 ^ $1 }
                    }
                    used.formUnion(sources)
                } else if isJoin, level > oldHeight, has(existing, children.left) {
                    secrets[node] = derive(secrets[children.left] ?? [], .up, node)
                    used.insert(children.left)
                } else if isJoin, let secret = secrets[node] {
                    secrets[node] = derive(secret, .join, node)
                } else {
                    secrets[node] = derive(rho, .fresh, node)
                }
            }
        }
        let root = TreeNode.root(height: height)
        epochSecret = derive(secrets[root] ?? rho, .epoch, root)
        used.insert(root)
        for node in used { secrets[node] = secrets[node].map { derive($0, .next, node) } }
    }

    private mutating func adjustHeight() {
        let old = height
        let last = occupied.max().map(Int.init) ?? -1
        while last >= 1 << height { height += 1 }
        guard height == old else { return }
        while height > 0, 4 * last < 1 << height {
            height -= 1
            let shrunken = height
            secrets = secrets.filter { $0.key.height <= shrunken && Int($0.key.firstLeaf) < 1 << shrunken }
        }
    }
}
