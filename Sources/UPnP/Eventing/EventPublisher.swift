public import NetworkTypes

/// The publishing side of one service's events (UDA 2.0 §4.1, §4.3).
///
/// ```
/// subscribe ──▶ accepted ──subscribeResponseSent──▶ event 0 ──▶ 1 ──▶ 2 … ──▶ ended
///                  └─ (state unknown: waits for the first publish)     unsubscribe, expiry, failures
/// ```
///
/// Invariants: a subscriber's first event has number 0 and the whole state, as it is at that moment,
/// and leaves only after its subscription has been answered; one event at a time is on its way to a
/// subscriber, so that the order is kept; numbers have no gaps, whatever fails; what waits is bounded.
/// The machine sends nothing and knows no clock: it returns what to do.
public struct EventPublisher: Sendable {
    /// What the owner has to do.
    public enum Action: Hashable, Sendable {
        /// Send the event, then call ``EventPublisher/deliveryFinished(sid:sequence:outcome:)``.
        case deliver(EventDelivery)
        /// The subscription is gone; a delivery on its way may be cancelled.
        case ended(sid: String, EndReason)
    }

    /// Why a subscription ended without the subscriber asking for it.
    public enum EndReason: Hashable, Sendable {
        /// It was not renewed.
        case expired
        /// Too many deliveries failed one after another.
        case unreachable
        /// Its URLs are no longer permitted, since the network changed.
        case notPermitted
        /// The publisher ended all.
        case withdrawn
    }

    private let limits: EventPublisherLimits
    /// The state as far as it is evented, in the order in which variables became known.
    private var state: [EventProperty]
    /// False until the state is known at all.
    private var isStateKnown: Bool
    /// Every subscription by its identifier.
    private var subscribers: [String: EventSubscriber] = [:]

    /// Makes a publisher for a service whose evented variables have these values.
    ///
    /// With nil, the state is not known yet: initial events wait for the first ``publish(_:)``.
    public init(variables: [EventProperty]?, limits: EventPublisherLimits = EventPublisherLimits()) {
        self.limits = limits
        state = variables ?? []
        isStateKnown = variables != nil
    }

    /// How many subscriptions there are.
    public var subscriptionCount: Int { subscribers.count }

    /// The state that a new subscriber is told.
    public var currentState: PropertySet { PropertySet(state) }

    /// When ``expire(now:)`` has something to do next.
    public var nextExpiry: ContinuousClock.Instant? { subscribers.values.map(\.expiry).min() }

    /// Accepts a subscription, or says with which status to refuse it.
    ///
    /// Every URL must be permitted (412). Answer the subscriber with the result and then call
    /// ``subscribeResponseSent(sid:)``.
    public mutating func subscribe(
        _ request: SubscribeRequest, sender: IPAddress, now: ContinuousClock.Instant,
        using generator: inout some RandomNumberGenerator, permits: (HTTPURL) -> Bool
    ) throws(GENAError) -> AcceptedSubscription {
        guard !request.callbacks.isEmpty, request.callbacks.allSatisfy(permits) else {
            throw .preconditionFailed("CALLBACK names an address that events may not be sent to.")
        }
        guard subscribers.count < limits.subscriptions else { throw .unavailable("Too many subscriptions.") }
        guard subscribers.values.count(where: { $0.sender == sender }) < limits.subscriptionsPerAddress else {
            throw .unavailable("Too many subscriptions of this address.")
        }
        let sid = "uuid:\(generator.uuid())"
        let timeout = limits.granted(request.timeout)
        // UDA 2.0 §4.1.2: one unknown name, and all variables are sent.
        let names = Set(state.map(\.name))
        let isFiltered = !request.stateVariables.isEmpty && request.stateVariables.allSatisfy(names.contains)
        subscribers[sid] = EventSubscriber(
            sender: sender, callbacks: request.callbacks, filter: isFiltered ? Set(request.stateVariables) : nil,
            expiry: now + .seconds(timeout))
        return AcceptedSubscription(
            sid: sid, timeout: timeout, stateVariables: isFiltered ? request.stateVariables : nil)
    }

    /// The subscriber has the answer with its SID: the initial event may leave.
    public mutating func subscribeResponseSent(sid: String) -> [Action] {
        guard var subscriber = subscribers[sid], !subscriber.isAnswered else { return [] }
        subscriber.isAnswered = true
        return start(&subscriber, sid: sid)
    }

    /// The answer could not be sent: the subscriber does not know its SID and never will.
    public mutating func subscribeResponseFailed(sid: String) {
        if subscribers[sid]?.isAnswered == false { subscribers[sid] = nil }
    }

    /// Extends a subscription; 412 for one that does not exist.
    public mutating func renew(
        _ request: RenewRequest, now: ContinuousClock.Instant
    ) throws(GENAError) -> AcceptedSubscription {
        guard var subscriber = subscribers[request.sid], subscriber.expiry > now else {
            throw .preconditionFailed("No such subscription.")
        }
        let timeout = limits.granted(request.timeout)
        subscriber.expiry = now + .seconds(timeout)
        subscribers[request.sid] = subscriber
        return AcceptedSubscription(
            sid: request.sid, timeout: timeout, stateVariables: subscriber.filter.map { $0.sorted() })
    }

    /// Ends a subscription; 412 for one that does not exist.
    public mutating func unsubscribe(_ request: UnsubscribeRequest) throws(GENAError) {
        guard subscribers.removeValue(forKey: request.sid) != nil else {
            throw .preconditionFailed("No such subscription.")
        }
    }

    /// Takes new values and tells every subscriber that wants to hear of them.
    ///
    /// A variable that was not known becomes one of the state. For `LastChange` the value is the change,
    /// and the state is merged from all changes, so that a new subscriber hears of the whole state.
    public mutating func publish(_ changes: [EventProperty]) -> [Action] {
        for change in changes {
            if let index = state.firstIndex(where: { $0.name == change.name }) {
                state[index] = state[index].updated(by: change)
            } else if state.count < limits.variables {
                state.append(change)
            }
        }
        let wasKnown = isStateKnown
        isStateKnown = true
        var actions: [Action] = []
        for (sid, subscriber) in subscribers.sorted(by: { $0.key < $1.key }) where subscriber.isAnswered {
            var subscriber = subscriber
            if !wasKnown {
                actions += start(&subscriber, sid: sid)
                continue
            }
            let wanted = changes.filter { subscriber.wants($0.name) }
            guard !wanted.isEmpty else { continue }
            subscriber.enqueue(wanted, limit: limits.waitingEvents)
            actions += advance(&subscriber, sid: sid)
        }
        return actions
    }

    /// A delivery came to its end; calls for others than the one on its way are ignored.
    public mutating func deliveryFinished(
        sid: String, sequence: UInt32, outcome: EventDeliveryOutcome
    ) -> [Action] {
        guard var subscriber = subscribers[sid], let current = subscriber.current, current.sequence == sequence else {
            return []
        }
        if outcome == .unreachable, current.callback + 1 < subscriber.callbacks.count {
            subscriber.current?.callback += 1
            subscribers[sid] = subscriber
            return subscriber.delivery(sid: sid).map { [.deliver($0)] } ?? []
        }
        subscriber.current = nil
        // UDA 2.0 §4.3.2: a failed delivery does not end the subscription, the next event is tried.
        subscriber.failures = outcome == .accepted ? 0 : subscriber.failures + 1
        guard subscriber.failures < limits.failures else {
            subscribers[sid] = nil
            return [.ended(sid: sid, .unreachable)]
        }
        return advance(&subscriber, sid: sid)
    }

    /// Drops the subscriptions that were not renewed in time.
    public mutating func expire(now: ContinuousClock.Instant) -> [Action] {
        end(.expired) { $0.expiry <= now }
    }

    /// Drops the subscriptions with a URL that is no longer permitted, to be called when the interface's
    /// addresses change (upnp.md §4.2 rule 1).
    public mutating func revalidate(permits: (_ url: HTTPURL, _ sender: IPAddress) -> Bool) -> [Action] {
        end(.notPermitted) { subscriber in !subscriber.callbacks.allSatisfy { permits($0, subscriber.sender) } }
    }

    /// Ends every subscription, as a device does that leaves.
    public mutating func endAll() -> [Action] { end(.withdrawn) { _ in true } }

    private mutating func end(_ reason: EndReason, where isOver: (EventSubscriber) -> Bool) -> [Action] {
        let over = subscribers.filter { isOver($0.value) }.keys.sorted()
        for sid in over { subscribers[sid] = nil }
        return over.map { .ended(sid: $0, reason) }
    }

    /// Sends the initial event, if the state is known.
    private mutating func start(_ subscriber: inout EventSubscriber, sid: String) -> [Action] {
        if isStateKnown { subscriber.waiting = [state.filter { subscriber.wants($0.name) }] }
        return advance(&subscriber, sid: sid)
    }

    /// Sends the next event that waits, if none is on its way, and keeps the subscriber.
    private mutating func advance(_ subscriber: inout EventSubscriber, sid: String) -> [Action] {
        let isSent = subscriber.sendNext()
        subscribers[sid] = subscriber
        guard isSent, let delivery = subscriber.delivery(sid: sid) else { return [] }
        return [.deliver(delivery)]
    }
}
