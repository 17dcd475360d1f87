/// Keys by the instant they fall due; those of one instant in the order they were added.
///
/// Most owners add with a few fixed delays, so what is added mostly falls due after what was added with the same delay
/// before: such runs are kept as they come, in a few lanes, and only the rest goes through a heap.
///
/// Nothing is taken out early: whoever takes a key checks that it still matters. So its size is bounded by what its
/// owner adds.
struct DeadlineQueue<Key: Sendable>: Sendable {
    struct Entry: Sendable {
        let at: ContinuousClock.Instant
        let order: UInt64
        let key: Key

        func isBefore(_ other: Entry) -> Bool { at == other.at ? order < other.order : at < other.at }
    }

    /// A run of entries in order.
    struct Lane: Sendable {
        private var entries: [Entry] = []
        private var taken = 0

        var first: Entry? { taken < entries.count ? entries[taken] : nil }
        var last: Entry? { entries.last }
        var count: Int { entries.count - taken }

        init(_ entry: Entry) { entries = [entry] }

        mutating func append(_ entry: Entry) { entries.append(entry) }

        mutating func removeFirst() {
            taken += 1
            // What is taken out is given back once it is the larger half.
            guard taken * 2 > entries.count, taken >= 64 || taken == entries.count else { return }
            entries.removeFirst(taken)
            taken = 0
        }
    }

    private static var laneLimit: Int { 4 }
    private var lanes: [Lane] = []
    private var heap: [Entry] = []
    private var added: UInt64 = 0

    init() {}

    /// When the next key falls due. It is asked for much more often than a key is taken.
    private(set) var next: ContinuousClock.Instant?

    /// How many keys wait.
    var count: Int { lanes.reduce(heap.count) { $0 + $1.count } }

    /// Adds a key.
    mutating func add(_ key: Key, at instant: ContinuousClock.Instant) {
        let entry = Entry(at: instant, order: added, key: key)
        added += 1
        next = next.map { min($0, instant) } ?? instant
        // The lane whose last is the nearest before it, so that each delay finds a lane of its own.
        var best: Int?
        for index in lanes.indices {
            guard let last = lanes[index].last else { return lanes[index].append(entry) }
            guard last.at <= instant else { continue }
            if let known = best, let other = lanes[known].last, other.at >= last.at { continue }
            best = index
        }
        if let best { return lanes[best].append(entry) }
        if lanes.count < Self.laneLimit { return lanes.append(Lane(entry)) }
        heap.append(entry)
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the next key if it is due.
    mutating func popDue(now: ContinuousClock.Instant) -> Key? {
        guard let next, next <= now else { return nil }
        defer { self.next = nextLane.flatMap { lanes[$0].first?.at } ?? heap.first?.at }
        if let index = nextLane {
            guard let first = lanes[index].first else { return nil }
            lanes[index].removeFirst()
            return first.key
        }
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return first.key
    }

    /// The lane whose first is the next; nil if the heap's is, or nothing waits.
    private var nextLane: Int? {
        var best = heap.first
        var found: Int?
        for index in lanes.indices {
            guard let first = lanes[index].first, best.map({ first.isBefore($0) }) ?? true else { continue }
            best = first
            found = index
        }
        return found
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
