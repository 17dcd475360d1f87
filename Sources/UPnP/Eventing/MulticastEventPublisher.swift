/// How often multicast events are sent. The standard asks for moderation and gives no numbers.
public struct MulticastEventConfiguration: Hashable, Sendable {
    /// How often each event is sent in all, since nobody says that it has arrived.
    public var copies: Int
    /// The time between copies of an event.
    public var copyInterval: Duration
    /// The least time between events of a service. Changes in between become one event, with the newest value
    /// of each variable.
    public var minimumInterval: Duration
    /// Variables of a service.
    public var variables: Int

    /// Makes a configuration.
    public init(
        copies: Int = 3, copyInterval: Duration = .milliseconds(150), minimumInterval: Duration = .milliseconds(200),
        variables: Int = 256
    ) {
        self.copies = max(1, copies)
        self.copyInterval = max(.milliseconds(1), copyInterval)
        self.minimumInterval = minimumInterval
        self.variables = variables
    }
}

/// The sending side of one service's multicast events (UDA 2.0 §4.3.3).
///
/// Numbers count per service and have no gaps; each event is sent a few times under the same number; events
/// follow one another no faster than the configuration allows. There is no initial event: who comes late asks
/// or subscribes. The machine sends nothing and knows no clock.
public struct MulticastEventPublisher: Sendable {
    private struct Copies: Sendable {
        var event: MulticastEvent
        var left: Int
        var next: ContinuousClock.Instant
    }

    /// The device's boot number, for the events that follow.
    public var bootID: UInt32
    private let udn: String
    private let serviceType: String
    private let serviceID: String
    private let configuration: MulticastEventConfiguration
    private var held: [EventProperty] = []
    private var heldLevel = MulticastEventLevel.debug
    private var notBefore: ContinuousClock.Instant?
    private var nextSequence: UInt32 = 0
    private var copies: [Copies] = []

    /// Makes a publisher for a service.
    public init(
        udn: String, serviceType: String, serviceID: String, bootID: UInt32,
        configuration: MulticastEventConfiguration = MulticastEventConfiguration()
    ) {
        self.udn = udn
        self.serviceType = serviceType
        self.serviceID = serviceID
        self.bootID = bootID
        self.configuration = configuration
    }

    /// When ``tick(now:)`` has something to send next; nil when never.
    public var nextWakeup: ContinuousClock.Instant? {
        [held.isEmpty ? nil : notBefore, copies.map(\.next).min()].compactMap(\.self).min()
    }

    /// Takes changes; returns what to send now.
    public mutating func publish(
        _ changes: [EventProperty], level: MulticastEventLevel = .general, now: ContinuousClock.Instant
    ) -> [MulticastEvent] {
        let known = Set(held.map(\.name))
        var room = configuration.variables - known.count
        held.merge(
            changes.filter { change in
                if known.contains(change.name) { return true }
                room -= 1
                return room >= 0
            })
        heldLevel = heldLevel.combined(with: level)
        return tick(now: now)
    }

    /// Returns what to send now: an event that had to wait, and further copies of those before.
    public mutating func tick(now: ContinuousClock.Instant) -> [MulticastEvent] {
        var events: [MulticastEvent] = []
        for index in copies.indices where copies[index].next <= now {
            events.append(copies[index].event)
            copies[index].left -= 1
            copies[index].next = now + configuration.copyInterval
        }
        copies.removeAll { $0.left < 1 }
        guard !held.isEmpty, notBefore.map({ $0 <= now }) ?? true else { return events }
        let event = MulticastEvent(
            udn: udn, serviceType: serviceType, serviceID: serviceID, sequence: nextSequence, level: heldLevel,
            bootID: bootID, properties: PropertySet(held))
        held = []
        heldLevel = .debug
        nextSequence = EventSubscriber.sequence(after: nextSequence)
        notBefore = now + configuration.minimumInterval
        if configuration.copies > 1 {
            copies.append(Copies(event: event, left: configuration.copies - 1, next: now + configuration.copyInterval))
        }
        // More than these would only be copies of what is old by now.
        if copies.count > 8 { copies.removeFirst() }
        return events + [event]
    }
}
