/// How many members are below each node, by node number; beyond what is used there are zeros.
// Like the arena, it belongs to one noncopyable tree.
final class MemberCounts: @unchecked Sendable {
    /// Bytes for one node.
    static let stride = MemoryLayout<UInt32>.stride

    private let memory: SecretArena
    private let base: UnsafeMutablePointer<UInt32>

    init(nodes: Int) throws(KeyTreeError) {
        memory = try SecretArena(byteCount: nodes * Self.stride, locks: false)
        base = memory.base.bindMemory(to: UInt32.self, capacity: nodes)
    }

    subscript(number: UInt32) -> UInt32 {
        get { base[Int(number)] }
        set { base[Int(number)] = newValue }
    }

    /// Sets a range of nodes to zero.
    func clear(_ nodes: Range<Int>) {
        (base + nodes.lowerBound).update(repeating: 0, count: nodes.count)
    }
}
