internal import NetworkTypes

/// Answers that wait for their time, in a binary heap. Bounded; the same answer to the same asker waits once.
struct PendingAnswers: Sendable {
    struct Answer: Hashable, Sendable {
        /// The device's ``AnsweredDevice/id``.
        var device: UInt64
        var answer: AnsweredDevice.Answer
        var destination: SocketEndpoint
    }

    private struct Waiting: Sendable {
        var due: ContinuousClock.Instant
        var answer: Answer
    }

    private let limit: Int
    private var heap: [Waiting] = []
    private var known: Set<Answer> = []

    init(limit: Int) { self.limit = limit }

    var nextDue: ContinuousClock.Instant? { heap.first?.due }

    var isFull: Bool { heap.count >= limit }

    func contains(_ answer: Answer) -> Bool { known.contains(answer) }

    /// Does nothing when there is no room.
    mutating func insert(_ answer: Answer, due: ContinuousClock.Instant) {
        guard !isFull, known.insert(answer).inserted else { return }
        heap.append(Waiting(due: due, answer: answer))
        var child = heap.count - 1
        while child > 0, heap[child].due < heap[(child - 1) / 2].due {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popDue(now: ContinuousClock.Instant) -> Answer? {
        guard let first = heap.first, first.due <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        sink()
        known.remove(first.answer)
        return first.answer
    }

    /// Forgets what waits for a device.
    mutating func removeAll(device: UInt64) {
        let kept = heap.filter { $0.answer.device != device }
        guard kept.count < heap.count else { return }
        heap = []
        known = []
        for waiting in kept { insert(waiting.answer, due: waiting.due) }
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in (2 * parent + 1)...(2 * parent + 2)
            where child < heap.count && heap[child].due < heap[least].due { least = child }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
