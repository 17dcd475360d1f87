"""The network of the lab.

    home LAN                        internet                       away LAN
    home-a  gateway's host    \                               /  away-a  client's host, and its apps
    home-b  media server       home-gw ── NAT ── inet ── NAT ── away-gw   away-b  a neighbour nobody invited
    home-c  renderer, devices /                               \  away-c  a second client's host
    home-d  hostile devices

home-gw forwards one port, TCP and UDP, to the gateway; from inside the home the same public address works too
(hairpin). The core drops private addresses, as the internet does.
"""

import contextlib
import os
from dataclasses import dataclass

from .namespaces import Namespace, wire

HOME_WAN = "198.51.100.2"
AWAY_WAN = "203.0.113.2"
TUNNEL_PORT = 48100

_HOME_HOSTS = {"home-a": 10, "home-b": 20, "home-c": 30, "home-d": 40, "home-e": 50}
_AWAY_HOSTS = {"away-a": 10, "away-b": 20, "away-c": 30}


@dataclass(frozen=True)
class Plan:
    """Address plan: the two LANs' first three octets."""

    home: str = "192.168.37"
    away: str = "192.168.61"

    def address(self, host: str) -> str:
        if host in _HOME_HOSTS:
            return f"{self.home}.{_HOME_HOSTS[host]}"
        return f"{self.away}.{_AWAY_HOSTS[host]}"

    @property
    def home_addresses(self) -> list[str]:
        """Every address that must never leave the home."""
        return [f"{self.home}.1", *(self.address(host) for host in _HOME_HOSTS)]


class Network:
    """The namespaces, wired; `host["home-a"]` is one of them."""

    def __init__(self, plan: Plan, prefix: str | None = None):
        self.plan = plan
        self.prefix = prefix or f"lk{os.getpid()}-"
        self.host: dict[str, Namespace] = {}

    def build(self) -> None:
        for name in ("inet", "home-gw", "away-gw", *_HOME_HOSTS, *_AWAY_HOSTS):
            self.host[name] = Namespace(self.prefix, name)
        self._core()
        self._site("home-gw", HOME_WAN, "198.51.100.1", self.plan.home, _HOME_HOSTS)
        self._site("away-gw", AWAY_WAN, "203.0.113.1", self.plan.away, _AWAY_HOSTS)
        self.forward(TUNNEL_PORT, self.plan.address("home-a"), TUNNEL_PORT)

    def remove(self) -> None:
        for namespace in reversed(list(self.host.values())):
            namespace.remove()
        self.host.clear()

    def _core(self) -> None:
        inet = self.host["inet"]
        inet.sysctl("net.ipv4.ip_forward", 1)
        for router, port, address in (("home-gw", "to-home", "198.51.100.1"), ("away-gw", "to-away", "203.0.113.1")):
            wire(inet, port, self.host[router], "wan")
            inet.ip("address", "add", f"{address}/24", "dev", port)
        inet.nft(
            """
            table ip core {
                chain forward {
                    type filter hook forward priority 0;
                    ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 } drop
                    ip daddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 } drop
                }
            }
            """
        )

    def _site(self, router_name: str, wan: str, core: str, lan: str, hosts: dict) -> None:
        router = self.host[router_name]
        router.ip("link", "add", "br-lan", "type", "bridge")
        router.ip("link", "set", "br-lan", "up")
        router.ip("address", "add", f"{lan}.1/24", "dev", "br-lan")
        router.ip("address", "add", f"{wan}/24", "dev", "wan")
        router.ip("route", "add", "default", "via", core)
        router.sysctl("net.ipv4.ip_forward", 1)
        for index, (name, number) in enumerate(hosts.items()):
            host, port = self.host[name], f"p-{name}"
            wire(host, "eth0", router, port)
            # A media server makes its UUID from the MAC, so that must not change between runs.
            host.ip("link", "set", "eth0", "address", f"02:4c:4b:{'01' if lan == self.plan.home else '02'}:00:{index:02x}")
            host.ip("address", "add", f"{lan}.{number}/24", "broadcast", f"{lan}.255", "dev", "eth0")
            host.ip("route", "add", "default", "via", f"{lan}.1")
            router.ip("link", "set", port, "master", "br-lan")
        router.nft(_masquerade(lan))

    def forward(self, port: int, address: str, inner: int) -> None:
        """The home's router passes one port, TCP and UDP, on to a host inside."""
        self.host["home-gw"].nft(_forward(port, address, inner))

    def public_host(self, name: str, address: str) -> Namespace:
        """A machine on the internet, on a network of its own; the core is its router."""
        host = self.host[name] = Namespace(self.prefix, name)
        network = address.rpartition(".")[0]
        wire(host, "eth0", self.host["inet"], f"to-{name}")
        self.host["inet"].ip("address", "add", f"{network}.1/24", "dev", f"to-{name}")
        host.ip("address", "add", f"{address}/24", "dev", "eth0")
        host.ip("route", "add", "default", "via", f"{network}.1")
        return host

    # What a person or a bad line does to it.

    def cut_tunnel(self) -> None:
        """The line dies without a word: packets vanish, nobody is told."""
        self.host["home-gw"].nft(
            """
            table ip cut {
                chain forward { type filter hook forward priority -10; policy accept;
                    iifname "wan" drop
                    oifname "wan" drop
                }
            }
            """
        )

    def renumber(self, router: str, lan: str, wan: str) -> None:
        """A site gets another public address, and its router forgets every connection, as after a new line."""
        host = self.host[router]
        host.nft(
            f"""
            table ip nat {{}}
            delete table ip nat
            table ip nat {{
                chain postrouting {{ type nat hook postrouting priority 100;
                    oifname "wan" ip saddr {lan}.0/24 snat to {wan}
                }}
            }}
            """
        )
        host.run("conntrack", "-F")

    def mend_tunnel(self) -> None:
        self.host["home-gw"].nft("table ip cut {}\ndelete table ip cut")

    def move(self, name: str, old_router: str, new_router: str, address: str, lan: str) -> None:
        """A host is unplugged from one LAN and plugged into another, where it gets a new address."""
        host, old, new = self.host[name], self.host[old_router], self.host[new_router]
        port = f"p-{name}"
        old.ip("link", "set", port, "down")
        old.ip("link", "set", port, "nomaster")
        old.ip("link", "set", port, "netns", new.full_name)
        host.ip("address", "flush", "dev", "eth0")
        new.ip("link", "set", port, "master", "br-lan")
        new.ip("link", "set", port, "up")
        host.ip("address", "add", f"{address}/24", "broadcast", f"{lan}.255", "dev", "eth0")
        host.ip("route", "add", "default", "via", f"{lan}.1")

    @contextlib.contextmanager
    def tunnel_cut(self):
        self.cut_tunnel()
        try:
            yield
        finally:
            self.mend_tunnel()


def _masquerade(lan: str) -> str:
    return f"""
    table ip nat {{
        chain postrouting {{ type nat hook postrouting priority 100;
            oifname "wan" ip saddr {lan}.0/24 masquerade
        }}
    }}
    table ip filter {{
        chain forward {{ type filter hook forward priority 0; policy drop;
            ct state established,related accept
            ct status dnat accept
            iifname "br-lan" oifname "wan" accept
        }}
    }}
    """


def _forward(port: int, address: str, inner: int) -> str:
    return f"""
    table ip forward-{port} {{
        chain prerouting {{ type nat hook prerouting priority -100;
            ip daddr {HOME_WAN} meta l4proto {{ tcp, udp }} th dport {port} dnat to {address}:{inner}
        }}
        chain postrouting {{ type nat hook postrouting priority 90;
            iifname "br-lan" oifname "br-lan" ct status dnat masquerade
        }}
    }}
    """
