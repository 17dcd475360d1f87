"""The stage of VLAN mode: one box in two networks, and a router between them that lets nothing through.

    phones' LAN                                              network of things
    phone 192.168.70.20 ─┐            box                  ┌─ thing 192.168.80.30: media server,
                         ├─ 192.168.70.2 ┃ 192.168.80.2 ───┤   light, camera, lock, thermostat
              router 192.168.70.1 ┃ drops, counts ┃ 192.168.80.1
"""

import json
import re
from pathlib import Path

from .home import MediaServer
from .latchkey import Program, _values
from .namespaces import Namespace, Stage, wire
from .processes import run

LAN, THINGS = "192.168.70", "192.168.80"
PHONE, THING = f"{LAN}.20", f"{THINGS}.30"
BOX, BOX_THINGS = f"{LAN}.2", f"{THINGS}.2"
# Another machine on the phones' LAN; the phone's host has both addresses.
OTHER_PHONE = f"{LAN}.21"
EVENTS_PORT = 49400

# Both as docs/specs/vlan-mode.md has them.
ROUTER_RULES = """
table ip between {
    counter things_began { }
    counter phones_began { }
    chain forward { type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname "br-things" oifname "br-lan" counter name things_began drop
        iifname "br-lan" oifname "br-things" counter name phones_began drop
    }
}
"""
BOX_RULES = f"""
table ip vlan-mode {{
    counter things_refused {{ }}
    set searching {{ type inet_service; flags dynamic,timeout; timeout 10s; }}
    chain output {{ type filter hook output priority 0;
        oifname "things" ip daddr 239.255.255.250 udp dport 1900 update @searching {{ udp sport }}
    }}
    chain input {{ type filter hook input priority 0; policy accept;
        iifname != "things" accept
        ct state established,related accept
        ip daddr 239.255.255.250 udp dport 1900 accept
        ip daddr {BOX_THINGS} udp dport @searching accept
        ip daddr {BOX_THINGS} tcp dport {EVENTS_PORT} accept
        counter name things_refused drop
    }}
    chain forward {{ type filter hook forward priority 0; policy drop; }}
}}
"""


class Box(Program):
    """`latchkey vlan run`."""

    def start(self, *options) -> None:
        self.process = self._start(
            "vlan", "vlan", "run", "--state", self.state, "--between", "lan", "--and", "things",
            "--events-port", str(EVENTS_PORT), *options,
        )  # fmt: skip
        self.process.wait_for("ready", timeout=30)

    def json(self, word: str) -> list:
        return _values(self.command("vlan", word, "--state", self.state, "--json").stdout)


class VLANStage(Stage):
    """Built at entry, removed at exit."""

    def __init__(self, binaries: Path, work: Path, logs: Path, library: Path, prefix: str):
        self.binaries, self.work, self.logs, self.library, self.prefix = binaries, work, logs, library, prefix
        self.hosts: dict[str, Namespace] = {}

    def __exit__(self, *_):
        for host in self.hosts.values():
            host.remove()

    def _build(self) -> None:
        for name in ("router", "box", "phone", "thing"):
            self.hosts[name] = Namespace(self.prefix, name)
        router = self.hosts["router"]
        router.sysctl("net.ipv4.ip_forward", 1)
        for bridge, network in (("br-lan", LAN), ("br-things", THINGS)):
            router.ip("link", "add", bridge, "type", "bridge")
            router.ip("link", "set", bridge, "up")
            router.ip("address", "add", f"{network}.1/24", "dev", bridge)
        for name, interface, bridge, address in (
            ("box", "lan", "br-lan", BOX), ("box", "things", "br-things", BOX_THINGS),
            ("phone", "eth0", "br-lan", PHONE), ("thing", "eth0", "br-things", THING),
        ):  # fmt: skip
            host, port = self.hosts[name], f"p-{name}-{interface}"[:15]
            wire(host, interface, router, port)
            router.ip("link", "set", port, "master", bridge)
            host.ip("address", "add", f"{address}/24", "broadcast", f"{address.rpartition('.')[0]}.255", "dev", interface)
        self.hosts["phone"].ip("route", "add", "default", "via", f"{LAN}.1")
        self.hosts["thing"].ip("route", "add", "default", "via", f"{THINGS}.1")
        self.hosts["box"].ip("route", "add", "default", "via", f"{LAN}.1")
        router.nft(ROUTER_RULES)
        self.hosts["box"].nft(BOX_RULES)

    def packets(self, host: str, table: str, counter: str) -> int:
        """How many packets a firewall's counter has."""
        out = run("nft", "list", "counter", "ip", table, counter, prefix=self.hosts[host].enter).stdout
        return int(re.search(r"packets (\d+)", out)[1])

    def start_things(self) -> MediaServer:
        """A media server, and the demonstration's light, camera, lock and thermostat."""
        thing = self.hosts["thing"]
        self.demo = thing.start(
            "vlan-demo", self.binaries / "latchkey-demo-devices", "--interface", "eth0", log=self.logs / "vlan-demo.log"
        )
        server = MediaServer(thing, THING, self.library, self.work, "Thing Library")
        server.start()
        return server

    def box(self, *options, state: str = "vlan-state") -> Box:
        box = Box(self.binaries, self.hosts["box"], BOX, self.work / state, self.logs)
        box.start(*options)
        return box

    def admit(self, address: str, port: int) -> None:
        """Both ways, the things use what the box serves them: one hole more in its firewall, for one thing."""
        self.hosts["box"].nft(
            f"insert rule ip vlan-mode input ip saddr {address} ip daddr {BOX_THINGS} tcp dport {port} accept"
        )


def parameters(out: str) -> dict:
    """What async-upnp-client's `call-action` prints."""
    return json.loads(out)["out_parameters"]
