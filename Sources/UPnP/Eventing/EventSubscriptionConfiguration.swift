/// How a control point keeps a subscription.
public struct EventSubscriptionConfiguration: Hashable, Sendable {
    /// Seconds asked for (UDA 2.0 §4.1.2: at least 1800).
    public var timeout: Int
    /// Events that are kept while the subscription's identifier is not known yet.
    public var parkedEvents: Int
    /// The wait before the second attempt to subscribe; each further wait is twice as long.
    public var firstRetry: Duration
    /// The longest wait between attempts.
    public var lastRetry: Duration

    /// Makes a configuration.
    public init(
        timeout: Int = 1800, parkedEvents: Int = 8, firstRetry: Duration = .seconds(1),
        lastRetry: Duration = .seconds(300)
    ) {
        self.timeout = timeout
        self.parkedEvents = parkedEvents
        self.firstRetry = firstRetry
        self.lastRetry = lastRetry
    }
}

/// What a control point has to do for a subscription.
public enum EventSubscriptionAction: Hashable, Sendable {
    /// Send `SUBSCRIBE` with the callback; then call ``EventSubscription/accepted(sid:timeout:now:)`` or
    /// ``EventSubscription/failed(now:)``.
    case subscribe(timeout: SubscriptionTimeout)
    /// Send `SUBSCRIBE` with the identifier; then call the same, or ``EventSubscription/refused(now:)``.
    case renew(RenewRequest)
    /// Send `UNSUBSCRIBE`; what becomes of it does not matter.
    case unsubscribe(UnsubscribeRequest)
    /// Hand the event to whoever listens.
    case deliver(sequence: UInt32, PropertySet)
}
