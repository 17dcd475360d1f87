import NetworkTypes

/// What a publisher keeps of a subscriber.
struct EventSubscriber: Sendable {
    struct Current: Sendable {
        var sequence: UInt32
        var properties: [EventProperty]
        /// Which of the callbacks is tried.
        var callback = 0
    }

    private struct Sent {
        var value: String
        var at: ContinuousClock.Instant
    }

    let sender: IPAddress
    let callbacks: [HTTPURL]
    /// The names it wants to hear of; nil for all.
    let filter: Set<String>?
    var expiry: ContinuousClock.Instant
    var isAnswered = false
    /// The event on its way.
    private(set) var current: Current?
    private(set) var failures = 0
    /// Events that wait, oldest first.
    private var waiting: [[EventProperty]] = []
    private var waitingBytes = 0
    /// The newest values of moderated variables that were not sent yet.
    private var held: [EventProperty] = []
    /// What was sent last of moderated variables.
    private var sent: [String: Sent] = [:]
    /// After a failure: when to try again.
    private var notBefore: ContinuousClock.Instant?
    private var nextSequence: UInt32

    init(
        sender: IPAddress, callbacks: [HTTPURL], filter: Set<String>?, expiry: ContinuousClock.Instant,
        nextSequence: UInt32 = 0
    ) {
        self.sender = sender
        self.callbacks = callbacks
        self.filter = filter
        self.expiry = expiry
        self.nextSequence = nextSequence
    }

    func wants(_ name: String) -> Bool { filter?.contains(name) ?? true }

    /// Makes the whole state the next event.
    mutating func start(with state: [EventProperty]) {
        waiting = [state]
        waitingBytes = Self.size(state)
        held = []
    }

    /// Takes changes that are to be told.
    mutating func enqueue(
        _ changes: [EventProperty], moderation: [String: EventModeration], limits: EventPublisherLimits
    ) {
        var plain: [EventProperty] = []
        for change in changes {
            if let rule = moderation[change.name] { hold(change, rule) } else { plain.append(change) }
        }
        guard !plain.isEmpty else { return }
        waiting.append(plain)
        waitingBytes += Self.size(plain)
        let isFull = waiting.count > limits.waitingEvents || waitingBytes > limits.waitingBytes
        if isFull || notBefore != nil { coalesce() }
    }

    private mutating func hold(_ change: EventProperty, _ rule: EventModeration) {
        if let last = sent[change.name], !rule.permits(change.value, after: last.value) {
            // Back near what the subscriber knows: nothing is left to tell.
            return held.removeAll { $0.name == change.name }
        }
        held.merge([change])
    }

    /// A subscriber that hears too slowly hears the newest values in one message.
    private mutating func coalesce() {
        var all: [EventProperty] = []
        for event in waiting { all.merge(event) }
        waiting = [all]
        waitingBytes = Self.size(all)
    }

    private static func size(_ event: [EventProperty]) -> Int {
        event.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 64 }
    }

    /// Puts the next event on its way; true when there was one that is due and none was on its way.
    mutating func sendNext(moderation: [String: EventModeration], now: ContinuousClock.Instant) -> Bool {
        guard current == nil, notBefore.map({ $0 <= now }) ?? true else { return false }
        let due = held.filter { isDue($0.name, moderation, now) }
        guard !waiting.isEmpty || !due.isEmpty else { return false }
        var properties = waiting.isEmpty ? [] : waiting.removeFirst()
        waitingBytes -= Self.size(properties)
        if !due.isEmpty {
            properties.merge(due)
            held = held.filter { !isDue($0.name, moderation, now) }
        }
        for property in properties where moderation[property.name] != nil {
            sent[property.name] = Sent(value: property.value, at: now)
        }
        current = Current(sequence: nextSequence, properties: properties)
        nextSequence = Self.sequence(after: nextSequence)
        return true
    }

    /// When ``sendNext(moderation:now:)`` has something to send, if nothing else happens.
    func nextWakeup(moderation: [String: EventModeration]) -> ContinuousClock.Instant? {
        guard current == nil, !waiting.isEmpty || !held.isEmpty else { return nil }
        // What is not bound by a rate waits for nothing but the end of a back-off.
        let times = waiting.isEmpty ? held.map { due($0.name, moderation) } : [nil]
        guard !times.contains(nil), let first = times.compactMap(\.self).min() else { return notBefore }
        return notBefore.map { max($0, first) } ?? first
    }

    private func due(_ name: String, _ moderation: [String: EventModeration]) -> ContinuousClock.Instant? {
        guard let rate = moderation[name]?.maximumRate, let last = sent[name] else { return nil }
        return last.at + rate
    }

    private func isDue(
        _ name: String, _ moderation: [String: EventModeration], _ now: ContinuousClock.Instant
    ) -> Bool {
        due(name, moderation).map { $0 <= now } ?? true
    }

    func delivery(sid: String) -> EventDelivery? {
        current.map {
            EventDelivery(
                sid: sid, callback: callbacks[$0.callback], sequence: $0.sequence,
                properties: PropertySet($0.properties))
        }
    }

    /// Goes on to the next URL for the event on its way; false when there is none.
    mutating func tryNextCallback() -> Bool {
        guard let callback = current?.callback, callback + 1 < callbacks.count else { return false }
        current?.callback = callback + 1
        return true
    }

    /// The event on its way arrived.
    mutating func delivered() {
        current = nil
        failures = 0
        notBefore = nil
    }

    /// The event on its way did not arrive: what it told is told again later, under the next number.
    mutating func failed(limits: EventPublisherLimits, now: ContinuousClock.Instant) {
        guard let lost = current else { return }
        current = nil
        failures += 1
        notBefore = now + limits.backOff(after: failures)
        var again: [EventProperty] = []
        for property in lost.properties {
            if let index = held.firstIndex(where: { $0.name == property.name }) {
                held[index] = property.updated(by: held[index])
            } else {
                again.append(property)
            }
        }
        guard !again.isEmpty || !waiting.isEmpty else { return }
        waiting.insert(again, at: 0)
        coalesce()
    }

    /// UDA 2.0 §4.3.2: 0 is the initial event's alone.
    static func sequence(after sequence: UInt32) -> UInt32 { sequence == .max ? 1 : sequence + 1 }
}

extension [EventProperty] {
    /// Takes newer values, in the places of the older ones where there are any.
    mutating func merge(_ newer: [EventProperty]) {
        for change in newer {
            if let index = firstIndex(where: { $0.name == change.name }) {
                self[index] = self[index].updated(by: change)
            } else {
                append(change)
            }
        }
    }
}

extension EventProperty {
    /// The property after a newer value; `LastChange` gathers what is not told anew.
    func updated(by newer: EventProperty) -> EventProperty {
        guard name == "LastChange" else { return newer }
        return EventProperty(name, LastChange.merge(state: value, change: newer.value))
    }
}
