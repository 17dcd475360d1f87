import GroupKeys
import NetworkTypes

/// A question to the directory: which channels lead to a service.
struct Route: Hashable {
    let service: ServiceName
    let lowestSuite: UInt8
    let isClassic: Bool
}

extension ForwarderCore {
    /// Takes data of a member.
    mutating func data(_ body: [UInt8], of entry: ForwarderMembers.Entry, now: ContinuousClock.Instant) {
        guard let payload = try? DataPayload(decoding: body) else { return }
        switch payload {
        case .request(let request):
            if entry.member.isClient { take(request, of: entry, now: now) }
        case .answer(let answer):
            if entry.member.isServer { take(answer, of: entry, now: now) }
        case .broadcast, .deliver, .accepted, .complete, .refused: return
        }
    }

    /// Does what has fallen due.
    mutating func serveDeadlines(now: ContinuousClock.Instant) {
        if let next = book.nextDeadline, next <= now { serveBook(now: now) }
        serveClearDeadlines(now: now)
        var deadline = book.nextDeadline
        if let other = clear.nextDeadline { deadline = deadline.map { min($0, other) } ?? other }
        guard let next = deadline else { return }
        // One that was asked for and has not come yet is known.
        if let wakeAt, wakeAt > now, wakeAt <= next { return }
        wakeAt = next
        outputs.append(.wake(at: next))
    }

    private mutating func serveBook(now: ContinuousClock.Instant) {
        let isHeld = lease.isHeld(now: now)
        while let due = book.nextDue(now: now) {
            switch due {
            case .repeatBroadcast(let number):
                if isHeld, let flight = book.takeBroadcast(number) {
                    broadcast(number, flight.bytes, over: flight.channels, now: now)
                }
            case .completed(_, let key, let completion): if isHeld { tell(key, completion) }
            }
        }
    }

    private mutating func take(
        _ request: DataPayload.Request, of entry: ForwarderMembers.Entry, now: ContinuousClock.Instant
    ) {
        let member = entry.member
        let key = RequestKey(client: member.id.rawValue, id: request.id)
        if let number = book.number(of: key) { return repeatVerdict(number, key, to: entry) }
        guard entry.rate.allows(now: now) else { return refuse(key, .tooFast, to: entry) }
        guard let channels = channels(of: request, by: entry) else { return refuse(key, .notAllowed, to: entry) }
        let usable = usable(channels)
        guard !usable.isEmpty else {
            return refuse(key, sender.epoch == nil ? .unavailable : .noSuchService, to: entry)
        }
        let opening = book.openFresh(
            key, window: request.windowMilliseconds, maximumAnswers: Int(request.maximumAnswers), now: now)
        guard case .opened(let number) = opening else { return refuse(key, .tooMany, to: entry) }
        reply(.accepted(id: key.id), to: entry)
        guard let bytes = encoded(request, number: number, of: entry) else { return }
        book.depart(number, over: usable, broadcast: bytes)
        broadcast(number, bytes, over: usable, now: now)
    }

    /// Where a request goes, over whatever is in use or not; nil if its client may not ask for that service. What a
    /// client has asked for last is remembered, because mostly it asks for the same again.
    private mutating func channels(
        of request: DataPayload.Request, by entry: ForwarderMembers.Entry
    ) -> GroupChannels? {
        if let last = entry.lastRoute, last.forgotten == routesForgotten, last.lowestSuite == request.lowestSuite,
            last.service == request.service
        {
            return last.channels
        }
        guard let name = ServiceName(Array(request.service.utf8)), entry.member.access.allows(name) else { return nil }
        let route = Route(
            service: name, lowestSuite: UInt8(request.lowestSuite.rawValue),
            isClassic: !entry.member.suite.isHardened)
        let channels = channels(of: route)
        if configuration.bridge == SuiteBridge(.directory) {
            entry.lastRoute = ForwarderMembers.LastRoute(
                service: request.service, lowestSuite: request.lowestSuite, channels: channels,
                forgotten: routesForgotten)
        }
        return channels
    }

    /// The directory's answer is kept until it changes: thousands may offer a service. Only those are kept that lead
    /// somewhere, so that no client can fill the memory with names.
    private mutating func channels(of route: Route) -> GroupChannels {
        if let known = routes[route] { return known }
        let channels = configuration.bridge.channels(
            lowestSuite: route.lowestSuite, clientIsClassic: route.isClassic,
            offers: directory.offers(named: route.service))
        let isOffered = configuration.bridge == SuiteBridge(.directory)
        if !channels.isEmpty, isOffered { routes[route] = channels }
        return channels
    }

    private mutating func take(
        _ answer: DataPayload.Answer, of entry: ForwarderMembers.Entry, now: ContinuousClock.Instant
    ) {
        let member = entry.member
        // An answer counts only from where the request went: a classic server was not asked what a hardened client
        // wanted hidden from it (3.10.5).
        guard book.went(answer.id, over: member.suite.isHardened ? .hardened : .classic) else { return }
        let outcome = book.answered(answer.id, by: member.id.rawValue, sequence: answer.alias)
        guard case .deliver(let key, let alias, let completion) = outcome, let client = client(of: key) else { return }
        let delivered = DataPayload.Answer(
            id: key.id, alias: alias, isLast: answer.isLast, payload: answer.payload)
        reply(.deliver(delivered), to: client)
        if let completion { tell(key, completion) }
    }

    /// The client repeats a request: it is told again what it was told, and nobody else hears of it.
    private mutating func repeatVerdict(_ number: UInt64, _ key: RequestKey, to client: ForwarderMembers.Entry) {
        reply(.accepted(id: key.id), to: client)
        if let completion = book.completion(of: number) { tell(key, completion) }
    }

    private mutating func tell(_ key: RequestKey, _ completion: RequestCompletion) {
        guard let client = client(of: key) else { return }
        let payload = DataPayload.complete(
            id: key.id, answers: completion.answers, reason: completion.reason.rawValue)
        reply(payload, to: client)
    }

    private mutating func refuse(_ key: RequestKey, _ reason: RequestRefusal, to client: ForwarderMembers.Entry) {
        reply(.refused(id: key.id, reason: reason.rawValue), to: client)
    }

    private mutating func reply(_ payload: DataPayload, to entry: ForwarderMembers.Entry) {
        guard let body = try? payload.encoded() else { return }
        send(body, MessageKind(isResponse: true), to: entry)
    }

    private func client(of key: RequestKey) -> ForwarderMembers.Entry? { MemberID(key.client).flatMap { members[$0] } }

    private func encoded(
        _ request: DataPayload.Request, number: UInt64, of entry: ForwarderMembers.Entry
    ) -> [UInt8]? {
        guard let id = DataPayload.ForwardID(rawValue: number) else { return nil }
        let broadcast = DataPayload.Broadcast(
            id: id, alias: entry.alias, service: request.service, windowMilliseconds: request.windowMilliseconds,
            isFromHardened: entry.member.suite.isHardened, payload: request.payload)
        return try? DataPayload.broadcast(broadcast).encoded()
    }

    private func usable(_ channels: GroupChannels) -> GroupChannels {
        if sender.epoch != nil, classicSender != nil || !channels.contains(.classic) { return channels }
        var usable = channels
        if sender.epoch == nil { usable.remove(.hardened) }
        if classicSender == nil { usable.remove(.classic) }
        return usable
    }

    private mutating func broadcast(
        _ number: UInt64, _ bytes: [UInt8], over channels: GroupChannels, now: ContinuousClock.Instant
    ) {
        if channels.contains(.hardened) { collect(number, bytes, now: now) }
        if channels.contains(.classic), let datagram = try? classicSender?.seal(bytes, .data) {
            outputs.append(.multicast(datagram))
        }
    }

    /// Puts a broadcast to those that share a signature. Alone, and at once, goes one that would need a second datagram
    /// because of that, and one with more segments than a burst has places.
    private mutating func collect(_ number: UInt64, _ bytes: [UInt8], now: ContinuousClock.Instant) {
        let isOneAlone = GroupSender.burstMessageLimit < bytes.count && bytes.count <= GroupSender.singleMessageLimit
        guard !isOneAlone, let frames = try? sender.burstFrames(of: bytes), frames.count <= GroupSender.burstLimit
        else {
            for datagram in (try? sender.seal(bytes)) ?? [] { outputs.append(.multicast(datagram)) }
            return
        }
        if !burst.hasRoom(for: frames) { sealBurst(now: now) }
        if burst.add(frames, of: number) { sealBurst(now: now) }
    }

    /// Seals what was collected under one signature.
    mutating func sealBurst(now: ContinuousClock.Instant) {
        guard !burst.isEmpty else { return }
        let frames = burst.take { book.went($0, over: .hardened) }
        guard !frames.isEmpty, lease.isHeld(now: now) else { return }
        for datagram in (try? sender.sealBurst(frames: frames)) ?? [] { outputs.append(.multicast(datagram)) }
    }
}

/// The broadcasts of a batch that wait for their signature (specification 3.6.5): at most a burst of datagrams, since a
/// full one is sealed at once.
struct PendingBurst {
    /// So many broadcasts at most, 1 to 16.
    let limit: Int
    private var messages: [(number: UInt64, frames: [[UInt8]])] = []
    private var frameCount = 0

    init(limit: Int) { self.limit = min(max(limit, 1), GroupSender.burstLimit) }

    var isEmpty: Bool { messages.isEmpty }

    /// Whether all of a broadcast still fits.
    func hasRoom(for frames: [[UInt8]]) -> Bool { frameCount + frames.count <= GroupSender.burstLimit }

    /// Adds the broadcast of a request, for which there is room. True when no other fits.
    mutating func add(_ frames: [[UInt8]], of number: UInt64) -> Bool {
        messages.append((number, frames))
        frameCount += frames.count
        return messages.count >= limit || frameCount >= GroupSender.burstLimit
    }

    /// Takes the frames of all, in their order, whose request is still open.
    mutating func take(where isOpen: (UInt64) -> Bool) -> [[UInt8]] {
        defer {
            messages.removeAll(keepingCapacity: true)
            frameCount = 0
        }
        var frames: [[UInt8]] = []
        frames.reserveCapacity(frameCount)
        for message in messages where isOpen(message.number) { frames += message.frames }
        return frames
    }
}
