public import UPnP

/// How a control point works, and how much it takes from devices (upnp.md §4.2 rule 9).
public struct ControlPointConfiguration: Sendable {
    /// The name of the interface whose link it looks at.
    public var interface: String
    /// How SSDP is spoken there.
    public var ssdp: SSDPConfiguration
    /// Whether to search and listen; without it only devices asked for by URL are known.
    public var discovers = true
    /// Bytes of a device description.
    public var descriptionBytes = 1024 * 1024
    /// Bytes of a service description.
    public var scpdBytes = 256 * 1024
    /// Bytes of the answer to an action; a media server's page of items is the largest.
    public var controlBytes = 4 * 1024 * 1024
    /// Bytes of an event message.
    public var eventBytes = 1024 * 1024
    /// What is read of a description.
    public var descriptionLimits = DescriptionLimits()
    /// Time for one description, from connecting to the last byte.
    public var fetchTime: Duration = .seconds(10)
    /// Time for one action (UDA 2.0 §3.1.1).
    public var controlTime: Duration = .seconds(30)
    /// The wait before a description that could not be read is asked for again; each further wait is twice as long.
    public var firstRetry: Duration = .milliseconds(500)
    /// The longest wait between two attempts.
    public var lastRetry: Duration = .seconds(300)
    /// Descriptions that are fetched at one time, all devices together; one at a time from a device.
    public var fetches = 8
    /// Service descriptions that are kept.
    public var cachedSCPDs = 512
    /// Subscriptions at one time.
    public var subscriptions = 512
    /// How subscriptions are kept.
    public var eventing = EventSubscriptionConfiguration()
    /// Events that wait for a reader that lags; beyond them the oldest are dropped.
    public var waitingEvents = 256
    /// `USER-AGENT` of requests.
    public var userAgent = "Linux/6 UPnP/2.0 Latchkey/1"
    /// `CPFN.UPNP.ORG`: the control point's name for people (UDA 2.0 §1.3.2).
    public var friendlyName = "Latchkey"

    /// A control point on the interface of that name.
    public init(interface: String, ssdp: SSDPConfiguration = .init()) {
        self.interface = interface
        self.ssdp = ssdp
    }
}
