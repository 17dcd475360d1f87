"""The second stage: one home LAN and a second one beside it, both with IPv4 and IPv6.

    LAN 1  192.168.47.0/24  fd4c:4b47::/64    LAN 2  192.168.48.0/24  fd4c:4b48::/64
    ours     both    our devices              cp      both    our control point
    theirs   both    others' control points   all     LAN 1   everything on one host
    minidlna, gmediarender, rygel, python, libupnp, gupnp: LAN 1, a device each
    igd      LAN 1 and a line to nowhere, because an IGD has a WAN side
"""

import contextlib

from ..namespaces import Namespace, wire

# Each host's number and whether it stands on LAN 2 as well.
_HOSTS = {
    "ours": (10, True),
    "cp": (20, True),
    "theirs": (30, True),
    "minidlna": (41, False),
    "gmediarender": (42, False),
    "rygel": (43, False),
    "igd": (44, False),
    "python": (45, False),
    "libupnp": (46, False),
    "gupnp": (47, False),
    "all": (50, False),
}
# miniupnpd takes no reserved address for its WAN side, and this one is nobody's (RFC 3330 once reserved it).
IGD_WAN = "128.66.0.2"


class Lan:
    """The namespaces, wired to two switches; `host["cp"]` is one of them."""

    def __init__(self, prefix: str):
        self.prefix = prefix
        self.host: dict[str, Namespace] = {}

    def build(self) -> None:
        switch = self.host["switch"] = Namespace(self.prefix, "switch")
        for lan in (1, 2):
            switch.ip("link", "add", f"br-{lan}", "type", "bridge")
            switch.ip("link", "set", f"br-{lan}", "up")
        for name, (_, on_both) in _HOSTS.items():
            self.host[name] = Namespace(self.prefix, name, ipv6=True)
            self._plug(name, 1)
            if on_both:
                self._plug(name, 2)
        wire(self.host["igd"], "wan", switch, "to-wan")
        self.host["igd"].ip("address", "add", f"{IGD_WAN}/24", "dev", "wan")

    def remove(self) -> None:
        for namespace in reversed(list(self.host.values())):
            namespace.remove()
        self.host.clear()

    @staticmethod
    def address(name: str, lan: int = 1) -> str:
        return f"192.168.{46 + lan}.{_HOSTS[name][0]}"

    @staticmethod
    def mac(name: str, lan: int = 1) -> str:
        # Fixed, because media servers make their UUIDs and hosts their link-local addresses from it.
        return f"02:4c:4b:4{6 + lan}:00:{_HOSTS[name][0]:02x}"

    @staticmethod
    def link_local(name: str, lan: int = 1) -> str:
        return f"fe80::4c:4bff:fe4{6 + lan}:{_HOSTS[name][0]:x}"

    @staticmethod
    def ula(name: str, lan: int = 1) -> str:
        return f"fd4c:4b{46 + lan}::{_HOSTS[name][0]}"

    def interface(self, lan: int = 1) -> str:
        return f"eth{lan - 1}"

    def _plug(self, name: str, lan: int) -> None:
        host, switch, device, port = self.host[name], self.host["switch"], f"eth{lan - 1}", f"{name}-{lan}"
        wire(host, device, switch, port)
        # The link-local address is made from the MAC when the link comes up, so it goes down for the change.
        host.ip("link", "set", device, "down")
        host.ip("link", "set", device, "address", self.mac(name, lan))
        host.ip("link", "set", device, "up")
        switch.ip("link", "set", port, "master", f"br-{lan}")
        self.give_ipv4(name, lan)
        host.ip("address", "add", f"{self.ula(name, lan)}/64", "dev", device, "nodad")

    # What changes while programs run.

    def give_ipv4(self, name: str, lan: int = 1, address: str | None = None) -> None:
        address = address or self.address(name, lan)
        broadcast = address.rpartition(".")[0] + ".255"
        self.host[name].ip("address", "replace", f"{address}/24", "broadcast", broadcast, "dev", f"eth{lan - 1}")
        # There is no router, but libupnp sends no multicast without a route that covers the group.
        router = address.rpartition(".")[0] + ".1"
        self.host[name].ip("route", "replace", "default", "via", router, "dev", f"eth{lan - 1}", "metric", str(lan))

    def take_ipv4(self, name: str, lan: int = 1) -> None:
        self.host[name].ip("-4", "address", "flush", "dev", f"eth{lan - 1}")

    @contextlib.contextmanager
    def without_ipv4(self, *names: str):
        """No IPv4 at all on these hosts, on either LAN."""
        places = [(name, lan) for name in names for lan in ((1, 2) if _HOSTS[name][1] else (1,))]
        for name, lan in places:
            self.take_ipv4(name, lan)
        try:
            yield
        finally:
            for name, lan in places:
                self.give_ipv4(name, lan)

    def unplug(self, name: str, lan: int = 1) -> None:
        self.host[name].ip("link", "set", f"eth{lan - 1}", "down")

    def plug_in(self, name: str, lan: int = 1, address: str | None = None) -> None:
        """The cable comes back; the kernel has dropped the IPv6 addresses meanwhile."""
        device = f"eth{lan - 1}"
        self.host[name].ip("link", "set", device, "up")
        if address:
            self.take_ipv4(name, lan)
        self.give_ipv4(name, lan, address)
        self.host[name].ip("address", "replace", f"{self.ula(name, lan)}/64", "dev", device, "nodad")
