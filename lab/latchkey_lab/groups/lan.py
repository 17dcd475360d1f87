"""The LAN of a secure group: one switch, IPv4 and IPv6, and a line from the internet to the gateway.

    LAN  192.168.57.0/24  fd4c:4b57::/64
    gateway  .10   `latchkey gateway run`; also on a line to `away`, where a remote client stands
    plain    .20   a UPnP device that knows nothing of groups
    control  .30   control points that know nothing of groups
    rogue    .66   whoever means harm
    many-1, many-2 .91, .92   hundreds of members in one process
    m01 to m24  .101 to .124   a member each: every third IPv4 only, every third IPv6 only, every third both
    c01 to c60  .131 to .190   for measurements, where asked for
"""

import contextlib

from ..namespaces import Namespace, wire
from ..processes import run

MEMBERS = 24
FAMILIES = ("both", "ipv4", "ipv6")
AWAY_LINE = "198.51.100"
MULTICAST = {"239.255.83.80", "ff05::5:5350"}

_HOSTS = {"gateway": 10, "plain": 20, "control": 30, "rogue": 66, "many-1": 91, "many-2": 92}
_HOSTS |= {f"m{number:02}": 100 + number for number in range(1, MEMBERS + 1)}
_USUAL = tuple(_HOSTS)
# For measurements: a host each, so that each loses what it loses by itself.
_HOSTS |= {f"c{number:02}": 130 + number for number in range(1, 61)}


def family(name: str) -> str:
    """Which addresses a host has."""
    return FAMILIES[int(name[1:]) % 3] if name[0] == "m" and name[1:].isdigit() else "both"


class GroupLan:
    """The namespaces, wired to a switch; `host["m01"]` is one of them."""

    def __init__(self, prefix: str, hosts=_USUAL):
        self.prefix, self._wanted = prefix, hosts
        self.host: dict[str, Namespace] = {}

    def build(self) -> None:
        switch = self.host["switch"] = Namespace(self.prefix, "switch")
        self._bridge("lan")
        for name in self._wanted:
            self._plug(name)
        if "gateway" in self._wanted:
            away = self.host["away"] = Namespace(self.prefix, "away")
            wire(away, "eth0", self.host["gateway"], "wan")
            away.ip("address", "add", f"{AWAY_LINE}.9/24", "dev", "eth0")
            self.host["gateway"].ip("address", "add", f"{AWAY_LINE}.1/24", "dev", "wan")
        _ = switch

    def remove(self) -> None:
        for namespace in reversed(list(self.host.values())):
            namespace.remove()
        self.host.clear()

    @staticmethod
    def address(name: str) -> str:
        return f"192.168.57.{_HOSTS[name]}"

    @staticmethod
    def address6(name: str) -> str:
        return f"fd4c:4b57::{_HOSTS[name]}"

    def _bridge(self, name: str) -> None:
        self.host["switch"].ip("link", "add", name, "type", "bridge")
        self.host["switch"].ip("link", "set", name, "up")

    def _plug(self, name: str) -> None:
        switch, speaks = self.host["switch"], family(name)
        host = self.host[name] = Namespace(self.prefix, name, ipv6=speaks != "ipv4")
        wire(host, "eth0", switch, name)
        # A media server makes its UUID from the MAC, so that must not change between runs.
        host.ip("link", "set", "eth0", "down")
        host.ip("link", "set", "eth0", "address", f"02:4c:4b:57:00:{_HOSTS[name]:02x}")
        host.ip("link", "set", "eth0", "up")
        switch.ip("link", "set", name, "master", "lan")
        if speaks != "ipv6":
            host.ip("address", "add", f"{self.address(name)}/24", "broadcast", "192.168.57.255", "dev", "eth0")
            host.ip("route", "add", "default", "via", "192.168.57.1")
        if speaks != "ipv4":
            host.ip("address", "add", f"{self.address6(name)}/64", "dev", "eth0", "nodad")

    # What a bad day does to it.

    @contextlib.contextmanager
    def losing(self, percent: int):
        """The switch loses that share of all frames that it passes on, each for itself; yields a way to count them."""
        switch = self.host["switch"]
        switch.nft(
            f"""
            table bridge loss {{
                chain passed {{
                    type filter hook forward priority 0; policy accept;
                    numgen random mod 1000 < {percent * 10} counter drop
                    counter accept
                }}
            }}
            """
        )
        try:
            yield self._lost_and_passed
        finally:
            switch.nft("delete table bridge loss")

    def _lost_and_passed(self) -> tuple[int, int]:
        words = self.host["switch"].run("nft", "list", "table", "bridge", "loss").stdout.split()
        counts = [int(words[index + 1]) for index, word in enumerate(words) if word == "packets"]
        return counts[0], counts[1]

    def move(self, name: str, bridge: str) -> None:
        """A host's cable is put into another switch; the host itself sees nothing of it."""
        switch = self.host["switch"]
        if run("ip", "-n", switch.full_name, "link", "show", bridge, check=False).returncode:
            self._bridge(bridge)
        switch.ip("link", "set", name, "nomaster")
        switch.ip("link", "set", name, "master", bridge)
