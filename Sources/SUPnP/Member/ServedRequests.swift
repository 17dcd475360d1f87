/// What a server knows of the requests that it was asked: each once, however often it is broadcast (3.10.3).
struct ServedRequests: Sendable {
    /// What becomes of a broadcast.
    enum Arrival: Hashable, Sendable {
        /// The application is asked.
        case new
        /// It was asked already; what it said is said again.
        case known(answer: [UInt8]?)
        /// Too many are remembered.
        case full
    }

    private struct Entry: Sendable {
        var next: UInt32 = 0
        var answer: [UInt8]?
        var isOver = false
    }

    static let memory: Duration = .seconds(60)
    private var entries: [UInt64: Entry] = [:]
    private var forgetting = DeadlineQueue<UInt64>()

    private let limit: Int

    /// Remembers so many at most.
    init(limit: Int = 65_536) { self.limit = limit }

    /// A broadcast came.
    mutating func arrived(_ id: UInt64, now: ContinuousClock.Instant) -> Arrival {
        while let old = forgetting.popDue(now: now) { entries[old] = nil }
        if let entry = entries[id] { return .known(answer: entry.answer) }
        guard entries.count < limit else { return .full }
        entries[id] = Entry()
        forgetting.add(id, at: now + Self.memory)
        return .new
    }

    /// The sequence number of an answer; nil when the request is not known, or was answered for the last time.
    mutating func sequence(of id: UInt64, isLast: Bool) -> UInt32? {
        guard var entry = entries[id], !entry.isOver else { return nil }
        defer { entries[id] = entry }
        entry.isOver = isLast
        entry.next += 1
        return entry.next - 1
    }

    /// Keeps the first answer, to say it again when the broadcast comes again.
    mutating func keep(_ answer: [UInt8], of id: UInt64) {
        if entries[id]?.answer == nil { entries[id]?.answer = answer }
    }
}
