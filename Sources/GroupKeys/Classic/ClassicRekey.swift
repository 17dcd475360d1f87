import Crypto

/// The paper's rekey message, REKEY0 (group keys §3.5): what a classic member reads.
///
///     u16 0x0010 ‖ u8 h ‖ u8 op ‖ u16 TEK id ‖ u32 leaf ‖ u16 n ‖ n × item
///     item = u32 kek node ‖ u8 m ‖ m × u32 node ‖ IV(12) ‖ ciphertext(m × 32) ‖ tag(16)
///
/// Each item is AES-256-GCM under the key of its kek node, with a random IV; its additional data is the message's
/// fields from h to leaf and the item's own from kek node to the last node, so that an item fits its own message only.
/// The last item has the TEK, under the root's key of after, and 0xFFFFFFFF for its node.
///
/// It is not signed: whoever holds a key of the tree can make one for those below (the paper's weakness F8).
package struct ClassicRekey: Sendable {
    /// The node that stands for the traffic key.
    static let trafficNode: UInt32 = .max
    static let type: UInt16 = 0x0010
    static let headLength = 12
    static let vectorLength = 12
    static let tagLength = 16

    struct Item: Sendable {
        let key: UInt32
        let nodes: [UInt32]
        let sealed: [UInt8]
    }

    /// The tree's height.
    package let height: Int
    package let change: ClassicChange
    /// The id of the traffic key that begins.
    package let trafficKeyID: UInt16
    /// The leaf that changed.
    package let leaf: UInt32
    let items: [Item]

    /// Decodes a control body, its type included. Nil for anything that is not of its one form: among it an item for
    /// another node than a sibling of the changed path, or out of order.
    package init?(_ body: [UInt8]) {
        let decoded = body.withUnsafeBytes { Self.decode($0) }
        guard let decoded else { return nil }
        self = decoded
    }

    private init(height: Int, change: ClassicChange, trafficKeyID: UInt16, leaf: UInt32, items: [Item]) {
        self.height = height
        self.change = change
        self.trafficKeyID = trafficKeyID
        self.leaf = leaf
        self.items = items
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer) -> ClassicRekey? {
        var reader = SecretReader(bytes)
        guard bytes.count >= headLength, reader.half() == type else { return nil }
        let height = Int(reader.byte())
        guard (1...24).contains(height), let change = ClassicChange(rawValue: reader.byte()) else { return nil }
        let (identifier, leaf, count) = (reader.half(), reader.word(), Int(reader.half()))
        guard identifier > 0, UInt64(leaf) < 1 << UInt64(height), (1...height + 1).contains(count) else { return nil }
        var items: [Item] = []
        var level = height
        for position in 0..<count {
            guard let item = item(&reader) else { return nil }
            if position == count - 1 {
                guard item.key == TreeNode.root(height: height).number, item.nodes == [trafficNode] else { return nil }
            } else {
                guard let below = sibling(of: leaf, item, from: level, height: height) else { return nil }
                level = below
            }
            items.append(item)
        }
        guard reader.count == 0 else { return nil }
        return ClassicRekey(height: height, change: change, trafficKeyID: identifier, leaf: leaf, items: items)
    }

    private static func item(_ reader: inout SecretReader) -> Item? {
        guard reader.count >= 5 else { return nil }
        let key = reader.word()
        let count = Int(reader.byte())
        guard count > 0, reader.count >= count * 36 + vectorLength + tagLength else { return nil }
        let nodes = (0..<count).map { _ in reader.word() }
        return Item(key: key, nodes: nodes, sealed: Array(reader.raw(vectorLength + count * 32 + tagLength)))
    }

    /// The height below that of the keys in an item for a sibling of the path, which is at most `level`.
    private static func sibling(of leaf: UInt32, _ item: Item, from level: Int, height: Int) -> Int? {
        guard let node = TreeNode(number: item.key), node.height < level,
            node.index == leaf >> UInt32(node.height) ^ 1
        else { return nil }
        let expected = (node.height + 1...height).map { TreeNode(height: $0, index: leaf >> UInt32($0)).number }
        return item.nodes == expected ? node.height : nil
    }

    /// What an item's seal binds beside its keys.
    static func additionalData(
        height: Int, change: ClassicChange, trafficKeyID: UInt16, leaf: UInt32, key: UInt32, nodes: [UInt32]
    ) -> [UInt8] {
        [UInt8(height), change.rawValue] + trafficKeyID.octets + leaf.octets + key.octets + [UInt8(nodes.count)]
            + nodes.flatMap(\.octets)
    }

    /// The keys of an item, in the order of its nodes; nil if `key` does not open it.
    func open(_ item: Item, with key: SecretBytes) -> [SecretBytes]? {
        let data = Self.additionalData(
            height: height, change: change, trafficKeyID: trafficKeyID, leaf: leaf, key: item.key, nodes: item.nodes)
        let opened = key.withUnsafeBytes { key -> [SecretBytes]? in
            guard let box = try? AES.GCM.SealedBox(combined: item.sealed),
                let plain = try? AES.GCM.open(box, using: SymmetricKey(data: key), authenticating: data)
            else { return nil }
            let bytes = Array(plain)
            return stride(from: 0, to: bytes.count, by: 32).map { SecretBytes(bytes[$0..<$0 + 32]) }
        }
        return opened
    }
}

/// Writes a REKEY0 item by item.
struct ClassicRekeyWriter {
    private let height: Int
    private let change: ClassicChange
    private let trafficKeyID: UInt16
    private let leaf: UInt32
    private var items: [UInt8] = []
    private var count = 0
    /// Keys of the tree in the items so far.
    private(set) var wrappedKeys = 0

    init(height: Int, change: ClassicChange, trafficKeyID: UInt16, leaf: UInt32) {
        self.height = height
        self.change = change
        self.trafficKeyID = trafficKeyID
        self.leaf = leaf
    }

    mutating func append(
        _ keys: some Collection<SecretBytes>, of nodes: [UInt32], under key: SecretBytes, node: UInt32,
        _ random: inout some RandomNumberGenerator
    ) throws(KeyTreeError) {
        let data = ClassicRekey.additionalData(
            height: height, change: change, trafficKeyID: trafficKeyID, leaf: leaf, key: node, nodes: nodes)
        let plain = SecretBytes(count: keys.count * RekeyLimits.secretLength) { target in
            var writer = SecretWriter(target)
            for key in keys { writer.write(key) }
        }
        let vector = SecretBytes(count: ClassicRekey.vectorLength, using: &random).exposed
        guard let sealed = Self.seal(plain, under: key, vector: vector, data: data) else { throw .cryptography }
        items += node.octets + [UInt8(nodes.count)] + nodes.flatMap(\.octets) + sealed
        count += 1
        if nodes != [ClassicRekey.trafficNode] { wrappedKeys += nodes.count }
    }

    func finish() -> [UInt8] {
        ClassicRekey.type.octets + [UInt8(height), change.rawValue] + trafficKeyID.octets + leaf.octets
            + UInt16(count).octets + items
    }

    private static func seal(_ plain: SecretBytes, under key: SecretBytes, vector: [UInt8], data: [UInt8]) -> [UInt8]? {
        key.withUnsafeBytes { key in
            plain.withUnsafeBytes { plain in
                guard let nonce = try? AES.GCM.Nonce(data: vector),
                    let box = try? AES.GCM.seal(
                        plain, using: SymmetricKey(data: key), nonce: nonce, authenticating: data),
                    let combined = box.combined
                else { return nil }
                return Array(combined)
            }
        }
    }
}
