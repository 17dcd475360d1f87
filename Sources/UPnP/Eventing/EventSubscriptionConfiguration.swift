/// How a control point keeps a subscription.
public struct EventSubscriptionConfiguration: Hashable, Sendable {
    /// Seconds asked for (UDA 2.0 §4.1.2: at least 1800).
    public var timeout: Int
    /// Events that are kept while the subscription's identifier is not known yet.
    public var parkedEvents: Int
    /// Bytes of names and values in those events.
    public var parkedBytes: Int
    /// The wait before the second attempt to subscribe; each further wait is twice as long.
    public var firstRetry: Duration
    /// The longest wait between attempts.
    public var lastRetry: Duration
    /// How often in a row the machine subscribes anew because the first event that it heard was not number 0,
    /// before it takes the device for one that starts elsewhere.
    public var lostStarts: Int

    /// Makes a configuration.
    public init(
        timeout: Int = 1800, parkedEvents: Int = 8, parkedBytes: Int = 256 << 10, firstRetry: Duration = .seconds(1),
        lastRetry: Duration = .seconds(300), lostStarts: Int = 2
    ) {
        self.timeout = timeout
        self.parkedEvents = parkedEvents
        self.parkedBytes = parkedBytes
        self.firstRetry = firstRetry
        self.lastRetry = lastRetry
        self.lostStarts = lostStarts
    }
}

/// What a control point has to do for a subscription.
public enum EventSubscriptionAction: Hashable, Sendable {
    /// Send `SUBSCRIBE` with the callback; then call ``EventSubscription/accepted(sid:timeout:now:using:)`` or
    /// ``EventSubscription/failed(now:using:)``.
    case subscribe(timeout: SubscriptionTimeout)
    /// Send `SUBSCRIBE` with the identifier; then call the same, or ``EventSubscription/refused(now:using:)``.
    case renew(RenewRequest)
    /// Send `UNSUBSCRIBE`; what becomes of it does not matter.
    case unsubscribe(UnsubscribeRequest)
    /// Hand the event to whoever listens.
    case deliver(sequence: UInt32, PropertySet)
}
