public import NetworkTypes
public import UPnP

/// How SSDP is spoken on an interface.
public struct SSDPConfiguration: Sendable {
    /// The group's address and port. Tests use others.
    public var group: SocketEndpoint
    /// IP time to live of multicasts, 0 to 255 hops; UDA's default is 2. With 0 nothing leaves this host.
    public var multicastTTL: Int
    /// Whether to bind the group's port at all; false is for a host where it is known to be taken.
    public var usesGroupPort: Bool
    /// How often the interface's address is looked at.
    public var addressPollInterval: Duration
    /// How many elements each stream holds for a reader that lags; the oldest are dropped beyond it.
    public var streamBuffer: Int
    /// The announcing side's timing and limits.
    public var advertiser: AdvertiserConfiguration
    /// The discovering side's limits.
    public var directory: DeviceDirectoryLimits
    /// How often a discovery repeats its search by itself.
    public var searchInterval: Duration
    /// USER-AGENT and CPFN of searches.
    public var userAgent: String
    /// What this process itself announces: share one among all that must not discover each other.
    public var ownTraffic: OwnTraffic

    /// Makes a configuration with UDA's defaults.
    public init(
        group: SocketEndpoint = SocketEndpoint(.v4(IPv4Address(239, 255, 255, 250)), port: 1900),
        multicastTTL: Int = 2
    ) {
        self.group = group
        self.multicastTTL = multicastTTL
        self.usesGroupPort = true
        self.addressPollInterval = .seconds(3)
        self.streamBuffer = 1024
        self.advertiser = AdvertiserConfiguration()
        self.directory = DeviceDirectoryLimits()
        self.searchInterval = .seconds(300)
        self.userAgent = "Linux/6 UPnP/2.0 Latchkey/1"
        self.ownTraffic = OwnTraffic()
    }
}

/// How far an announcement goes.
public enum AnnouncementScope: Hashable, Sendable {
    /// Programs on this host only: multicasts leave with TTL 0 and are looped back.
    case ownHost
    /// The whole link, with the configured TTL.
    case link
}

/// A parsed message and where it came from. The process's own messages are not observed.
public struct SSDPObservation: Sendable, Hashable {
    /// What was said.
    public var message: SSDPMessage
    /// Who said it.
    public var source: SocketEndpoint
    /// Whether it came to the group, and not to this host alone.
    public var wasMulticast: Bool
    /// The interface that heard it.
    public var interface: InterfaceAddress
}
