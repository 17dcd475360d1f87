"""The internet of the grid: a core, a public host with the servers, and a site for each kind of router, twice."""

from ..namespaces import Namespace, wire
from .kinds import KINDS, Kind

SERVER, SECOND = "192.0.2.10", "192.0.2.11"


class Site:
    """A host, and what stands between it and the core."""

    def __init__(self, world: "World", side: str, number: int, kind: Kind):
        self.kind, self.name = kind, f"{side}-{kind.name}"
        outer = f"{'198.51.100' if side == 'home' else '203.0.113'}.{4 * number}"
        base, last = outer.rsplit(".", 1)
        self.core_end, self.wan = f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}"
        self.six = f"2001:db8:{1 if side == 'home' else 2}{number}"
        lan = f"192.168.{(10 if side == 'home' else 40) + number}"
        self.host = Namespace(world.prefix, self.name, ipv6=kind.has_ipv6)
        self.routers: list[Namespace] = []
        self._neighbours: list[Namespace] = []
        port = f"{'h' if side == 'home' else 'a'}{number}"
        if kind.is_public:
            self.address = self.wan
            wire(world.core, port, self.host, "eth0")
            self.host.ip("address", "add", f"{self.wan}/30", "dev", "eth0")
            self.host.ip("route", "add", "default", "via", self.core_end)
        else:
            self.address = f"{lan}.10"
            inner = self._router(world, "gw")
            if kind.twice:
                outer_router = self._router(world, "cgn")
                wire(outer_router, "lan", inner, "wan")
                outer_router.ip("address", "add", "100.64.0.1/24", "dev", "lan")
                inner.ip("address", "add", "100.64.0.2/24", "dev", "wan")
                inner.ip("route", "add", "default", "via", "100.64.0.1")
            else:
                outer_router = inner
            wire(world.core, port, outer_router, "wan")
            outer_router.ip("address", "add", f"{self.wan}/30", "dev", "wan")
            outer_router.ip("route", "add", "default", "via", self.core_end)
            wire(inner, "lan0", self.host, "eth0")
            inner.ip("address", "add", f"{lan}.1/24", "dev", "lan0")
            self.host.ip("address", "add", f"{self.address}/24", "broadcast", f"{lan}.255", "dev", "eth0")
            self.host.ip("route", "add", "default", "via", f"{lan}.1")
            for router in self.routers:
                router.nft(kind.rules)
        world.core.ip("address", "add", f"{self.core_end}/30", "dev", port)
        if kind.has_ipv6:
            self._add_ipv6(world.core, port)

    def _add_ipv6(self, core: Namespace, port: str) -> None:
        """A network of its own, which the provider routes to the router: nobody translates anything."""
        router = self.routers[0]
        router.sysctl("net.ipv6.conf.all.forwarding", 1)
        core.ip("-6", "address", "add", f"{self.six}::1/64", "dev", port)
        router.ip("-6", "address", "add", f"{self.six}::2/64", "dev", "wan")
        router.ip("-6", "route", "add", "default", "via", f"{self.six}::1")
        core.ip("-6", "route", "add", f"{self.six}:1::/64", "via", f"{self.six}::2")
        router.ip("-6", "address", "add", f"{self.six}:1::1/64", "dev", "lan0")
        self.host.ip("-6", "address", "add", f"{self.six}:1::10/64", "dev", "eth0")
        self.host.ip("-6", "route", "add", "default", "via", f"{self.six}:1::1")

    def _router(self, world: "World", role: str) -> Namespace:
        router = Namespace(world.prefix, f"{self.name}-{role}", ipv6=self.kind.has_ipv6)
        router.sysctl("net.ipv4.ip_forward", 1)
        self.routers.append(router)
        return router

    def add_neighbour(self, world: "World", address: str) -> Namespace:
        """A second host on the site's LAN, with an address there; the router bridges the two."""
        router, host = self.routers[0], Namespace(world.prefix, f"{self.name}-neighbour")
        self._neighbours.append(host)
        own = f"{self.address.rpartition('.')[0]}.1"
        router.ip("link", "add", "br0", "type", "bridge")
        router.ip("address", "del", f"{own}/24", "dev", "lan0")
        wire(router, "lan1", host, "eth0")
        for port in ("lan0", "lan1"):
            router.ip("link", "set", port, "master", "br0")
        router.ip("address", "add", f"{own}/24", "dev", "br0")
        router.ip("link", "set", "br0", "up")
        host.ip("address", "add", f"{address}/24", "broadcast", f"{own.rpartition('.')[0]}.255", "dev", "eth0")
        host.ip("route", "add", "default", "via", own)
        return host

    def forget(self) -> None:
        """The routers forget every mapping, as after a long pause."""
        for router in self.routers:
            router.run("conntrack", "-F", check=False)
            for name in ("inward", "talked"):
                router.run("nft", "flush", "map" if name == "inward" else "set", "ip", "nat", name, check=False)

    def cut(self, direction: str = "both") -> None:
        """Packets vanish at the site's outermost router, or at the host that has none."""
        place = self.routers[-1] if self.routers else self.host
        place.nft(
            """
            table ip cut {
                chain forward { type filter hook forward priority -10; drop; }
                chain input { type filter hook input priority -10; drop; }
            }
            """
        )

    def mend(self) -> None:
        place = self.routers[-1] if self.routers else self.host
        place.run("nft", "delete", "table", "ip", "cut", check=False)

    @property
    def namespaces(self) -> list[Namespace]:
        return [self.host, *self._neighbours, *self.routers]


class World:
    """Built at entry, removed at exit."""

    def __init__(self, prefix: str, homes: set[str], aways: set[str]):
        self.prefix, self._homes, self._aways = prefix, homes, aways
        self.homes: dict[str, Site] = {}
        self.aways: dict[str, Site] = {}
        self._made: list[Namespace] = []

    def __enter__(self):
        has_ipv6 = any(kind.has_ipv6 and kind.name in self._homes | self._aways for kind in KINDS)
        self.core = self._namespace("core", has_ipv6)
        self.core.sysctl("net.ipv4.ip_forward", 1)
        if has_ipv6:
            self.core.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.server = self._namespace("server")
        wire(self.core, "srv", self.server, "eth0")
        self.core.ip("address", "add", "192.0.2.1/24", "dev", "srv")
        for address in (SERVER, SECOND):
            self.server.ip("address", "add", f"{address}/24", "dev", "eth0")
        self.server.ip("route", "add", "default", "via", "192.0.2.1")
        self.core.nft(
            """
            table ip core {
                chain forward { type filter hook forward priority 0;
                    ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 } drop
                    ip daddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 } drop
                }
            }
            """
        )
        for number, kind in enumerate(KINDS):
            if kind.name in self._homes:
                self.homes[kind.name] = Site(self, "home", number, kind)
            if kind.name in self._aways:
                self.aways[kind.name] = Site(self, "away", number, kind)
        return self

    def public_host(self, name: str, address: str) -> Namespace:
        """A machine with a public address, on a /24 of its own; the core is its router."""
        host, network = self._namespace(name), address.rpartition(".")[0]
        wire(self.core, f"to-{name}", host, "eth0")
        self.core.ip("address", "add", f"{network}.1/24", "dev", f"to-{name}")
        host.ip("address", "add", f"{address}/24", "dev", "eth0")
        host.ip("route", "add", "default", "via", f"{network}.1")
        return host

    def _namespace(self, name: str, ipv6: bool = False) -> Namespace:
        self._made.append(Namespace(self.prefix, name, ipv6=ipv6))
        return self._made[-1]

    def __exit__(self, *_):
        for site in (*self.homes.values(), *self.aways.values()):
            for namespace in site.namespaces:
                namespace.remove()
        for namespace in reversed(self._made):
            namespace.remove()
