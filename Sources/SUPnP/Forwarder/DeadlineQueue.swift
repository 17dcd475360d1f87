/// Keys by the instant they fall due; those of one instant in the order they were added.
///
/// Nothing is taken out early: whoever takes a key checks that it still matters. So its size is bounded by what its
/// owner adds.
struct DeadlineQueue<Key: Sendable>: Sendable {
    private struct Entry: Sendable {
        let at: ContinuousClock.Instant
        let order: UInt64
        let key: Key

        func isBefore(_ other: Entry) -> Bool { at == other.at ? order < other.order : at < other.at }
    }

    private var heap: [Entry] = []
    private var added: UInt64 = 0

    init() {}

    /// When the next key falls due.
    var next: ContinuousClock.Instant? { heap.first?.at }

    /// How many keys wait.
    var count: Int { heap.count }

    /// Adds a key.
    mutating func add(_ key: Key, at instant: ContinuousClock.Instant) {
        heap.append(Entry(at: instant, order: added, key: key))
        added += 1
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the next key if it is due.
    mutating func popDue(now: ContinuousClock.Instant) -> Key? {
        guard let first = heap.first, first.at <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return first.key
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].isBefore(heap[least]) {
                least = child
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
