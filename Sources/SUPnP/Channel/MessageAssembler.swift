/// A message that is authentic and complete: the last of the steps from raw bytes.
package struct WholeMessage: Sendable {
    /// Control or data, response or not, and as what the sender acts.
    package let kind: MessageKind
    /// Who has sent it.
    package let sender: SenderID
    /// The epoch, or the generation of the pairwise key.
    package let epoch: UInt32
    /// The text, 1...65,536 bytes.
    package let body: [UInt8]

    fileprivate init(_ opened: OpenedMessage, body: [UInt8]) {
        kind = opened.kind
        sender = opened.sender
        epoch = opened.epoch
        self.body = body
    }
}

/// Puts segments together (specification 3.6.4), for one peer or for all peers of an end.
///
/// A key has at most 32 messages in the making, each of at most 65,536 bytes and for at most 2 s; all keys together
/// hold at most `Limits.bytes`, in which each segment that is awaited counts 64 bytes beside its text. A segment that
/// contradicts the others of its message takes the whole message with it.
package struct MessageAssembler: Sendable {
    /// How much is kept.
    package struct Limits: Hashable, Sendable {
        /// Messages in the making per key.
        package var messagesPerKey = 32
        /// Bytes in the making, all keys together.
        package var bytes = 4 << 20
        /// How long a message may take from its first segment on.
        package var patience: Duration = .seconds(2)

        /// The specification's limits.
        package init() {}
    }

    /// What became of a message or a segment.
    package enum Outcome: Sendable {
        /// A message is complete.
        case whole(WholeMessage)
        /// More segments of it are to come.
        case waiting
        /// This segment was there already.
        case duplicate
        /// It contradicts the others, or would make the message too long; the message is given up.
        case contradiction
        /// All memory for segments is in use.
        case full
    }

    /// Segments belong together if they were sealed under one key, are of one kind and name one message.
    private struct Name: Hashable, Sendable {
        let kind: MessageKind
        let message: UInt16
    }

    private struct Partial: Sendable {
        let deadline: ContinuousClock.Instant
        var pieces: [[UInt8]?]
        var missing: Int
        var bytes = 0

        init(count: Int, deadline: ContinuousClock.Instant) {
            self.deadline = deadline
            pieces = Array(repeating: nil, count: count)
            missing = count
        }

        /// What it counts against the limit of bytes: the text, and the places for it.
        var charge: Int { bytes + 64 * pieces.count }

        mutating func insert(_ segment: Frame.Segment) {
            pieces[segment.index] = Array(segment.piece)
            bytes += segment.piece.count
            missing -= 1
        }
    }

    private let limits: Limits
    private var partials: [KeyFingerprint: [Name: Partial]] = [:]
    private var lastSweep: ContinuousClock.Instant?
    /// How many bytes are kept, as the limit counts them.
    package private(set) var byteCount = 0

    /// An empty assembler.
    package init(_ limits: Limits = .init()) {
        self.limits = limits
    }

    /// When the oldest message in the making is given up; nil if there is none.
    package var nextDeadline: ContinuousClock.Instant? {
        partials.values.lazy.flatMap(\.values).map(\.deadline).min()
    }

    /// Takes a message that has been opened.
    package mutating func receive(_ opened: OpenedMessage, now: ContinuousClock.Instant) -> Outcome {
        switch opened.frame {
        case .whole(let body): return .whole(WholeMessage(opened, body: Array(body)))
        case .segment(let segment): return receive(segment, of: opened, now: now)
        }
    }

    /// Gives up every message whose time is over.
    package mutating func expire(now: ContinuousClock.Instant) {
        for (key, messages) in partials {
            for (name, partial) in messages where partial.deadline <= now { drop(key, name) }
        }
    }

    /// Forgets the segments under a key that is gone.
    package mutating func forget(_ key: KeyFingerprint) {
        for name in partials[key].map({ Array($0.keys) }) ?? [] { drop(key, name) }
    }

    private mutating func receive(
        _ segment: Frame.Segment, of opened: OpenedMessage, now: ContinuousClock.Instant
    ) -> Outcome {
        let name = Name(kind: opened.kind, message: segment.message)
        expire(opened.key, now: now)
        if partials[opened.key]?[name] == nil { makeRoom(opened.key) }
        var partial = partials[opened.key]?[name] ?? Partial(count: segment.count, deadline: now + limits.patience)
        guard partial.pieces.count == segment.count, partial.bytes + segment.piece.count <= Frame.messageLimit else {
            drop(opened.key, name)
            return .contradiction
        }
        guard partial.pieces[segment.index] == nil else { return .duplicate }
        let before = partials[opened.key]?[name]?.charge ?? 0
        partial.insert(segment)
        if partial.missing == 0 {
            drop(opened.key, name)
            return .whole(WholeMessage(opened, body: partial.pieces.flatMap { $0 ?? [] }))
        }
        guard hasRoom(for: partial.charge - before, now: now) else { return .full }
        byteCount += partial.charge - before
        partials[opened.key, default: [:]][name] = partial
        return .waiting
    }

    /// Whether so many bytes fit. What is out of date goes first, at most every 100 ms, because that looks at all.
    private mutating func hasRoom(for bytes: Int, now: ContinuousClock.Instant) -> Bool {
        if byteCount + bytes > limits.bytes, lastSweep.map({ now - $0 >= .milliseconds(100) }) ?? true {
            lastSweep = now
            expire(now: now)
        }
        return byteCount + bytes <= limits.bytes
    }

    private mutating func expire(_ key: KeyFingerprint, now: ContinuousClock.Instant) {
        for (name, partial) in partials[key] ?? [:] where partial.deadline <= now { drop(key, name) }
    }

    /// The oldest message of a key that has 32 makes room for the next.
    private mutating func makeRoom(_ key: KeyFingerprint) {
        guard let messages = partials[key], messages.count >= limits.messagesPerKey else { return }
        if let oldest = messages.min(by: { $0.value.deadline < $1.value.deadline }) { drop(key, oldest.key) }
    }

    private mutating func drop(_ key: KeyFingerprint, _ name: Name) {
        guard let partial = partials[key]?.removeValue(forKey: name) else { return }
        byteCount -= partial.charge
        if partials[key]?.isEmpty == true { partials[key] = nil }
    }
}
