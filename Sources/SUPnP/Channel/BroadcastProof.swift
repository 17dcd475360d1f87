import Crypto
import GroupKeys

/// How a broadcast proves its source: the first bytes of the plaintext (specification 3.6.5).
///
/// `u8 form ‖ …`, where form 1 is a signature of this message alone: `sig[64] ‖ payload`; and form 2 one of a burst:
/// `u8 (depth << 4 | index) ‖ sig[64] ‖ depth × path[32] ‖ payload`, depth 1...4 and index below 2^depth. The path
/// goes from the leaf's sibling up.
enum BroadcastProof {
    /// The octets of a signature.
    static let signatureLength = 64
    /// The octets of a node of a burst's tree.
    static let nodeLength = 32
    /// A burst has at most 2^4 messages.
    static let maximumDepth = 4

    /// The octet `form`.
    enum Form: UInt8 {
        case single = 1
        case burst = 2
    }

    /// What form 1 puts before a payload.
    static let singleLength = 1 + signatureLength

    /// What form 2 puts before a payload.
    static func burstLength(depth: Int) -> Int { 2 + signatureLength + depth * nodeLength }

    /// The depth of the tree over `count` messages, 2...16.
    static func depth(of count: Int) -> Int {
        var depth = 1
        while 1 << depth < count { depth += 1 }
        return depth
    }

    /// What is signed for one message: `"supnp1 bcast" ‖ header32 ‖ GROUP_ID ‖ payload`.
    static func signedOctets(headers: ArraySlice<UInt8>, group: GroupID, payload: ArraySlice<UInt8>) -> [UInt8] {
        var octets = Array("supnp1 bcast".utf8)
        octets.reserveCapacity(12 + headers.count + 16 + payload.count)
        octets.append(contentsOf: headers)
        octets.append(contentsOf: group.bytes)
        octets.append(contentsOf: payload)
        return octets
    }

    /// What is signed for a burst: `"supnp1 burst" ‖ GROUP_ID ‖ u8 depth ‖ root`.
    static func signedOctets(root: [UInt8], depth: Int, group: GroupID) -> [UInt8] {
        Array("supnp1 burst".utf8) + group.bytes + [UInt8(depth)] + root
    }

    /// A leaf of a burst's tree: `SHA-256(0x00 ‖ header32 ‖ payload)`.
    static func leaf(headers: ArraySlice<UInt8>, payload: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1 + headers.count + payload.count)
        bytes.append(0)
        bytes.append(contentsOf: headers)
        bytes.append(contentsOf: payload)
        return hash(bytes)
    }

    /// An inner node: `SHA-256(0x01 ‖ left ‖ right)`. The first octet keeps it apart from every leaf.
    static func node(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1 + 2 * nodeLength)
        bytes.append(1)
        bytes.append(contentsOf: left)
        bytes.append(contentsOf: right)
        return hash(bytes)
    }

    /// One piece and no iterator: a burst costs two of these for each message.
    private static func hash(_ bytes: [UInt8]) -> [UInt8] {
        SHA256.hash(data: bytes).withUnsafeBytes { Array($0) }
    }

    /// The root that a leaf and its path lead to.
    static func root(leaf: [UInt8], index: Int, path: ArraySlice<UInt8>) -> [UInt8] {
        var current = leaf
        var position = index
        var rest = path
        while rest.count >= nodeLength {
            let sibling = rest.prefix(nodeLength)
            rest = rest.dropFirst(nodeLength)
            current = position & 1 == 0 ? node(current[...], sibling) : node(sibling, current[...])
            position >>= 1
        }
        return current
    }
}

/// The tree over the messages of one burst. Leaves that are missing to a power of two are 32 zero octets, which no
/// message hashes to.
struct BurstTree {
    /// The levels from the leaves to the root.
    private let levels: [[[UInt8]]]

    /// The tree over 2...16 leaves.
    init(_ leaves: [[UInt8]]) {
        let width = 1 << BroadcastProof.depth(of: leaves.count)
        let missing = [UInt8](repeating: 0, count: BroadcastProof.nodeLength)
        var level = leaves + Array(repeating: missing, count: width - leaves.count)
        var levels = [level]
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: 2).map {
                BroadcastProof.node(level[$0][...], level[$0 + 1][...])
            }
            levels.append(level)
        }
        self.levels = levels
    }

    /// Its root.
    var root: [UInt8] { levels[levels.count - 1][0] }
    /// How many levels lie above the leaves.
    var depth: Int { levels.count - 1 }

    /// The siblings on the way from a leaf to the root.
    func path(of index: Int) -> [UInt8] {
        var path: [UInt8] = []
        path.reserveCapacity(depth * BroadcastProof.nodeLength)
        for height in 0..<depth { path.append(contentsOf: levels[height][(index >> height) ^ 1]) }
        return path
    }
}
