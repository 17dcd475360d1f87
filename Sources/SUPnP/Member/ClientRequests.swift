/// A client's open requests: repeated until the forwarder has taken them, then awaited until they are complete
/// (group keys specification 3.10.3).
///
///     asking ──ACCEPTED──▶ accepted ──COMPLETE──▶ (over)
///     asking ──three times unanswered──▶ asking the next forwarder, or failed
struct ClientRequests: Sendable {
    /// What a request asks its owner to do.
    enum Due: Hashable, Sendable {
        /// Send it to the forwarder at this place of the list.
        case send(UInt64, attempt: Int)
        /// It is over without an answer of a forwarder.
        case failed(UInt64)
        /// It was taken, and its end has not been heard.
        case silent(UInt64)
    }

    private enum Phase: Sendable {
        case asking(RetrySchedule, forwarder: Int)
        case accepted(until: ContinuousClock.Instant)
    }

    private struct Request: Sendable {
        let body: [UInt8]
        let patience: Duration
        var phase: Phase
    }

    static let limit = 64
    private var requests: [UInt64: Request] = [:]
    private var nextID: UInt64

    /// The numbers begin at a random place, so that a client that starts again is not taken for itself of before.
    init(using random: inout some RandomNumberGenerator) { nextID = random.next() >> 1 }

    /// How many are open.
    var count: Int { requests.count }

    /// The number of the next request.
    mutating func allocate() -> UInt64? {
        guard requests.count < Self.limit else { return nil }
        defer { nextID += 1 }
        return nextID
    }

    /// A request begins.
    mutating func begin(_ id: UInt64, body: [UInt8], window: Duration, now: ContinuousClock.Instant) {
        // Beyond the window the end is awaited as long as a repeated request would take to bring it.
        requests[id] = Request(
            body: body, patience: window + .seconds(2), phase: .asking(.request(at: now), forwarder: 0))
    }

    /// The body of a request.
    func body(of id: UInt64) -> [UInt8]? { requests[id]?.body }

    /// A forwarder has taken it. False if it is not open.
    mutating func accepted(_ id: UInt64, now: ContinuousClock.Instant) -> Bool {
        guard let request = requests[id] else { return false }
        if case .asking = request.phase { requests[id]?.phase = .accepted(until: now + request.patience) }
        return true
    }

    /// Whether a request is open.
    func isOpen(_ id: UInt64) -> Bool { requests[id] != nil }

    /// A request is over. False if it was not open.
    mutating func ended(_ id: UInt64) -> Bool { requests.removeValue(forKey: id) != nil }

    /// What is due. `forwarders` is how many there are to ask.
    mutating func due(forwarders: Int, now: ContinuousClock.Instant) -> [Due] {
        requests.keys.sorted().compactMap { due($0, forwarders: forwarders, now: now) }
    }

    /// When ``due(forwarders:now:)`` is worth a call.
    var nextDeadline: ContinuousClock.Instant? {
        requests.values.map { request in
            switch request.phase {
            case .asking(let schedule, _): schedule.at
            case .accepted(let until): until
            }
        }.min()
    }

    private mutating func due(_ id: UInt64, forwarders: Int, now: ContinuousClock.Instant) -> Due? {
        guard let request = requests[id] else { return nil }
        switch request.phase {
        case .accepted(let until):
            guard until <= now else { return nil }
            requests[id] = nil
            return .silent(id)
        case .asking(var schedule, let forwarder):
            switch schedule.due(now: now) {
            case .nothing: return nil
            case .send:
                requests[id]?.phase = .asking(schedule, forwarder: forwarder)
                return .send(id, attempt: forwarder)
            case .giveUp:
                guard forwarder + 1 < forwarders else {
                    requests[id] = nil
                    return .failed(id)
                }
                var next = RetrySchedule.request(at: now)
                _ = next.due(now: now)
                requests[id]?.phase = .asking(next, forwarder: forwarder + 1)
                return .send(id, attempt: forwarder + 1)
            }
        }
    }
}
