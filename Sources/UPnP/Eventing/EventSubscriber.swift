import NetworkTypes

/// What a publisher keeps of a subscriber.
struct EventSubscriber: Sendable {
    struct Current: Sendable {
        var sequence: UInt32
        var properties: [EventProperty]
        /// Which of the callbacks is tried.
        var callback = 0
    }

    let sender: IPAddress
    let callbacks: [HTTPURL]
    /// The names it wants to hear of; nil for all.
    let filter: Set<String>?
    var expiry: ContinuousClock.Instant
    var isAnswered = false
    var failures = 0
    /// The event on its way.
    var current: Current?
    /// Events that wait, oldest first.
    var waiting: [[EventProperty]] = []
    var nextSequence: UInt32 = 0

    init(sender: IPAddress, callbacks: [HTTPURL], filter: Set<String>?, expiry: ContinuousClock.Instant) {
        self.sender = sender
        self.callbacks = callbacks
        self.filter = filter
        self.expiry = expiry
    }

    func wants(_ name: String) -> Bool { filter?.contains(name) ?? true }

    mutating func enqueue(_ changes: [EventProperty], limit: Int) {
        guard waiting.count >= limit, var last = waiting.popLast() else { return waiting.append(changes) }
        for change in changes {
            if let index = last.firstIndex(where: { $0.name == change.name }) {
                last[index] = last[index].updated(by: change)
            } else {
                last.append(change)
            }
        }
        waiting.append(last)
    }

    /// Puts the next event on its way; true when there was one and none was.
    mutating func sendNext() -> Bool {
        guard current == nil, !waiting.isEmpty else { return false }
        current = Current(sequence: nextSequence, properties: waiting.removeFirst())
        nextSequence = Self.sequence(after: nextSequence)
        return true
    }

    func delivery(sid: String) -> EventDelivery? {
        current.map {
            EventDelivery(
                sid: sid, callback: callbacks[$0.callback], sequence: $0.sequence,
                properties: PropertySet($0.properties))
        }
    }

    /// UDA 2.0 §4.3.2: 0 is the initial event's alone.
    static func sequence(after sequence: UInt32) -> UInt32 { sequence == .max ? 1 : sequence + 1 }
}

extension EventProperty {
    /// The property after a newer value; `LastChange` gathers what is not told anew.
    func updated(by newer: EventProperty) -> EventProperty {
        guard name == "LastChange" else { return newer }
        return EventProperty(name, LastChange.merge(state: value, change: newer.value))
    }
}
