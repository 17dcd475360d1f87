public import UPnP

/// How a control point works, and how much it takes from devices (upnp.md §4.2 rule 9).
public struct ControlPointConfiguration: Sendable {
    /// The interfaces whose links it looks at.
    public var interfaces: InterfaceSelection
    /// How SSDP is spoken there.
    public var ssdp: SSDPConfiguration
    /// Which versions of IP devices are reached by: those that SSDP is spoken over.
    public var families: AddressFamilies {
        get { ssdp.families }
        set { ssdp.families = newValue }
    }
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
    /// Bytes of a device's icon.
    public var iconBytes = 1024 * 1024
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
    /// Descriptions that are fetched at one time, all devices together; one at a time from a server.
    public var fetches = 32
    /// The pause before a description is asked for again whose first answer was empty or cut off.
    public var cutOffPause: Duration = .milliseconds(250)
    /// Device descriptions that are kept for devices that come back in the same configuration (CONFIGID).
    public var cachedDescriptions = 256
    /// Whether `RootDescription.element` is the document as the device wrote it, with what vendors added. It
    /// takes several times the memory of what is read of it.
    public var keepsDocuments = false
    /// How long a search goes on after the devices' time to answer has passed.
    public var searchMargin: Duration = .milliseconds(500)
    /// Service descriptions that are kept.
    public var cachedSCPDs = 512
    /// The TCP port at which events are received, on each own address that a device was told; 0 lets the system
    /// choose. A firewall between a control point and its devices can name a fixed one.
    public var eventPort: UInt16 = 0
    /// Subscriptions at one time.
    public var subscriptions = 512
    /// How subscriptions are kept.
    public var eventing = EventSubscriptionConfiguration()
    /// Actions that are on their way to one host; further ones wait for their turn, for ``controlTime`` at most.
    public var callsPerHost = 8
    /// Events of a subscription that wait for a reader that lags; beyond them the subscription is made anew.
    public var waitingEvents = 256
    /// Bytes of names and values in those events; one larger event may wait alone.
    public var waitingEventBytes = 1024 * 1024
    /// `ACCEPT-LANGUAGE` of requests for descriptions, such as `fi, en;q=0.5`; devices may answer in such a
    /// language (UDA 2.0 §2.11).
    public var acceptLanguage: String?
    /// `CPUUID.UPNP.ORG`: what tells this control point from others, `uuid:…`; nil to send none.
    public var controlPointUUID: String?
    /// `USER-AGENT` of requests.
    public var userAgent = "Linux/6 UPnP/2.0 Latchkey/1"
    /// `CPFN.UPNP.ORG`: the control point's name for people (UDA 2.0 §1.3.2).
    public var friendlyName = "Latchkey"

    /// A control point on the links of `interfaces`, over the address families of `ssdp`.
    public init(interfaces: InterfaceSelection = .privateNetworks, ssdp: SSDPConfiguration = .init()) {
        self.interfaces = interfaces
        self.ssdp = ssdp
    }

    /// A control point on the links of `interfaces`, over those address families.
    public init(interfaces: InterfaceSelection = .privateNetworks, families: AddressFamilies) {
        self.init(interfaces: interfaces, ssdp: SSDPConfiguration(families: families))
    }

    /// A control point on the interface of that name.
    public init(interface: String, ssdp: SSDPConfiguration = .init()) {
        self.init(interfaces: .named([interface]), ssdp: ssdp)
    }
}
