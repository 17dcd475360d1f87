import GroupKeys
import NetworkTypes

/// A client's requests.
extension Member {
    /// Asks the servers of a service. `window` is how long answers are collected, 50...30,000 ms; `maximumAnswers` 0
    /// means all. Gives the number under which the events tell of it; nil when the member is none, when 64 requests
    /// are open, or when a value is out of its bounds.
    package mutating func request(
        _ service: ServiceName, payload: [UInt8], window: Duration = .seconds(2), maximumAnswers: UInt8 = 0,
        lowestSuite: DataPayload.LowestSuite? = nil, now: ContinuousClock.Instant
    ) -> UInt64? {
        guard let session, let id = requests.allocate() else { return nil }
        let milliseconds = window.components.seconds * 1_000 + window.components.attoseconds / 1_000_000_000_000_000
        let lowest = session.suite.isHardened ? lowestSuite ?? configuration.lowestSuite : .classic
        let request = DataPayload.Request(
            id: id, service: service.description, windowMilliseconds: UInt32(clamping: milliseconds),
            maximumAnswers: maximumAnswers, lowestSuite: lowest, payload: payload)
        guard let body = try? DataPayload.request(request).encoded() else { return nil }
        requests.begin(id, body: body, window: window, now: now)
        advanceRequests(now: now)
        return id
    }

    mutating func advanceRequests(now: ContinuousClock.Instant) {
        let forwarders = session?.controllers.forwarders ?? []
        for due in requests.due(forwarders: forwarders.count, now: now) {
            switch due {
            case .send(let id, let attempt):
                guard forwarders.indices.contains(attempt), let body = requests.body(of: id) else { continue }
                send(body, .data, to: forwarders[attempt])
            case .failed(let id), .silent(let id): outputs.append(.event(.timedOut(id)))
            }
        }
        if let next = requests.nextDeadline { outputs.append(.wake(at: max(next, now))) }
    }

    mutating func takeData(_ body: [UInt8], now: ContinuousClock.Instant) {
        guard let payload = try? DataPayload(decoding: body) else { return }
        switch payload {
        case .accepted(let id):
            if requests.accepted(id, now: now) { outputs.append(.event(.accepted(id))) }
        case .deliver(let answer):
            guard requests.isOpen(answer.id) else { return }
            // An answer says as much as ACCEPTED does.
            _ = requests.accepted(answer.id, now: now)
            let event = MemberEvent.answer(
                answer.id, alias: answer.alias, isLast: answer.isLast, payload: answer.payload)
            outputs.append(.event(event))
        case .complete(let id, let answers, let reason):
            if requests.ended(id) { outputs.append(.event(.completed(id, answers: answers, reason: reason))) }
        case .refused(let id, let reason):
            if requests.ended(id) { outputs.append(.event(.refused(id, reason: reason))) }
        case .request, .broadcast, .answer: return
        }
    }
}
