"""The kinds of routers that a home or a traveller stands behind, as nftables rules.

The names are those of RFC 4787: how a port is mapped, and who may send to it. Rules cover UDP; TCP is mapped as
Linux does it and lets nobody in.
"""

from dataclasses import dataclass

# As every home's router does. What is dropped leaves no trace in the table of connections, which would take the port that
# the other direction is about to need.
_CLOSED = """
table ip guard {
    chain input { type filter hook input priority 0; iifname "wan" ct state new drop; }
}
"""

_MASQUERADE = _CLOSED + """
table ip nat {
    chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; }
}
"""

# What SNAT chose is learned behind it, and leads in again.
_LEARNING = _CLOSED + """
table ip nat {
    map inward { type inet_service : ipv4_addr . inet_service; flags dynamic, timeout; timeout 120s; size 65535; }
    set talked { type inet_service . ipv4_addr; flags dynamic, timeout; timeout 120s; size 65535; }
    chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; }
    chain learn { type filter hook postrouting priority 101;
        oifname "wan" meta l4proto udp update @inward { udp sport : ct original ip saddr . ct original proto-src }
        oifname "wan" meta l4proto udp update @talked { udp sport . ip daddr }
    }
    chain pre { type nat hook prerouting priority -100; iifname "wan" meta l4proto udp %s dnat ip to udp dport map @inward; }
}
"""

_SYMMETRIC = _CLOSED + """
table ip nat {
    chain post { type nat hook postrouting priority 100; oifname "wan" masquerade fully-random; }
}
"""

_NO_UDP = """
table ip filter {
    chain forward { type filter hook forward priority 0; meta l4proto udp drop; }
}
"""

_ONLY_443 = """
table ip filter {
    chain forward { type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname != "wan" tcp dport 443 accept
    }
}
"""

_FIREWALL_6 = """
table ip6 guard {
    chain input { type filter hook input priority 0; iifname "wan" ct state new meta l4proto { tcp, udp } drop; }
    chain forward { type filter hook forward priority 0; iifname "wan" ct state new drop; }
}
"""


@dataclass(frozen=True)
class Kind:
    name: str
    #: For the table's margin.
    words: str
    rules: str = ""
    #: The same rules once more at the provider.
    twice: bool = False
    #: Public IPv6 beside it, behind a firewall that lets nothing in that was not asked for.
    has_ipv6: bool = False
    #: No router at all: the host has a public address.
    is_public: bool = False


KINDS = (
    Kind("public", "a public address", is_public=True),
    Kind("eim", "endpoint-independent", _LEARNING % ""),
    Kind("address", "address-restricted", _LEARNING % "udp dport . ip saddr @talked"),
    Kind("port", "port-restricted", _MASQUERADE),
    Kind("symmetric", "symmetric", _SYMMETRIC),
    Kind("cgnat", "CGNAT twice", _MASQUERADE, twice=True),
    Kind("no-udp", "UDP blocked", _MASQUERADE + _NO_UDP),
    Kind("tcp443", "only TCP 443 out", _MASQUERADE + _ONLY_443),
    Kind("ipv6", "symmetric, public IPv6 behind a firewall", _SYMMETRIC + _FIREWALL_6, has_ipv6=True),
)
#: Every kind of IPv4 meets every other; the last is one cell beside them.
IPV4 = tuple(kind.name for kind in KINDS if not kind.has_ipv6)
BY_NAME = {kind.name: kind for kind in KINDS}
