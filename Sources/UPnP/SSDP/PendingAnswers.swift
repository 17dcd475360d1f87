internal import NetworkTypes

/// Answers that wait for their time, the soonest last. Bounded; the same answer to the same asker waits once.
struct PendingAnswers: Sendable {
    struct Answer: Hashable, Sendable {
        var root: String
        var target: AdvertisedTarget
        var destination: SocketEndpoint
    }

    private let limit: Int
    private var waiting: [(due: ContinuousClock.Instant, answer: Answer)] = []
    private var known: Set<Answer> = []

    init(limit: Int) { self.limit = limit }

    var nextDue: ContinuousClock.Instant? { waiting.last?.due }

    func contains(_ answer: Answer) -> Bool { known.contains(answer) }

    /// False when there is no room.
    mutating func insert(_ answer: Answer, due: ContinuousClock.Instant) -> Bool {
        guard waiting.count < limit else { return false }
        guard known.insert(answer).inserted else { return true }
        var low = 0
        var high = waiting.count
        while low < high {
            let middle = (low + high) / 2
            if waiting[middle].due > due { low = middle + 1 } else { high = middle }
        }
        waiting.insert((due, answer), at: low)
        return true
    }

    mutating func popDue(now: ContinuousClock.Instant) -> Answer? {
        guard let last = waiting.last, last.due <= now else { return nil }
        waiting.removeLast()
        known.remove(last.answer)
        return last.answer
    }

    mutating func removeAll(root: String) {
        waiting.removeAll { $0.answer.root == root }
        known = known.filter { $0.root != root }
    }
}
