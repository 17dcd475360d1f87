/// A client's request, as the client names it.
package struct RequestKey: Hashable, Sendable {
    /// The member that asks.
    package let client: UInt32
    /// Its own number for the request.
    package let id: UInt64

    /// Names a request.
    package init(client: UInt32, id: UInt64) {
        self.client = client
        self.id = id
    }
}

/// How a request ended (COMPLETE, group keys specification 3.10.1).
package struct RequestCompletion: Hashable, Sendable {
    /// Why no more answers come.
    package enum Reason: UInt16, Sendable {
        /// The client's window is over.
        case windowOver = 0
        /// The client has as many answers as it asked for.
        case enoughAnswers = 1
        /// The forwarder has lost its lease and no longer speaks for the group.
        case fenced = 2
    }

    /// How many answers were delivered.
    package let answers: UInt16
    /// Why no more come.
    package let reason: Reason

    /// Says how a request ended.
    package init(answers: UInt16, reason: Reason) {
        self.answers = answers
        self.reason = reason
    }
}

/// The requests of a forwarder: opened, answered within the client's window, completed, remembered.
///
///     open ──answer──▶ open ──window over, enough answers, fenced──▶ remembered ──rememberFor──▶ (forgotten)
///
/// Of an open request it also holds where that went and, until somebody has answered, what to send again; it holds no
/// key. A request that no longer fits is refused: another client's is never given up for it, because a flood of one
/// client would end the requests of the others. A client gets a share of what is still free (``ClientShare``), so that
/// many that ask for all they can get leave room for one that has asked for little.
struct RequestBook: Sendable {
    struct Open: Sendable {
        let key: RequestKey
        let maximumAnswers: Int
        var channels: GroupChannels = []
        var broadcast: [UInt8]?
        var aliases: [UInt32: UInt32] = [:]
        var heard: Set<UInt64> = []
        var answers = 0
        var completion: RequestCompletion?

        /// Counts an answer; nil for one that came twice, too late, or beyond the limit.
        mutating func take(
            _ server: UInt32, _ sequence: UInt32, limit: Int
        ) -> (key: RequestKey, alias: UInt32, isEnough: Bool)? {
            guard completion == nil, heard.count < limit,
                heard.insert(UInt64(server) << 32 | UInt64(sequence)).inserted
            else { return nil }
            let alias = aliases[server] ?? UInt32(aliases.count + 1)
            aliases[server] = alias
            answers += 1
            broadcast = nil
            return (key, alias, maximumAnswers > 0 && answers >= maximumAnswers)
        }

        /// Ends it, and lets go of all but its end; nil if it is over already.
        mutating func complete(_ reason: RequestCompletion.Reason) -> (client: UInt32, RequestCompletion)? {
            guard completion == nil else { return nil }
            let completion = RequestCompletion(answers: UInt16(clamping: answers), reason: reason)
            self.completion = completion
            broadcast = nil
            aliases = [:]
            heard = []
            return (key.client, completion)
        }
    }

    enum Deadline: Sendable {
        case repeatBroadcast(UInt64)
        case windowOver(UInt64)
        case forget(UInt64)
    }

    private let limits: ForwarderLimits
    /// What all numbers begin with.
    private let beginning: UInt64
    /// The counter of the first request.
    private let start: UInt64
    private var requests = NumberedRing<Open>()
    private var numbers: [RequestKey: UInt64] = [:]
    private var held: [UInt32: ClientShare] = [:]
    private var deadlines = DeadlineQueue<Deadline>()
    private var open = 0

    /// An empty book. The forwarder's numbers begin at a random place, so that servers, which know a number for a
    /// minute, never take a request after a restart for one before it.
    /// 47 bits of them count; the one before says whether the requests came in clear.
    init(
        controller: UInt16, limits: ForwarderLimits, isUnencrypted: Bool = false,
        using random: inout some RandomNumberGenerator
    ) {
        beginning = UInt64(controller) << 48 | (isUnencrypted ? DataPayload.ForwardID.unencryptedBit : 0)
        self.limits = limits
        start = random.next() >> 17
    }

    /// How many requests are open.
    var openCount: Int { open }

    /// The number of a request that is known.
    func number(of key: RequestKey) -> UInt64? { numbers[key] }

    /// How a request ended; nil while it is open, and for one that is not known.
    func completion(of number: UInt64) -> RequestCompletion? { requests[place(number)]?.completion }

    /// An open request goes out.
    mutating func depart(_ number: UInt64, over channels: GroupChannels, broadcast: [UInt8]) {
        requests.update(place(number)) { request in
            request?.channels = channels
            request?.broadcast = broadcast
        }
    }

    /// Whether a request is open and went over a channel.
    func went(_ number: UInt64, over channel: GroupChannels) -> Bool {
        guard let request = requests[place(number)], request.completion == nil else { return false }
        return request.channels.contains(channel)
    }

    /// The broadcast of an open request and its channels, once: it is not sent a third time.
    mutating func takeBroadcast(_ number: UInt64) -> (bytes: [UInt8], channels: GroupChannels)? {
        let place = place(number)
        guard let request = requests[place], request.completion == nil, let bytes = request.broadcast else {
            return nil
        }
        requests.update(place) { $0?.broadcast = nil }
        return (bytes, request.channels)
    }

    /// Where a number stands in the ring; a number that is none of this forwarder's leads nowhere.
    private func place(_ number: UInt64) -> UInt64 {
        guard number & ~Self.counterMask == beginning else { return .max }
        return (number &- start) & Self.counterMask
    }

    private static var counterMask: UInt64 { DataPayload.ForwardID.unencryptedBit - 1 }

    /// What becomes of a request.
    enum Opening: Hashable, Sendable {
        /// It is new and has this number.
        case opened(UInt64)
        /// It is known under this number; a finished one says how it ended.
        case known(UInt64, RequestCompletion?)
        /// Its client, or everybody together, has too many.
        case full
    }

    /// Opens a request. `window` is in milliseconds, 0 for the default; `maximumAnswers` 0 means all.
    mutating func open(
        _ key: RequestKey, window: UInt32, maximumAnswers: Int, now: ContinuousClock.Instant
    ) -> Opening {
        if let number = numbers[key] { return .known(number, completion(of: number)) }
        return openFresh(key, window: window, maximumAnswers: maximumAnswers, now: now)
    }

    /// Opens a request that is not known.
    mutating func openFresh(
        _ key: RequestKey, window: UInt32, maximumAnswers: Int, now: ContinuousClock.Instant
    ) -> Opening {
        guard begins(of: key.client) else { return .full }
        let place = requests.first + UInt64(requests.span)
        let number = beginning | (start &+ place) & Self.counterMask
        requests.append(Open(key: key, maximumAnswers: maximumAnswers))
        numbers[key] = number
        open += 1
        let window = granted(window)
        // What is over before it would be repeated is not repeated.
        if limits.repeatAfter <= window { deadlines.add(.repeatBroadcast(number), at: now + limits.repeatAfter) }
        deadlines.add(.windowOver(number), at: now + window)
        deadlines.add(.forget(number), at: now + max(limits.rememberFor, window))
        return .opened(number)
    }

    /// Counts another request of a client, if it may have one.
    private mutating func begins(of client: UInt32) -> Bool {
        let (known, freeOpen) = (held.index(forKey: client), limits.open - open)
        let freeKnown = limits.open + limits.remembered - requests.span
        let share = known.map { held.values[$0] } ?? ClientShare()
        guard share.open < limits.openPerClient, ClientShare.allows(share.open, free: freeOpen),
            ClientShare.allows(share.known, free: freeKnown)
        else { return false }
        if let known {
            held.values[known].open += 1
            held.values[known].known += 1
        } else {
            held[client] = ClientShare(open: 1, known: 1)
        }
        return true
    }

    private mutating func forget(_ number: UInt64) {
        guard let request = requests.remove(place(number)) else { return }
        numbers[request.key] = nil
        guard let known = held.index(forKey: request.key.client) else { return }
        held.values[known].known -= 1
        if held.values[known].known == 0 { held.remove(at: known) }
    }

    /// What becomes of an answer.
    enum Answering: Hashable, Sendable {
        /// It goes to the client under this alias of the server; `completion` is set when it was the last one wanted.
        case deliver(RequestKey, alias: UInt32, completion: RequestCompletion?)
        /// It came twice, too late, or to nothing.
        case ignored
    }

    /// Takes an answer: `sequence` is the server's own number of it.
    mutating func answered(_ number: UInt64, by server: UInt32, sequence: UInt32) -> Answering {
        // In place: a copy of the request would copy all that it has heard, with each answer.
        let (place, limit) = (place(number), limits.answersPerRequest)
        guard let taken = requests.update(place, { $0?.take(server, sequence, limit: limit) }) else {
            return .ignored
        }
        let completion = taken.isEnough ? complete(number, .enoughAnswers) : nil
        return .deliver(taken.key, alias: taken.alias, completion: completion)
    }

    /// What a deadline asks for.
    enum Due: Hashable, Sendable {
        /// Nobody has answered: the broadcast goes out once more.
        case repeatBroadcast(UInt64)
        /// A request is over.
        case completed(UInt64, RequestKey, RequestCompletion)
    }

    /// The next thing that is due.
    mutating func nextDue(now: ContinuousClock.Instant) -> Due? {
        while let deadline = deadlines.popDue(now: now) {
            switch deadline {
            case .repeatBroadcast(let number):
                if let request = requests[place(number)], request.completion == nil, request.answers == 0 {
                    return .repeatBroadcast(number)
                }
            case .windowOver(let number):
                if let key = requests[place(number)]?.key, let completion = complete(number, .windowOver) {
                    return .completed(number, key, completion)
                }
            case .forget(let number):
                forget(number)
            }
        }
        return nil
    }

    /// When ``nextDue(now:)`` is worth a call.
    var nextDeadline: ContinuousClock.Instant? { deadlines.next }

    /// Ends every open request of a client that is gone, or of all clients: a fenced forwarder's. The requests stay
    /// known, so that a repeated one is not asked a second time.
    mutating func endAll(of client: UInt32?, reason: RequestCompletion.Reason) -> [Due] {
        var ending: [(number: UInt64, key: RequestKey)] = []
        requests.forEach { place, request in
            guard request.completion == nil, client == nil || request.key.client == client else { return }
            ending.append((beginning | (start &+ place) & Self.counterMask, request.key))
        }
        return ending.compactMap { number, key in
            complete(number, reason).map { .completed(number, key, $0) }
        }
    }

    private mutating func complete(_ number: UInt64, _ reason: RequestCompletion.Reason) -> RequestCompletion? {
        guard let (client, completion) = requests.update(place(number), { $0?.complete(reason) }) else { return nil }
        open -= 1
        if let known = held.index(forKey: client) { held.values[known].open -= 1 }
        return completion
    }

    private func granted(_ window: UInt32) -> Duration {
        guard window > 0 else { return limits.defaultWindow }
        return min(max(.milliseconds(Int64(window)), limits.window.lowerBound), limits.window.upperBound)
    }
}
