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
/// subscriber, so that the order is kept; numbers have no gaps, whatever fails; what waits is bounded. A
/// moderated variable is told no more often than its rule says, and always at last with its newest value.
/// After a failed delivery a subscriber is left alone for a while and then told under the next number what
/// it missed; too many failures in a row end the subscription.
///
/// The machine sends nothing and knows no clock: it returns what to do. ``tick(now:)`` is due at
/// ``nextWakeup``, which every call may change.
public struct EventPublisher: Sendable {
    /// What the owner has to do.
    public enum Action: Hashable, Sendable {
        /// Send the event, then call ``EventPublisher/deliveryFinished(sid:sequence:outcome:now:)``.
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
        /// A URL of it is no longer permitted, since the network changed.
        case notPermitted
        /// The publisher ended all.
        case withdrawn
    }

    private let limits: EventPublisherLimits
    private let moderation: [String: EventModeration]
    /// The state as far as it is evented, in the order in which variables became known.
    private var state: [EventProperty]
    /// False until the state is known at all.
    private var isStateKnown: Bool
    /// Every subscription by its identifier.
    private var subscribers: [String: EventSubscriber] = [:]

    /// Makes a publisher for a service whose evented variables have these values.
    ///
    /// With nil, the state is not known yet: initial events wait for the first ``publish(_:now:)``.
    /// - Parameter moderation: The rules of variables that change fast, by their names.
    public init(
        variables: [EventProperty]?, moderation: [String: EventModeration] = [:],
        limits: EventPublisherLimits = EventPublisherLimits()
    ) {
        self.limits = limits
        self.moderation = moderation
        state = variables ?? []
        isStateKnown = variables != nil
    }

    /// How many subscriptions there are.
    public var subscriptionCount: Int { subscribers.count }

    /// The state that a new subscriber is told.
    public var currentState: PropertySet { PropertySet(state) }

    /// When ``tick(now:)`` has something to do next; nil when never.
    public var nextWakeup: ContinuousClock.Instant? {
        var next: ContinuousClock.Instant?
        for subscriber in subscribers.values {
            for time in [subscriber.expiry, subscriber.nextWakeup(moderation: moderation)] {
                if let time { next = next.map { min($0, time) } ?? time }
            }
        }
        return next
    }

    /// Accepts a subscription, or says with which status to refuse it.
    ///
    /// Every URL must be permitted (412). Answer the subscriber with the result and then call
    /// ``subscribeResponseSent(sid:now:)``.
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
    public mutating func subscribeResponseSent(sid: String, now: ContinuousClock.Instant) -> [Action] {
        guard var subscriber = subscribers[sid], !subscriber.isAnswered else { return [] }
        subscriber.isAnswered = true
        return start(&subscriber, sid: sid, now: now)
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
    public mutating func publish(_ changes: [EventProperty], now: ContinuousClock.Instant) -> [Action] {
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
                actions += start(&subscriber, sid: sid, now: now)
                continue
            }
            let wanted = changes.filter { subscriber.wants($0.name) }
            guard !wanted.isEmpty else { continue }
            subscriber.enqueue(wanted, moderation: moderation, limits: limits)
            actions += advance(&subscriber, sid: sid, now: now)
        }
        return actions
    }

    /// A delivery came to its end; calls for others than the one on its way are ignored.
    public mutating func deliveryFinished(
        sid: String, sequence: UInt32, outcome: EventDeliveryOutcome, now: ContinuousClock.Instant
    ) -> [Action] {
        guard var subscriber = subscribers[sid], subscriber.current?.sequence == sequence else { return [] }
        switch outcome {
        case .accepted:
            subscriber.delivered()
        case .notPermitted:
            subscribers[sid] = nil
            return [.ended(sid: sid, .notPermitted)]
        case .unreachable where subscriber.tryNextCallback():
            subscribers[sid] = subscriber
            return subscriber.delivery(sid: sid).map { [.deliver($0)] } ?? []
        case .refused, .unreachable:
            // UDA 2.0 §4.3.2: a failed delivery does not end the subscription, the next event is tried.
            subscriber.failed(limits: limits, now: now)
            guard subscriber.failures < limits.failures else {
                subscribers[sid] = nil
                return [.ended(sid: sid, .unreachable)]
            }
        }
        return advance(&subscriber, sid: sid, now: now)
    }

    /// Does what is due: drops subscriptions that were not renewed in time, sends what moderation or a
    /// failure has kept back.
    public mutating func tick(now: ContinuousClock.Instant) -> [Action] {
        var actions = end(.expired) { $0.expiry <= now }
        let due = subscribers.filter { $0.value.nextWakeup(moderation: moderation).map { $0 <= now } ?? false }
        for (sid, subscriber) in due.sorted(by: { $0.key < $1.key }) {
            var subscriber = subscriber
            actions += advance(&subscriber, sid: sid, now: now)
        }
        return actions
    }

    /// Drops the subscriptions with a URL that is no longer permitted, to be called when the interface's
    /// addresses change (upnp.md §4.2 rule 1).
    public mutating func revalidate(
        permits: (_ sid: String, _ url: HTTPURL, _ sender: IPAddress) -> Bool
    ) -> [Action] {
        let over = subscribers.filter { sid, subscriber in
            !subscriber.callbacks.allSatisfy { permits(sid, $0, subscriber.sender) }
        }
        return end(over.keys.sorted(), .notPermitted)
    }

    /// Where to connect for a delivery, if the rule permits its URL to its subscriber.
    public func permitted(_ delivery: EventDelivery, by rule: CallbackRule) -> SocketEndpoint? {
        guard let sender = subscribers[delivery.sid]?.sender, rule.permits(delivery.callback, sender: sender) else {
            return nil
        }
        return rule.endpoint(for: delivery.callback)
    }

    /// Ends every subscription, as a device does that leaves.
    public mutating func endAll() -> [Action] { end(.withdrawn) { _ in true } }

    private mutating func end(_ reason: EndReason, where isOver: (EventSubscriber) -> Bool) -> [Action] {
        end(subscribers.filter { isOver($0.value) }.keys.sorted(), reason)
    }

    private mutating func end(_ over: [String], _ reason: EndReason) -> [Action] {
        for sid in over { subscribers[sid] = nil }
        return over.map { .ended(sid: $0, reason) }
    }

    /// Sends the initial event, if the state is known.
    private mutating func start(
        _ subscriber: inout EventSubscriber, sid: String, now: ContinuousClock.Instant
    ) -> [Action] {
        if isStateKnown { subscriber.start(with: state.filter { subscriber.wants($0.name) }) }
        return advance(&subscriber, sid: sid, now: now)
    }

    /// Sends the next event that is due, if none is on its way, and keeps the subscriber.
    private mutating func advance(
        _ subscriber: inout EventSubscriber, sid: String, now: ContinuousClock.Instant
    ) -> [Action] {
        let isSent = subscriber.sendNext(moderation: moderation, now: now)
        subscribers[sid] = subscriber
        guard isSent, let delivery = subscriber.delivery(sid: sid) else { return [] }
        return [.deliver(delivery)]
    }
}
