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
/// It holds no payload and no key. A request that no longer fits is refused: another client's is never given up for
/// it, because a flood of one client would end the requests of the others.
struct RequestBook: Sendable {
    private struct Open: Sendable {
        let key: RequestKey
        let maximumAnswers: Int
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
            return (key, alias, maximumAnswers > 0 && answers >= maximumAnswers)
        }
    }

    private enum Deadline: Sendable {
        case repeatBroadcast(UInt64)
        case windowOver(UInt64)
        case forget(UInt64)
    }

    private let limits: ForwarderLimits
    /// What all numbers begin with.
    private let beginning: UInt64
    private var counter: UInt64
    private var requests: [UInt64: Open] = [:]
    private var numbers: [RequestKey: UInt64] = [:]
    private var openByClient: [UInt32: Int] = [:]
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
        counter = random.next() >> 17
    }

    /// How many requests are open.
    var openCount: Int { open }

    /// The number of a request that is known.
    func number(of key: RequestKey) -> UInt64? { numbers[key] }

    /// How a request ended; nil while it is open, and for one that is not known.
    func completion(of number: UInt64) -> RequestCompletion? { requests[number]?.completion }

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
        if let number = numbers[key] { return .known(number, requests[number]?.completion) }
        guard open < limits.open, openByClient[key.client, default: 0] < limits.openPerClient,
            requests.count < limits.open + limits.remembered
        else { return .full }
        let number = beginning | counter
        counter = (counter + 1) & (DataPayload.ForwardID.unencryptedBit - 1)
        requests[number] = Open(key: key, maximumAnswers: maximumAnswers)
        numbers[key] = number
        openByClient[key.client, default: 0] += 1
        open += 1
        deadlines.add(.repeatBroadcast(number), at: now + limits.repeatAfter)
        deadlines.add(.windowOver(number), at: now + granted(window))
        deadlines.add(.forget(number), at: now + max(limits.rememberFor, granted(window)))
        return .opened(number)
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
        guard let taken = requests[number]?.take(server, sequence, limit: limits.answersPerRequest) else {
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
                if let request = requests[number], request.completion == nil, request.answers == 0 {
                    return .repeatBroadcast(number)
                }
            case .windowOver(let number):
                if let key = requests[number]?.key, let completion = complete(number, .windowOver) {
                    return .completed(number, key, completion)
                }
            case .forget(let number):
                if let request = requests.removeValue(forKey: number) { numbers[request.key] = nil }
            }
        }
        return nil
    }

    /// When ``nextDue(now:)`` is worth a call.
    var nextDeadline: ContinuousClock.Instant? { deadlines.next }

    /// Ends every open request of a client that is gone, or of all clients: a fenced forwarder's. The requests stay
    /// known, so that a repeated one is not asked a second time.
    mutating func endAll(of client: UInt32?, reason: RequestCompletion.Reason) -> [Due] {
        let ending = requests.filter { $0.value.completion == nil && (client == nil || $0.value.key.client == client) }
        return ending.keys.sorted().compactMap { number in
            guard let key = requests[number]?.key, let completion = complete(number, reason) else { return nil }
            return .completed(number, key, completion)
        }
    }

    private mutating func complete(_ number: UInt64, _ reason: RequestCompletion.Reason) -> RequestCompletion? {
        guard var request = requests[number], request.completion == nil else { return nil }
        let completion = RequestCompletion(answers: UInt16(clamping: request.answers), reason: reason)
        request.completion = completion
        request.aliases = [:]
        request.heard = []
        requests[number] = request
        open -= 1
        let left = (openByClient[request.key.client] ?? 1) - 1
        openByClient[request.key.client] = left > 0 ? left : nil
        return completion
    }

    private func granted(_ window: UInt32) -> Duration {
        guard window > 0 else { return limits.defaultWindow }
        return min(max(.milliseconds(Int64(window)), limits.window.lowerBound), limits.window.upperBound)
    }
}
