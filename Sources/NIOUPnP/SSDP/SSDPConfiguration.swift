public import NetworkTypes
public import UPnP

/// How SSDP is spoken on each link.
public struct SSDPConfiguration: Sendable {
    /// Which versions of IP are spoken.
    public var families: AddressFamilies
    /// The IPv4 group's address, and the port of every group. Tests use others.
    public var group: SocketEndpoint
    /// The IPv6 group of a link, for link-local addresses (UDA 2.0 annex A).
    public var linkLocalGroup = IPv6Address(high: 0xFF02 << 48, low: 0xC)
    /// The IPv6 group of a site, for all other IPv6 addresses (UDA 2.0 annex A).
    public var siteLocalGroup = IPv6Address(high: 0xFF05 << 48, low: 0xC)
    /// An IPv6 group that is heard beside the site's, and never spoken to: GUPnP searches in the site's and
    /// announces in this one, which is for addresses that reach further (UDA 2.0 annex A).
    public var globalGroup = IPv6Address(high: 0xFF0E << 48, low: 0xC)
    /// IP time to live of multicasts that stay on the link, 0 to 255 hops; UDA's default is 2. With 0 nothing
    /// leaves this host.
    public var multicastTTL: Int
    /// Hop limit of multicasts to the site's group, 0 to 255; UDA 2.0 annex A recommends 10.
    public var siteHopLimit = 10
    /// Whether to bind the group's port at all; false is for a host where it is known to be taken.
    public var usesGroupPort: Bool
    /// How often interfaces are looked at where the kernel does not tell of changes, and sockets that cannot be
    /// opened are tried again.
    public var addressPollInterval: Duration
    /// How many elements each stream holds for a reader that lags; the oldest are dropped beyond it.
    public var streamBuffer: Int
    /// The announcing side's timing and limits.
    public var advertiser: AdvertiserConfiguration
    /// The discovering side's limits.
    public var directory: DeviceDirectoryLimits
    /// How often a discovery repeats its search by itself.
    public var searchInterval: Duration
    /// USER-AGENT of searches.
    public var userAgent: String
    /// CPFN.UPNP.ORG of searches: the control point's name for people (UDA 2.0 §1.3.2).
    public var friendlyName = "Latchkey"
    /// CPUUID.UPNP.ORG of searches, `uuid:…`, where the control point has one.
    public var controlPointUUID: String?
    /// What this process itself announces: share one among all that must not discover each other.
    public var ownTraffic: OwnTraffic

    /// Makes a configuration with UDA's defaults.
    public init(
        group: SocketEndpoint = SocketEndpoint(.v4(IPv4Address(239, 255, 255, 250)), port: 1900),
        multicastTTL: Int = 2, families: AddressFamilies = .both
    ) {
        self.families = families
        self.group = group
        self.multicastTTL = multicastTTL
        self.usesGroupPort = true
        self.addressPollInterval = .seconds(1)
        self.streamBuffer = 1024
        self.advertiser = AdvertiserConfiguration()
        self.directory = DeviceDirectoryLimits()
        self.searchInterval = .seconds(300)
        self.userAgent = "Linux/6 UPnP/2.0 Latchkey/1"
        self.ownTraffic = OwnTraffic()
    }

    /// The group that is spoken to from a link's address, with the zone that it needs.
    public func group(of link: InterfaceAddress) -> SocketEndpoint {
        switch link.address {
        case .v4: group
        case .v6(let address):
            SocketEndpoint(
                .v6(address.isLinkLocal ? linkLocalGroup : siteLocalGroup), port: group.port, zone: link.index)
        }
    }

    /// The groups that are heard on a link beside the one that is spoken to.
    func furtherGroups(of link: InterfaceAddress) -> [SocketEndpoint] {
        guard case .v6(let address) = link.address, !address.isLinkLocal else { return [] }
        return [SocketEndpoint(.v6(globalGroup), port: group.port, zone: link.index)]
    }

    /// How far multicasts from a link's address go, 0 to 255 hops.
    func hops(of link: InterfaceAddress) -> Int {
        let isWide = !link.address.isIPv4 && !link.address.isLinkLocal
        return min(max(isWide && multicastTTL > 0 ? siteHopLimit : multicastTTL, 0), 255)
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
    /// The link that heard it.
    public var interface: InterfaceAddress
}
