"""The tables of docs/interop.md: their rows and columns, in their order."""

from .table import Section

_USE = ("found", "described", "action", "fault", "events", "byebye")

OTHERS_DEVICES = Section(
    "Our control point with others' devices",
    "`latchkey upnp search`, `describe` (every service description read), `invoke` (answered, and refused with a UPnP\n"
    "error), `subscribe` (the first event) and `watch` (gone by byebye when stopped; a restart after a kill noticed).",
    "Device",
    (*_USE, "restart"),
    ("minidlna", "gmediarender", "rygel", "miniupnpd", "async-upnp-client", "libupnp light", "gupnp light"),
)

OUR_DEVICES = Section(
    "Our devices with others' control points",
    "`latchkey-demo-devices`: found by a search, description and service descriptions read, an action called, an action\n"
    "refused, the first event and a later one received, gone by byebye.",
    "Control point",
    _USE,
    (
        "gssdp-discover", "gupnp-event-dumper", "gupnp control point", "libupnp control point", "async-upnp-client",
        "upnpc",
    ),  # fmt: skip
)

OUR_MEDIA = Section(
    "Our media with others' players",
    "The camera of `latchkey-demo-devices` (asked for its stream with an action), and the media server of `Examples/` over a\n"
    "folder with a film, a song and a photograph.",
    "Player",
    ("found", "browsed", "played"),
    (
        "mpv, camera", "vlc, camera", "async-upnp-client, media server", "mpv, media server", "vlc, media server",
        "gmediarender, media server",
    ),  # fmt: skip
)

IPV6 = Section(
    "IPv6 alone",
    "The hosts have no IPv4 address while these run; both the link-local and the site-local group are used. gssdp-discover and\n"
    "libupnp 1.8 do not start on an interface without IPv4.",
    "Pair",
    _USE,
    (
        "our control point, our devices", "our control point, rygel", "gupnp control point, our devices",
        "async-upnp-client, our devices",
    ),  # fmt: skip
)

ON_TWO_LANS = "our devices on two LANs: on each LAN, over both versions of IP, the URL that leads there"
ONE_DEVICE = "our control point on two LANs: a device that is on both is one device"
NAMED_ONLY = "our devices on one of two interfaces: nothing is heard of on the other, nothing listens there"
COMES_BACK = "our devices' interface goes and comes back with another address: announced there, used there"

INTERFACES = Section(
    "Several interfaces",
    "Hosts with two interfaces on two LANs, both with IPv4 and IPv6.",
    "What happens",
    ("shown",),
    (ON_TWO_LANS, ONE_DEVICE, NAMED_ONLY, COMES_BACK),
)

SHARED_PORT = Section(
    "One host, one port 1900",
    "minidlna, gmediarender, our devices and our control point on one host. A multicast datagram reaches every socket on port\n"
    "1900; a unicast one reaches the one that the kernel chooses, so a search that is sent to such a host's own address is\n"
    "answered by some of its programs only (UDA 2.0 §1.3.2 has SEARCHPORT.UPNP.ORG for that).",
    "Program",
    ("answers another host", "seen by our control point beside it", "sees the others"),
    ("minidlna", "gmediarender", "our devices", "our control point"),
)

SECTIONS = (OTHERS_DEVICES, OUR_DEVICES, OUR_MEDIA, IPV6, INTERFACES, SHARED_PORT)
