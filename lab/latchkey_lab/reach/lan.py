"""The network of the reachability steps.

    home  192.168.77.0/24                internet 128.66.0.0/16          away  192.168.88.0/24
    gateway .10   `latchkey gateway run`    server 128.66.3.10            client .10  `latchkey away run`
    devices .30   the demonstration devices    name server, push
    router  .1    NAT, miniupnpd, 128.66.1.2                              away-router .1, NAT, 128.66.2.2

miniupnpd takes no documentation address for its outer side, so the internet here is 128.66/16, which RFC 3330 once
reserved and nobody has. The core drops private addresses.

Within `ipv6()` everybody has IPv6 too: the home is 2001:db8:77::/64, away 2001:db8:88::/64, the server 2001:db8:3::10, and the
home's router lets nobody in who was not asked for. Nothing is translated.
"""

import contextlib

from ..namespaces import Namespace, wire
from ..processes import run

HOME, AWAY = "192.168.77", "192.168.88"
HOME_WAN, AWAY_WAN, SERVER = "128.66.1.2", "128.66.2.2", "128.66.3.10"
HOME6, AWAY6, SERVER6 = "2001:db8:77", "2001:db8:88", "2001:db8:3::10"
_HOME_HOSTS = {"gateway": 10, "devices": 30}
_AWAY_HOSTS = {"client": 10}


class ReachLan:
    """The namespaces, wired; `host["gateway"]` is one of them."""

    def __init__(self, prefix: str):
        self.prefix = prefix
        self.host: dict[str, Namespace] = {}

    @staticmethod
    def address(name: str) -> str:
        if name in _HOME_HOSTS:
            return f"{HOME}.{_HOME_HOSTS[name]}"
        return f"{AWAY}.{_AWAY_HOSTS[name]}"

    def build(self) -> None:
        for name in ("core", "server", "router", "away-router", *_HOME_HOSTS, *_AWAY_HOSTS):
            self.host[name] = Namespace(self.prefix, name)
        core = self.host["core"]
        core.sysctl("net.ipv4.ip_forward", 1)
        for number, (name, far) in enumerate((("router", HOME_WAN), ("away-router", AWAY_WAN), ("server", SERVER)), 1):
            end = "eth0" if name == "server" else "wan"
            wire(self.host[name], end, core, f"to-{number}")
            core.ip("address", "add", f"128.66.{number}.1/24", "dev", f"to-{number}")
            self.host[name].ip("address", "add", f"{far}/24", "dev", end)
            self.host[name].ip("route", "add", "default", "via", f"128.66.{number}.1")
        core.nft(
            """
            table ip core {
                chain forward { type filter hook forward priority 0;
                    ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 } drop
                    ip daddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 } drop
                }
            }
            """
        )
        self._site("router", HOME, _HOME_HOSTS)
        self._site("away-router", AWAY, _AWAY_HOSTS)

    def _site(self, router_name: str, lan: str, hosts: dict) -> None:
        router = self.host[router_name]
        router.ip("link", "add", "br-lan", "type", "bridge")
        router.ip("link", "set", "br-lan", "up")
        router.ip("address", "add", f"{lan}.1/24", "dev", "br-lan")
        router.sysctl("net.ipv4.ip_forward", 1)
        for name, number in hosts.items():
            host = self.host[name]
            wire(host, "eth0", router, f"p-{name}")
            host.ip("address", "add", f"{lan}.{number}/24", "broadcast", f"{lan}.255", "dev", "eth0")
            host.ip("route", "add", "default", "via", f"{lan}.1")
            router.ip("link", "set", f"p-{name}", "master", "br-lan")
        router.nft(
            f"""
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
        )

    def remove(self) -> None:
        for namespace in reversed(list(self.host.values())):
            namespace.remove()
        self.host.clear()

    @contextlib.contextmanager
    def ipv6(self):
        """Everybody has IPv6, and the home's router a firewall as home routers have one."""
        hosts = {name: self.host[name] for name in ("core", "server", "router", "away-router", *_HOME_HOSTS, *_AWAY_HOSTS)}
        try:
            for host in hosts.values():
                for key in ("all.disable_ipv6", "default.disable_ipv6"):
                    host.sysctl(f"net.ipv6.conf.{key}", 0)
                host.sysctl("net.ipv6.conf.all.forwarding", int(host.name in ("core", "router", "away-router")))
            core = hosts["core"]
            for number, (name, lan) in enumerate((("router", HOME6), ("away-router", AWAY6)), 1):
                core.ip("address", "add", f"2001:db8:{number}::1/64", "dev", f"to-{number}", "nodad")
                router = hosts[name]
                router.ip("address", "add", f"2001:db8:{number}::2/64", "dev", "wan", "nodad")
                router.ip("address", "add", f"{lan}::1/64", "dev", "br-lan", "nodad")
                router.ip("address", "replace", "fe80::1/64", "dev", "br-lan", "nodad")
                router.ip("route", "add", "default", "via", f"2001:db8:{number}::1")
                core.ip("route", "add", f"{lan}::/64", "via", f"2001:db8:{number}::2")
            core.ip("address", "add", "2001:db8:3::1/64", "dev", "to-3", "nodad")
            hosts["server"].ip("address", "add", f"{SERVER6}/64", "dev", "eth0", "nodad")
            hosts["server"].ip("route", "add", "default", "via", "2001:db8:3::1")
            for lan, names in ((HOME6, _HOME_HOSTS), (AWAY6, _AWAY_HOSTS)):
                for name, number in names.items():
                    hosts[name].ip("address", "add", f"{lan}::{number}/64", "dev", "eth0", "nodad")
                    # As a router advertisement would say it: the router's own link-local address.
                    hosts[name].ip("route", "add", "default", "via", "fe80::1", "dev", "eth0")
            yield
        finally:
            for host in hosts.values():
                # Takes every address and route with it.
                for key in ("all.disable_ipv6", "default.disable_ipv6"):
                    host.sysctl(f"net.ipv6.conf.{key}", 1)

    @contextlib.contextmanager
    def double_nat(self, inner: str):
        """Another NAT stands before the home's router, whose outer address is `inner`.2 then; the public one is the other's."""
        router, core = self.host["router"], self.host["core"]
        other = self.host["other-nat"] = Namespace(self.prefix, "other-nat")
        try:
            router.ip("link", "del", "wan")
            wire(other, "wan", core, "to-1")
            core.ip("address", "add", "128.66.1.1/24", "dev", "to-1")
            other.ip("address", "add", f"{HOME_WAN}/24", "dev", "wan")
            other.ip("route", "add", "default", "via", "128.66.1.1")
            other.sysctl("net.ipv4.ip_forward", 1)
            other.nft(
                """
                table ip nat {
                    chain out { type nat hook postrouting priority 100;
                        oifname "wan" masquerade
                    }
                }
                """
            )
            wire(router, "wan", other, "in")
            other.ip("address", "add", f"{inner}.1/24", "dev", "in")
            router.ip("address", "add", f"{inner}.2/24", "dev", "wan")
            router.ip("route", "add", "default", "via", f"{inner}.1")
            yield
        finally:
            self.host.pop("other-nat").remove()
            # The cables went with it, as soon as the kernel has taken it down.
            for host, end in ((router, "wan"), (core, "to-1")):
                run("ip", "-n", host.full_name, "link", "del", end, check=False)
            wire(router, "wan", core, "to-1")
            core.ip("address", "add", "128.66.1.1/24", "dev", "to-1")
            router.ip("address", "add", f"{HOME_WAN}/24", "dev", "wan")
            router.ip("route", "add", "default", "via", "128.66.1.1")

    @contextlib.contextmanager
    def without_ipv4(self, name: str):
        """A host that has only IPv6 beyond its own network."""
        host = self.host[name]
        lan = HOME if name in _HOME_HOSTS else AWAY
        host.ip("route", "del", "default", "via", f"{lan}.1")
        try:
            yield
        finally:
            host.ip("route", "add", "default", "via", f"{lan}.1")

    def move_home(self, address: str) -> None:
        """The provider gives the home another address (in the same network), as it does at night."""
        router = self.host["router"]
        router.ip("address", "flush", "dev", "wan")
        router.ip("address", "add", f"{address}/24", "dev", "wan")
        router.ip("route", "replace", "default", "via", f"{address.rpartition('.')[0]}.1")
        # Who remembers the old address's hardware would still reach the router by it.
        self.host["core"].ip("neigh", "flush", "dev", "to-1")
