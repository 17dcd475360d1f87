/// Copies of datagrams under way, by the time they arrive; those of one instant in the order they were sent.
struct ArrivalQueue: Sendable {
    private struct Entry {
        let at: ContinuousClock.Instant
        let order: UInt64
        let delivery: DatagramNetwork.Delivery

        func isBefore(_ other: Entry) -> Bool { at == other.at ? order < other.order : at < other.at }
    }

    private var heap: [Entry] = []
    private var sent: UInt64 = 0

    /// When the next copy arrives.
    var next: ContinuousClock.Instant? { heap.first?.at }

    /// Adds a copy.
    mutating func add(_ delivery: DatagramNetwork.Delivery, at instant: ContinuousClock.Instant) {
        heap.append(Entry(at: instant, order: sent, delivery: delivery))
        sent += 1
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the next copy if it arrives by `now`.
    mutating func popDue(
        now: ContinuousClock.Instant
    ) -> (ContinuousClock.Instant, DatagramNetwork.Delivery)? {
        guard let first = heap.first, first.at <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return (first.at, first.delivery)
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
