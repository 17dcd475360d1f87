public import UPnP

/// How devices are hosted.
public struct DeviceHostConfiguration: Sendable {
    /// The interfaces on whose links the devices live; nothing else is listened on.
    public var interfaces: InterfaceSelection
    /// Over which versions of IP.
    public var families: AddressFamilies
    /// How SSDP is spoken there; its `families` are replaced by ``families``.
    public var ssdp: SSDPConfiguration
    /// How far the announcements go.
    public var scope: AnnouncementScope = .link
    /// Whether to announce at all; without it the devices are known to those who have their URL.
    public var advertises = true
    /// A file that is made at the first run and keeps BOOTIDs rising, even when the clock goes back, and the
    /// paths of the devices, so that CONFIGID is the same from run to run while nothing else is changed.
    public var stateFile: String?
    /// SECURELOCATION for a description's URL: its `https` twin, which the caller serves, for devices with
    /// DeviceProtection; nil for none, and for those that ``security`` serves.
    public var secureLocation: (@Sendable (_ location: HTTPURL) -> String?)?
    /// TLS, for root devices with the service DeviceProtection: they are served at a second port of each address,
    /// over HTTPS, and announced with SECURELOCATION.UPNP.ORG (DeviceProtection:1, the section on discovery).
    public var security: HTTPServerSecurity?
    /// The port for HTTPS at each address; 0 takes a free one.
    public var securePort: UInt16 = 0
    /// Asked before each action of each service; nil permits everything.
    public var authorizes: ActionAuthorization?
    /// The port to listen on at each address; 0 takes a free one.
    public var port: UInt16 = 0
    /// `SERVER`.
    public var serverName = "Linux/6 UPnP/2.0 Latchkey/1"
    /// `CACHE-CONTROL: max-age` of announcements, seconds.
    public var maxAge = 1800
    /// The first BOOTID; nil makes one of the time, larger at each start (UDA 2.0 §1.2.2).
    public var bootID: UInt32?
    /// What peers are allowed.
    public var http: HTTPServerLimits
    /// Names besides its own addresses under which the host may be asked for, in `Host`. Any name that is not
    /// among them is refused, so that no web page can use one to reach the host (DNS rebinding).
    public var hostNames: [String] = []
    /// How many actions may run at a time, all services together; further ones are answered with HTTP status 503.
    public var concurrentActions = 128
    /// How long an action may run until it is answered for with 501 and cancelled. UDA 2.0 §3.2.1 wants the answer
    /// to be there within 30 seconds.
    public var actionTime: Duration = .seconds(28)
    /// Bytes of a request for an action.
    public var controlBytes = 256 * 1024
    /// What subscribers are allowed, for each service.
    public var eventing = EventPublisherLimits()
    /// How often events are multicast, for each service with variables that are.
    public var multicastEventing = MulticastEventConfiguration()
    /// Whether events go only to the address that subscribed (upnp.md §4.2 rule 2).
    public var callbackMustBeSender = true

    /// Devices on the selected interfaces, announced on their links.
    public init(
        interfaces: InterfaceSelection = .privateNetworks, families: AddressFamilies = .both,
        ssdp: SSDPConfiguration? = nil
    ) {
        self.interfaces = interfaces
        self.families = families
        if let ssdp {
            self.ssdp = ssdp
        } else {
            self.ssdp = SSDPConfiguration()
            // An earlier run may have ended without its byebyes (UDA 2.0 §1.2.2).
            self.ssdp.advertiser.byebyeFirst = true
        }
        self.http = HTTPServerLimits()
        // Control points have nothing longer to say (UDA 2.0's longest field is CALLBACK, of which 2 KiB are read).
        self.http.headerFieldBytes = 2200
    }

    /// Devices on the interface of that name, announced on its links.
    public init(interface: String, families: AddressFamilies = .both, ssdp: SSDPConfiguration? = nil) {
        self.init(interfaces: .named([interface]), families: families, ssdp: ssdp)
    }
}
