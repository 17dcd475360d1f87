import Crypto
import GroupKeys

/// Whoever has recorded every message of the paper's tree, and opens what can be opened with the keys that it has got:
/// each item with each of them, and so on with what comes out. The messages are read here a second time, as the
/// specification has them, and opened with swift-crypto's own AES-GCM.
final class ClassicAdversary {
    struct Item {
        let keyNode: UInt32
        let sealed: [UInt8]
        let data: [UInt8]
    }

    private var items: [Item] = []
    private var opened: [Value: [Value]] = [:]

    /// Records a message.
    func record(_ body: [UInt8]) { for item in Self.items(of: body) { record(item) } }

    /// Records something that opens under a key, as an item would.
    func record(_ item: Item) {
        items.append(item)
        opened = [:]
    }

    /// Everything that follows from `keys`.
    func closure(of keys: Set<Value>) -> Set<Value> {
        var known = keys
        var pending = Array(keys)
        while let key = pending.popLast() {
            for next in following(key) where known.insert(next).inserted { pending.append(next) }
        }
        return known
    }

    private func following(_ key: Value) -> [Value] {
        if let found = opened[key] { return found }
        let found = items.flatMap { Self.open($0, with: key) }
        opened[key] = found
        return found
    }

    static func open(_ item: Item, with key: Value) -> [Value] {
        guard let box = try? AES.GCM.SealedBox(combined: item.sealed),
            let plain = try? AES.GCM.open(
                box, using: SymmetricKey(data: key.secret.exposed), authenticating: item.data)
        else { return [] }
        let bytes = Array(plain)
        return stride(from: 0, to: bytes.count, by: 32).map { Value(bytes[$0..<$0 + 32]) }
    }

    /// The items of a REKEY0 (group keys §3.5).
    static func items(of body: [UInt8]) -> [Item] {
        var found: [Item] = []
        var offset = 12
        for _ in 0..<Int(body[10]) << 8 + Int(body[11]) {
            let count = Int(body[offset + 4])
            let nodes = offset + 5 + 4 * count
            let end = nodes + 12 + 32 * count + 16
            let number = body[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            found.append(
                Item(
                    keyNode: number, sealed: Array(body[nodes..<end]), data: Array(body[2..<10] + body[offset..<nodes]))
            )
            offset = end
        }
        return found
    }
}
