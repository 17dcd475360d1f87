/// A root device and what is announced with it.
public struct Advertisement: Sendable, Hashable {
    /// The root device, with its embedded devices.
    public var root: AdvertisedDevice
    /// The description's absolute URL, as control points on this interface reach it.
    public var location: String
    /// How long an announcement counts, seconds; UDA asks for 1800 or more.
    public var maxAge: Int
    /// SERVER, `OS/version UPnP/2.0 product/version`.
    public var server: String
    /// BOOTID.UPNP.ORG: 31 bits, larger after each reboot or rejoining.
    public var bootID: UInt32
    /// CONFIGID.UPNP.ORG: 0 to 16,777,215, other whenever a description changes.
    public var configID: UInt32
    /// SEARCHPORT.UPNP.ORG, 49152 to 65535; the driver fills it in when port 1900 is taken.
    public var searchPort: UInt16?
    /// SECURELOCATION.UPNP.ORG: the description's `https` URL, for a device that implements DeviceProtection.
    public var secureLocation: String?
    /// NLS, 1 to 64 characters: required where the link is an IPv6 one, where it must change whenever an
    /// address of the host or its network's configuration does; the BOOTID will do (UDA 2.0 annex A).
    public var networkLocalState: String?

    /// Makes an advertisement. `maxAge` is in seconds.
    public init(
        root: AdvertisedDevice, location: String, maxAge: Int = SSDPLimits.defaultMaxAge, server: String,
        bootID: UInt32, configID: UInt32, searchPort: UInt16? = nil, secureLocation: String? = nil,
        networkLocalState: String? = nil
    ) {
        self.root = root
        self.location = location
        self.maxAge = maxAge
        self.server = server
        self.bootID = bootID
        self.configID = configID
        self.searchPort = searchPort
        self.secureLocation = secureLocation
        self.networkLocalState = networkLocalState
    }
}
