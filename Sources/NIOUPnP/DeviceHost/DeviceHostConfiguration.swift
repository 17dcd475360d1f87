public import UPnP

/// How devices are hosted.
public struct DeviceHostConfiguration: Sendable {
    /// The name of the interface on whose link the devices live.
    public var interface: String
    /// How SSDP is spoken there.
    public var ssdp: SSDPConfiguration
    /// How far the announcements go.
    public var scope: AnnouncementScope = .link
    /// Whether to announce at all; without it the devices are known to those who have their URL.
    public var advertises = true
    /// The port to listen on; 0 takes a free one.
    public var port: UInt16 = 0
    /// `SERVER`.
    public var serverName = "Linux/6 UPnP/2.0 Latchkey/1"
    /// `CACHE-CONTROL: max-age` of announcements, seconds.
    public var maxAge = 1800
    /// BOOTID; nil makes one of the time, larger at each start (UDA 2.0 §1.2.2).
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
    /// Whether events go only to the address that subscribed (upnp.md §4.2 rule 2).
    public var callbackMustBeSender = true

    /// Devices on the interface of that name, announced on its link.
    public init(interface: String, ssdp: SSDPConfiguration = .init()) {
        self.interface = interface
        self.ssdp = ssdp
        self.http = HTTPServerLimits()
        // Control points have nothing longer to say (UDA 2.0's longest field is CALLBACK, of which 2 KiB are read).
        self.http.headerFieldBytes = 2200
    }
}
