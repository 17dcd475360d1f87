/// How much an event publisher does for its subscribers (upnp.md §4.2 rule 3).
public struct EventPublisherLimits: Hashable, Sendable {
    /// Subscriptions in all.
    public var subscriptions: Int
    /// Subscriptions of one address.
    public var subscriptionsPerAddress: Int
    /// Events that wait for one subscriber. When there are more, all become one, with the newest value of
    /// each variable.
    public var waitingEvents: Int
    /// Bytes of names and values that wait for one subscriber in several events. When there are more, all
    /// become one, with the newest value of each variable.
    public var waitingBytes: Int
    /// Variables of the service.
    public var variables: Int
    /// Deliveries that may fail one after another before the subscription is dropped.
    public var failures: Int
    /// The wait after a first failed delivery; each further one doubles it.
    public var firstBackOff: Duration
    /// The longest wait after a failed delivery.
    public var lastBackOff: Duration
    /// Seconds granted to a subscriber that does not say, or asks for ever (UDA 2.0 §4.1.2: at least 1800).
    public var defaultTimeout: Int
    /// The fewest and the most seconds granted.
    public var timeouts: ClosedRange<Int>
    /// The wait between the answer to a new subscription and its initial event, so that a subscriber has read the
    /// first when the second comes (UDA 2.0 §4.1.2).
    public var stateDelay: Duration

    /// Makes limits.
    public init(
        subscriptions: Int = 64, subscriptionsPerAddress: Int = 8, waitingEvents: Int = 16,
        waitingBytes: Int = 64 << 10, variables: Int = 1024, failures: Int = 10,
        firstBackOff: Duration = .seconds(1), lastBackOff: Duration = .seconds(30), defaultTimeout: Int = 1800,
        timeouts: ClosedRange<Int> = 60...86_400, stateDelay: Duration = .milliseconds(50)
    ) {
        self.subscriptions = subscriptions
        self.subscriptionsPerAddress = subscriptionsPerAddress
        self.waitingEvents = max(1, waitingEvents)
        self.waitingBytes = max(0, waitingBytes)
        self.variables = variables
        self.failures = max(1, failures)
        self.firstBackOff = firstBackOff
        self.lastBackOff = lastBackOff
        self.defaultTimeout = defaultTimeout
        self.timeouts = timeouts
        self.stateDelay = stateDelay
    }

    /// How long nothing is sent to a subscriber after so many failures in a row.
    func backOff(after failures: Int) -> Duration {
        min(firstBackOff * (1 << min(max(failures - 1, 0), 20)), lastBackOff)
    }

    /// The seconds to grant to one who asks for `timeout`.
    public func granted(_ timeout: SubscriptionTimeout?) -> Int {
        let seconds = if case .seconds(let asked)? = timeout { asked } else { defaultTimeout }
        return min(max(seconds, timeouts.lowerBound), timeouts.upperBound)
    }
}

/// An event message on its way to a subscriber.
public struct EventDelivery: Hashable, Sendable {
    /// The subscription.
    public var sid: String
    /// Where to send it; one of the subscriber's URLs.
    public var callback: HTTPURL
    /// The message's number.
    public var sequence: UInt32
    /// The message.
    public var properties: PropertySet

    /// Makes a delivery.
    public init(sid: String, callback: HTTPURL, sequence: UInt32, properties: PropertySet) {
        self.sid = sid
        self.callback = callback
        self.sequence = sequence
        self.properties = properties
    }
}

/// What became of a delivery.
public enum EventDeliveryOutcome: Hashable, Sendable {
    /// The subscriber answered 200.
    case accepted
    /// The subscriber answered something else.
    case refused
    /// No answer from that URL; the next one is tried, if there is one.
    case unreachable
    /// Events may not be sent to that URL any more: the subscription ends.
    case notPermitted
}

/// A subscription as its subscriber is told of it.
public struct AcceptedSubscription: Hashable, Sendable {
    /// The subscription's identifier, `uuid:…`, random.
    public var sid: String
    /// How long it lasts without renewal, in seconds.
    public var timeout: Int
    /// What `ACCEPTED-STATEVAR` names; nil when the header is left out and all variables are sent.
    public var stateVariables: [String]?

    /// The headers of the response, without `DATE`, `SERVER` and `CONTENT-LENGTH: 0`.
    public var headers: [(name: String, value: String)] {
        var headers = [
            (name: "SID", value: sid), ("TIMEOUT", SubscriptionTimeout.seconds(timeout).description),
        ]
        if let stateVariables { headers.append(("ACCEPTED-STATEVAR", stateVariables.joined(separator: ","))) }
        return headers
    }
}
