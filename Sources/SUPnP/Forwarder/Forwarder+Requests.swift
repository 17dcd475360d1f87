import GroupKeys
import NetworkTypes

extension Forwarder {
    /// Takes data of a member.
    mutating func data(_ body: [UInt8], of id: MemberID, now: ContinuousClock.Instant) {
        guard let payload = try? DataPayload(decoding: body), let member = members[id]?.member else { return }
        switch payload {
        case .request(let request):
            if member.isClient { take(request, of: member, now: now) }
        case .answer(let answer):
            if member.isServer { take(answer, of: member, now: now) }
        case .broadcast, .deliver, .accepted, .complete, .refused: return
        }
    }

    /// Does what has fallen due.
    mutating func serveDeadlines(now: ContinuousClock.Instant) {
        let isHeld = lease.isHeld(now: now)
        while let due = book.nextDue(now: now) {
            switch due {
            case .repeatBroadcast(let number):
                if isHeld, let flight = flights.takeBroadcast(number) {
                    broadcast(number, flight.bytes, over: flight.channels, now: now)
                }
            case .completed(let number, let key, let completion):
                flights.end(number)
                if isHeld { tell(key, completion) }
            }
        }
        if let next = book.nextDeadline { outputs.append(.wake(at: next)) }
    }

    private mutating func take(
        _ request: DataPayload.Request, of member: ForwarderMember, now: ContinuousClock.Instant
    ) {
        let key = RequestKey(client: member.id.rawValue, id: request.id)
        if let number = book.number(of: key) { return repeatVerdict(number, key) }
        let name = ServiceName(Array(request.service.utf8))
        guard members.allowsRequest(of: member.id, now: now) else { return refuse(key, .tooFast) }
        guard let name, member.access.allows(name) else { return refuse(key, .notAllowed) }
        let channels = usable(
            configuration.bridge.channels(
                lowestSuite: UInt8(request.lowestSuite.rawValue), clientIsClassic: !member.suite.isHardened,
                offers: directory.offers(named: name)))
        guard !channels.isEmpty else { return refuse(key, sender.epoch == nil ? .unavailable : .noSuchService) }
        let opening = book.open(
            key, window: request.windowMilliseconds, maximumAnswers: Int(request.maximumAnswers), now: now)
        guard case .opened(let number) = opening else { return refuse(key, .tooMany) }
        reply(.accepted(id: key.id), to: member.id)
        guard let bytes = encoded(request, number: number, of: member) else { return }
        flights.begin(number, over: channels, broadcast: bytes)
        broadcast(number, bytes, over: channels, now: now)
    }

    private mutating func take(
        _ answer: DataPayload.Answer, of member: ForwarderMember, now: ContinuousClock.Instant
    ) {
        // An answer counts only from where the request went: a classic server was not asked what a hardened client
        // wanted hidden from it (3.10.5).
        guard flights.went(answer.id, over: member.suite.isHardened ? .hardened : .classic) else { return }
        let outcome = book.answered(answer.id, by: member.id.rawValue, sequence: answer.alias)
        guard case .deliver(let key, let alias, let completion) = outcome, let client = MemberID(key.client) else {
            return
        }
        flights.dropBroadcast(answer.id)
        let delivered = DataPayload.Answer(
            id: key.id, alias: alias, isLast: answer.isLast, payload: answer.payload)
        reply(.deliver(delivered), to: client)
        guard let completion else { return }
        flights.end(answer.id)
        tell(key, completion)
    }

    /// The client repeats a request: it is told again what it was told, and nobody else hears of it.
    private mutating func repeatVerdict(_ number: UInt64, _ key: RequestKey) {
        guard let client = MemberID(key.client) else { return }
        reply(.accepted(id: key.id), to: client)
        if let completion = book.completion(of: number) { tell(key, completion) }
    }

    private mutating func tell(_ key: RequestKey, _ completion: RequestCompletion) {
        guard let client = MemberID(key.client) else { return }
        let payload = DataPayload.complete(
            id: key.id, answers: completion.answers, reason: completion.reason.rawValue)
        reply(payload, to: client)
    }

    private mutating func refuse(_ key: RequestKey, _ reason: RequestRefusal) {
        guard let client = MemberID(key.client) else { return }
        reply(.refused(id: key.id, reason: reason.rawValue), to: client)
    }

    private mutating func reply(_ payload: DataPayload, to id: MemberID) {
        guard let body = try? payload.encoded() else { return }
        send(body, MessageKind(isResponse: true), to: id)
    }

    private func encoded(
        _ request: DataPayload.Request, number: UInt64, of member: ForwarderMember
    ) -> [UInt8]? {
        guard let id = DataPayload.ForwardID(rawValue: number), let alias = members[member.id]?.alias else {
            return nil
        }
        let broadcast = DataPayload.Broadcast(
            id: id, alias: alias, service: request.service, windowMilliseconds: request.windowMilliseconds,
            isFromHardened: member.suite.isHardened, payload: request.payload)
        return try? DataPayload.broadcast(broadcast).encoded()
    }

    private func usable(_ channels: Set<GroupChannel>) -> Set<GroupChannel> {
        channels.filter { $0 == .hardened ? sender.epoch != nil : classicSender != nil }
    }

    private mutating func broadcast(
        _ number: UInt64, _ bytes: [UInt8], over channels: Set<GroupChannel>, now: ContinuousClock.Instant
    ) {
        if channels.contains(.hardened) {
            if bytes.count > GroupSender.burstMessageLimit {
                for datagram in (try? sender.seal(bytes)) ?? [] { outputs.append(.multicast(datagram)) }
            } else if burst.add(bytes, of: number) {
                sealBurst(now: now)
            }
        }
        if channels.contains(.classic), let datagram = try? classicSender?.seal(bytes, .data) {
            outputs.append(.multicast(datagram))
        }
    }

    /// Seals what was collected under one signature.
    mutating func sealBurst(now: ContinuousClock.Instant) {
        guard !burst.isEmpty else { return }
        let bodies = burst.take { flights.went($0, over: .hardened) }
        guard !bodies.isEmpty, lease.isHeld(now: now) else { return }
        for datagram in (try? sender.sealBurst(bodies)) ?? [] { outputs.append(.multicast(datagram)) }
    }
}

/// The broadcasts of a batch that wait for their signature (specification 3.6.5): at most a burst of them, since a full
/// one is sealed at once.
struct PendingBurst {
    private var bodies: [(number: UInt64, bytes: [UInt8])] = []

    var isEmpty: Bool { bodies.isEmpty }

    /// Adds the broadcast of a request. True when no other fits.
    mutating func add(_ bytes: [UInt8], of number: UInt64) -> Bool {
        bodies.append((number, bytes))
        return bodies.count == GroupSender.burstLimit
    }

    /// Takes all, in their order, whose request is still open.
    mutating func take(where isOpen: (UInt64) -> Bool) -> [[UInt8]] {
        defer { bodies.removeAll(keepingCapacity: true) }
        return bodies.filter { isOpen($0.number) }.map(\.bytes)
    }
}
