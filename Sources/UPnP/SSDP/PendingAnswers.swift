internal import NetworkTypes

/// Answers that wait for their time, in a binary heap. Bounded; the same answer to the same asker waits once.
struct PendingAnswers: Sendable {
    struct Answer: Hashable, Sendable {
        var root: String
        var target: AdvertisedTarget
        var destination: SocketEndpoint

        /// The root and the rest of the USN follow from these, for most answers.
        func hash(into hasher: inout Hasher) {
            hasher.combine(destination)
            hasher.combine(target.notificationType)
            hasher.combine(target.usn.udn)
        }
    }

    private let limit: Int
    /// Each entry is due no later than the two at twice its position, plus one and two.
    private var waiting: [(due: ContinuousClock.Instant, answer: Answer)] = []
    private var known: Set<Answer> = []

    init(limit: Int) { self.limit = limit }

    var nextDue: ContinuousClock.Instant? { waiting.first?.due }

    func contains(_ answer: Answer) -> Bool { known.contains(answer) }

    /// False when there is no room.
    mutating func insert(_ answer: Answer, due: ContinuousClock.Instant) -> Bool {
        guard waiting.count < limit else { return false }
        guard known.insert(answer).inserted else { return true }
        waiting.append((due, answer))
        var child = waiting.count - 1
        while child > 0, waiting[child].due < waiting[(child - 1) / 2].due {
            waiting.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
        return true
    }

    mutating func popDue(now: ContinuousClock.Instant) -> Answer? {
        guard let first = waiting.first, first.due <= now else { return nil }
        known.remove(first.answer)
        waiting.swapAt(0, waiting.count - 1)
        waiting.removeLast()
        var parent = 0
        while 2 * parent + 1 < waiting.count {
            var child = 2 * parent + 1
            if child + 1 < waiting.count, isSooner(child + 1, child) { child += 1 }
            guard isSooner(child, parent) else { break }
            waiting.swapAt(parent, child)
            parent = child
        }
        return first.answer
    }

    mutating func removeAll(root: String) {
        let kept = waiting.filter { $0.answer.root != root }
        waiting = []
        known = []
        for entry in kept { _ = insert(entry.answer, due: entry.due) }
    }

    private func isSooner(_ one: Int, _ other: Int) -> Bool { waiting[one].due < waiting[other].due }
}
