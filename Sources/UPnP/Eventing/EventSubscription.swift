/// The control point's side of one subscription (UDA 2.0 §4.1).
///
/// ```
/// idle ─start▶ subscribing ─accepted▶ active ─tick▶ renewing ─accepted▶ active
///                 ▲  └─failed▶ waiting ─tick┘ │         └─refused, expiry▶ subscribing
///                 └────── gap, deviceRestarted ┘         any ─cancel▶ ended
/// ```
///
/// Devices often send the first event before the answer to the subscription; such events wait here until
/// the identifier is known. After a gap in the numbers the device's state is not known any more, so the
/// machine subscribes anew, which brings the whole state. A first event that is not number 0 counts as a
/// gap too, unless it goes on where the identifier before it ended, or happens again and again: some
/// devices do not start at 0. Only one `SUBSCRIBE` is ever on its way: what asks for another while one is,
/// waits for its end. Renewals and further attempts are spread at random, so that the control points of a
/// house do not all come at the same moment.
public struct EventSubscription: ~Copyable, Sendable {
    private enum State: Sendable {
        case idle
        case subscribing
        case waiting(until: ContinuousClock.Instant)
        case active(Active)
        case renewing(Active)
        case ended
    }

    private struct Active: Sendable {
        var sid: String
        var expected: UInt32?
        var renewal: ContinuousClock.Instant
        var expiry: ContinuousClock.Instant
    }

    private struct Parked: Sendable {
        var request: NotifyRequest
        var properties: PropertySet
    }

    private let configuration: EventSubscriptionConfiguration
    private var state = State.idle
    private var parked: [Parked] = []
    private var failures = 0
    /// Whether to subscribe anew, whatever the answer says that is still on its way.
    private var restartsAfterAnswer = false
    /// The identifier before, whose events may still be on their way, and the number it would have had next.
    private var former: (sid: String, expected: UInt32?)?
    /// How many subscriptions in a row began with another number than 0.
    private var lostStarts = 0

    /// Makes a subscription that has not begun.
    public init(configuration: EventSubscriptionConfiguration = EventSubscriptionConfiguration()) {
        self.configuration = configuration
    }

    /// The subscription's identifier, while there is one.
    public var sid: String? { active?.sid }

    /// Whether events can be expected to arrive.
    public var isActive: Bool { active != nil }

    /// Whether ``cancel()`` was called.
    public var isEnded: Bool { if case .ended = state { true } else { false } }

    /// When ``tick(now:)`` has something to do next; nil while an answer is awaited, which has a limit of its own.
    public var nextWakeup: ContinuousClock.Instant? {
        switch state {
        case .waiting(let instant): instant
        case .active(let active): active.renewal
        case .idle, .subscribing, .renewing, .ended: nil
        }
    }

    /// Begins; later calls do nothing.
    public mutating func start() -> [EventSubscriptionAction] {
        guard case .idle = state else { return [] }
        return subscribe()
    }

    /// The device answered `SUBSCRIBE` with 200; `timeout` is what it granted, nil if it did not say.
    public mutating func accepted(
        sid: String, timeout: SubscriptionTimeout?, now: ContinuousClock.Instant,
        using generator: inout some RandomNumberGenerator
    ) -> [EventSubscriptionAction] {
        switch state {
        case .subscribing:
            failures = 0
            state = .active(makeActive(sid: sid, expected: nil, timeout: timeout, now: now, using: &generator))
            let waiting = parked.filter { $0.request.sid == sid }
            parked = []
            if restartsAfterAnswer { return restart(unsubscribe: true) }
            var actions: [EventSubscriptionAction] = []
            for event in Self.inOrder(waiting) {
                actions += handle(event.request, event.properties)
            }
            return actions
        case .renewing(let active):
            if restartsAfterAnswer { return restart(unsubscribe: true) }
            // Some devices answer a renewal with another identifier and mean it.
            let expected = active.sid == sid ? active.expected : nil
            state = .active(makeActive(sid: sid, expected: expected, timeout: timeout, now: now, using: &generator))
            return []
        case .ended:
            return [.unsubscribe(UnsubscribeRequest(sid: sid))]
        case .idle, .waiting, .active:
            return []
        }
    }

    /// The device refused a renewal (412): it does not know the subscription any more. A refused new
    /// subscription is tried again later.
    public mutating func refused(
        now: ContinuousClock.Instant, using generator: inout some RandomNumberGenerator
    ) -> [EventSubscriptionAction] {
        if case .renewing = state { return restart(unsubscribe: false) }
        return failed(now: now, using: &generator)
    }

    /// `SUBSCRIBE` was not answered, or with an error that says nothing about the subscription.
    public mutating func failed(
        now: ContinuousClock.Instant, using generator: inout some RandomNumberGenerator
    ) -> [EventSubscriptionAction] {
        switch state {
        case .subscribing:
            parked = []
            restartsAfterAnswer = false
            state = .waiting(until: now + retryDelay(using: &generator))
            return []
        case .renewing(var active):
            if restartsAfterAnswer { return restart(unsubscribe: true) }
            active.renewal = now + retryDelay(using: &generator)
            if active.renewal >= active.expiry { return restart(unsubscribe: false) }
            state = .active(active)
            return []
        case .idle, .waiting, .active, .ended:
            return []
        }
    }

    /// Does what is due: a renewal, or another attempt.
    public mutating func tick(now: ContinuousClock.Instant) -> [EventSubscriptionAction] {
        switch state {
        case .waiting(let instant) where instant <= now:
            return subscribe()
        case .active(let active) where active.expiry <= now:
            return restart(unsubscribe: false)
        case .active(let active) where active.renewal <= now:
            state = .renewing(active)
            return [.renew(RenewRequest(sid: active.sid, timeout: .seconds(configuration.timeout)))]
        default:
            return []
        }
    }

    /// Takes an event, or says with which status to refuse it.
    public mutating func handleNotify(
        _ request: NotifyRequest, _ properties: PropertySet
    ) throws(GENAError) -> [EventSubscriptionAction] {
        if case .subscribing = state {
            guard former?.sid != request.sid else { throw .preconditionFailed("The subscription has ended.") }
            let size = properties.size
            guard parked.count < configuration.parkedEvents,
                parked.reduce(size, { $0 + $1.properties.size }) <= configuration.parkedBytes
            else { throw .unavailable("Too many events before the subscription was answered.") }
            parked.append(Parked(request: request, properties: properties))
            return []
        }
        guard active?.sid == request.sid else { throw .preconditionFailed("No such subscription.") }
        return handle(request, properties)
    }

    /// The device has started anew and knows no subscription: subscribes again.
    public mutating func deviceRestarted() -> [EventSubscriptionAction] {
        switch state {
        case .active: return restart(unsubscribe: false)
        case .renewing, .subscribing:
            restartsAfterAnswer = true
            return []
        case .waiting: return subscribe()
        case .idle, .ended: return []
        }
    }

    /// Events were lost on the way to whoever listens: subscribes anew, which brings the whole state.
    public mutating func resubscribe() -> [EventSubscriptionAction] {
        switch state {
        case .active: return restart(unsubscribe: true)
        case .renewing:
            restartsAfterAnswer = true
            return []
        // The whole state is yet to come.
        case .idle, .subscribing, .waiting, .ended: return []
        }
    }

    /// Ends the subscription for good.
    public mutating func cancel() -> [EventSubscriptionAction] {
        let sid = sid
        state = .ended
        parked = []
        return sid.map { [.unsubscribe(UnsubscribeRequest(sid: $0))] } ?? []
    }
}

extension EventSubscription {
    private var active: Active? {
        switch state {
        case .active(let active), .renewing(let active): active
        case .idle, .subscribing, .waiting, .ended: nil
        }
    }

    private mutating func setExpected(_ sequence: UInt32) {
        switch state {
        case .active(var active):
            active.expected = sequence
            state = .active(active)
        case .renewing(var active):
            active.expected = sequence
            state = .renewing(active)
        case .idle, .subscribing, .waiting, .ended:
            break
        }
    }

    private mutating func handle(
        _ request: NotifyRequest, _ properties: PropertySet
    ) -> [EventSubscriptionAction] {
        guard let active, active.sid == request.sid else { return [] }
        let next = EventSubscriber.sequence(after: request.sequence)
        let event = EventSubscriptionAction.deliver(sequence: request.sequence, properties)
        guard let expected = active.expected else {
            setExpected(next)
            return isFirst(request.sequence) ? [event] : [event] + gap()
        }
        guard expected != request.sequence else {
            setExpected(next)
            return [event]
        }
        // Half the circle lies behind: a number from there was heard already.
        guard request.sequence &- expected < 1 << 31, request.sequence != 0 else { return [] }
        setExpected(next)
        return [event] + gap()
    }

    /// Whether an identifier's first event is the one with the whole state.
    private mutating func isFirst(_ sequence: UInt32) -> Bool {
        // A device that does not begin anew after a new subscription goes on with its numbers.
        // Small numbers prove nothing: after a short subscription they may mean that the first event was lost.
        let goesOn = sequence >= 16 && former?.expected.map { sequence &- $0 < 1 << 10 } ?? false
        if sequence == 0 || goesOn || lostStarts >= configuration.lostStarts {
            lostStarts = 0
            return true
        }
        lostStarts += 1
        return false
    }

    /// An event was missed: the state is not known any more.
    private mutating func gap() -> [EventSubscriptionAction] {
        if case .renewing = state {
            restartsAfterAnswer = true
            return []
        }
        return restart(unsubscribe: true)
    }

    private mutating func subscribe() -> [EventSubscriptionAction] {
        state = .subscribing
        restartsAfterAnswer = false
        parked = []
        return [.subscribe(timeout: .seconds(configuration.timeout))]
    }

    private mutating func restart(unsubscribe: Bool) -> [EventSubscriptionAction] {
        let sid = sid
        former = active.map { ($0.sid, $0.expected) } ?? former
        let subscribing = subscribe()
        guard unsubscribe, let sid else { return subscribing }
        return [.unsubscribe(UnsubscribeRequest(sid: sid))] + subscribing
    }

    private func makeActive(
        sid: String, expected: UInt32?, timeout: SubscriptionTimeout?, now: ContinuousClock.Instant,
        using generator: inout some RandomNumberGenerator
    ) -> Active {
        let granted: Int =
            if case .seconds(let seconds)? = timeout { min(max(seconds, 10), 7 * 86_400) } else {
                configuration.timeout
            }
        // UDA 2.0 §4.1.3: before it expires; here between two fifths and half of the time.
        let renewal = Duration.seconds(granted) / 2 - generator.duration(upTo: .seconds(granted) / 10)
        return Active(sid: sid, expected: expected, renewal: now + renewal, expiry: now + .seconds(granted))
    }

    private mutating func retryDelay(using generator: inout some RandomNumberGenerator) -> Duration {
        defer { failures += 1 }
        let factor = 1 << min(failures, 20)
        let delay = min(configuration.firstRetry * factor, configuration.lastRetry)
        return delay + generator.duration(upTo: delay / 4)
    }

    private static func inOrder(_ events: [Parked]) -> [Parked] {
        events.sorted { $0.request.sequence < $1.request.sequence }
    }
}
