import GroupKeys
import NetworkTypes

/// What a forwarder that accepts requests in clear holds of them at most.
package struct UnencryptedLimits: Sendable {
    /// Addresses (IPv6: networks of 64 bits) that may ask at the same time.
    package var sources = 256
    /// Requests per second of one of them, in the long run, and at once.
    package var requestsPerSecond = 2
    /// Requests of one of them at once.
    package var burst = 5
    /// Requests per second of all together.
    package var requestsPerSecondInAll = 50
    /// Open requests of one of them.
    package var openPerSource = 4
    /// Open requests in all.
    package var open = 64
    /// Answers to a request: whoever asks under another's address sends that one no more than this.
    package var answersPerRequest = 16

    /// The default limits.
    package init() {}
}

/// The requests that came in clear, from anybody: apart from those of members in everything.
struct ClearRelay {
    private struct Source {
        let network: IPAddress
        var rate: RequestRate
        var open = 0
        var usedAt: ContinuousClock.Instant
    }

    private struct Flight {
        let client: SocketEndpoint
        var broadcast: [UInt8]?
    }

    /// What is known of a source for as long: longer than its requests are.
    private static let memory: Duration = .seconds(120)
    private let limits: UnencryptedLimits
    private var rate: RequestRate?
    private var slots: [IPAddress: Int] = [:]
    private var sources: [Source?] = []
    private var flights: [UInt64: Flight] = [:]
    private var book: RequestBook

    init(controller: ControllerID, _ limits: UnencryptedLimits, using random: inout some RandomNumberGenerator) {
        self.limits = limits
        var bounds = ForwarderLimits()
        bounds.open = limits.open
        bounds.openPerClient = limits.openPerSource
        bounds.remembered = limits.sources * 64
        bounds.answersPerRequest = limits.answersPerRequest
        book = RequestBook(
            controller: UInt16(truncatingIfNeeded: controller.rawValue), limits: bounds, isUnencrypted: true,
            using: &random)
    }

    /// What is to be sent.
    enum Reply {
        case send(DataPayload, SocketEndpoint)
        case broadcast(DataPayload)
        case repeated([UInt8])
    }

    /// Takes a request: it is told that it was taken and broadcast, or nothing at all happens.
    mutating func take(
        _ request: DataPayload.Request, from client: SocketEndpoint, now: ContinuousClock.Instant
    ) -> [Reply] {
        guard request.lowestSuite == .classic, let slot = slot(of: client, now: now) else { return [] }
        let key = RequestKey(client: UInt32(slot) << 16 | UInt32(client.port), id: request.id)
        let isAllowed = sources[slot]?.rate.allows(now: now) == true && allowsInAll(now: now)
        guard isAllowed else { return [] }
        if let number = book.number(of: key) {
            return [.send(.accepted(id: key.id), client)]
                + (book.completion(of: number).map { [told(key, $0, client)] } ?? [])
        }
        guard let open = sources[slot]?.open, open < limits.openPerSource,
            case .opened(let number) = book.open(
                key, window: request.windowMilliseconds, maximumAnswers: Int(request.maximumAnswers), now: now),
            let id = DataPayload.ForwardID(rawValue: number)
        else { return [] }
        sources[slot]?.open += 1
        let broadcast = DataPayload.broadcast(
            DataPayload.Broadcast(
                id: id, alias: key.client, service: request.service, windowMilliseconds: request.windowMilliseconds,
                isFromHardened: false, payload: request.payload))
        flights[number] = Flight(client: client, broadcast: ClearData(broadcast).datagram())
        return [.send(.accepted(id: key.id), client), .broadcast(broadcast)]
    }

    /// Takes an answer in clear, of anybody: it counts only for a request that came in clear.
    mutating func take(
        _ answer: DataPayload.Answer, from server: SocketEndpoint, now: ContinuousClock.Instant
    ) -> [Reply] {
        guard let flight = flights[answer.id],
            case .deliver(let key, let alias, let completion) = book.answered(
                answer.id, by: Self.number(of: server), sequence: answer.alias)
        else { return [] }
        flights[answer.id]?.broadcast = nil
        let delivered = DataPayload.Answer(id: key.id, alias: alias, isLast: answer.isLast, payload: answer.payload)
        let reply = Reply.send(.deliver(delivered), flight.client)
        guard let completion else { return [reply] }
        end(answer.id, key)
        return [reply, told(key, completion, flight.client)]
    }

    /// What is due.
    mutating func due(now: ContinuousClock.Instant) -> [Reply] {
        var replies: [Reply] = []
        while let due = book.nextDue(now: now) {
            switch due {
            case .repeatBroadcast(let number):
                guard let datagram = flights[number]?.broadcast else { continue }
                flights[number]?.broadcast = nil
                replies.append(.repeated(datagram))
            case .completed(let number, let key, let completion):
                if let flight = flights[number] { replies.append(told(key, completion, flight.client)) }
                end(number, key)
            }
        }
        return replies
    }

    /// When ``due(now:)`` is worth a call.
    var nextDeadline: ContinuousClock.Instant? { book.nextDeadline }

    private func told(_ key: RequestKey, _ completion: RequestCompletion, _ client: SocketEndpoint) -> Reply {
        .send(.complete(id: key.id, answers: completion.answers, reason: completion.reason.rawValue), client)
    }

    private mutating func end(_ number: UInt64, _ key: RequestKey) {
        flights[number] = nil
        sources[Int(key.client >> 16)]?.open -= 1
    }

    private mutating func allowsInAll(now: ContinuousClock.Instant) -> Bool {
        let perSecond = limits.requestsPerSecondInAll
        var rate = rate ?? RequestRate(perSecond: perSecond, burst: perSecond, now: now)
        defer { self.rate = rate }
        return rate.allows(now: now)
    }

    /// The place of a source; nil when there is none left.
    private mutating func slot(of client: SocketEndpoint, now: ContinuousClock.Instant) -> Int? {
        let network = Self.network(of: client.address)
        if let slot = slots[network] {
            sources[slot]?.usedAt = now
            return slot
        }
        let fresh = Source(
            network: network,
            rate: RequestRate(perSecond: limits.requestsPerSecond, burst: limits.burst, now: now), usedAt: now)
        if sources.count < min(limits.sources, 0xFFFF) {
            sources.append(fresh)
            slots[network] = sources.count - 1
            return sources.count - 1
        }
        let idle = sources.firstIndex { $0.map { $0.open == 0 && $0.usedAt + Self.memory <= now } ?? true }
        guard let idle else { return nil }
        if let old = sources[idle] { slots[old.network] = nil }
        sources[idle] = fresh
        slots[network] = idle
        return idle
    }

    private static func network(of address: IPAddress) -> IPAddress {
        guard case .v6(let v6) = address.unmapped else { return address.unmapped }
        return .v6(IPv6Address(high: v6.high, low: 0))
    }

    /// Tells servers apart that are known by their addresses alone (FNV-1a): two of one number are taken for one.
    private static func number(of server: SocketEndpoint) -> UInt32 {
        EndpointCodec.encoded(server).reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    }
}

extension ForwarderCore {
    /// Takes what has come in clear, if that is wanted. It says nothing about any member.
    mutating func takeClear(_ bytes: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant) {
        guard configuration.acceptsUnencrypted, lease.isHeld(now: now), let message = ClearData(bytes) else { return }
        switch message.payload {
        case .request(let request): say(clear.take(request, from: source, now: now))
        case .answer(let answer): say(clear.take(answer, from: source, now: now))
        case .broadcast, .deliver, .accepted, .complete, .refused: return
        }
    }

    mutating func serveClearDeadlines(now: ContinuousClock.Instant) {
        guard configuration.acceptsUnencrypted else { return }
        let due = clear.due(now: now)
        if lease.isHeld(now: now) { say(due) }
    }

    private mutating func say(_ replies: [ClearRelay.Reply]) {
        for reply in replies {
            switch reply {
            case .send(let payload, let client):
                if let datagram = ClearData(payload).datagram() { outputs.append(.transmit(datagram, to: client)) }
            case .broadcast(let payload):
                if let datagram = ClearData(payload).datagram() { outputs.append(.multicast(datagram)) }
            case .repeated(let datagram): outputs.append(.multicast(datagram))
            }
        }
    }
}
