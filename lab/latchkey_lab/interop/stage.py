"""What the interoperation steps share: the LANs, the peers, our programs on them, and the table."""

from functools import cached_property
from pathlib import Path

from .. import media
from ..latchkey import Program
from ..processes import LabError, Process
from .control import ChangeLog, OurControlPoint
from .document import SECTIONS
from .lan import Lan
from .peers import GMediaRender, GUPnP, LibUPnP, MiniDLNA, MiniUPnPd, Peer, Python, Rygel, compiled
from .table import Table

_LIGHT = "urn:schemas-upnp-org:device:DimmableLight:1"
_PEERS = Path(__file__).resolve().parents[2] / "peers"


class Stage:
    """Built when the first interoperation step asks for it."""

    def __init__(self, binaries: Path, work: Path, logs: Path, repository: Path, prefix: str):
        self.binaries, self.work, self.logs, self.repository = binaries, work, logs, repository
        self.built = repository / ".build-lab" / "peers"
        self.lan = Lan(prefix)
        self.table = Table(SECTIONS, repository / "docs" / "interop.md")

    def host(self, name: str):
        return self.lan.host[name]

    def place(self, name: str) -> tuple:
        return self.host(name), self.lan.address(name), self.work, self.logs

    @cached_property
    def library(self) -> Path:
        return media.make(self.repository / ".build-lab" / "media")

    def program(self, host: str) -> Program:
        return Program(self.binaries, self.host(host), self.lan.address(host), self.work / f"state-{host}", self.logs)

    # Others' devices.

    @cached_property
    def peers(self) -> dict[str, Peer]:
        """All of them, started at once, because some take seconds."""
        peers = {
            "minidlna": MiniDLNA(*self.place("minidlna"), library=self.library),
            "gmediarender": GMediaRender(*self.place("gmediarender")),
            "rygel": Rygel(*self.place("rygel"), library=self.library),
            "miniupnpd": MiniUPnPd(*self.place("igd")),
            "async-upnp-client": Python(*self.place("python")),
            "libupnp light": LibUPnP(*self.place("libupnp"), built=self.built),
            "gupnp light": GUPnP(*self.place("gupnp"), built=self.built),
        }
        _ = self.watch
        for peer in peers.values():
            peer.start()
        return peers

    @cached_property
    def found(self) -> dict[str, dict]:
        """What our control point's search finds on LAN 1, by friendly name: one search for all peers."""
        wanted = {peer.friendly_name for peer in self.peers.values()}
        found: dict[str, dict] = {}
        for _ in range(4):
            found |= {device["name"]: device for device in self.control.search("upnp:rootdevice", 3).values()}
            if wanted <= set(found):
                break
        return found

    def end_peers(self) -> None:
        for peer in self.__dict__.get("peers", {}).values():
            if peer.process.alive:
                peer.kill()
        if "watch" in self.__dict__:
            self.watch.stop()

    @cached_property
    def control(self) -> OurControlPoint:
        """Our control point on LAN 1."""
        return OurControlPoint(self.program("cp"), "--interface", "eth0")

    @cached_property
    def watch(self) -> ChangeLog:
        return ChangeLog(self.control, "interop-watch")

    # Our devices.

    def demo(self, *options: str, host: str = "ours", name: str = "interop-demo") -> Process:
        """The demonstration devices on a host, announced."""
        process = self.host(host).start(
            name, self.binaries / "latchkey-demo-devices", *options, log=self.logs / f"{name}.log"
        )
        process.wait_for("ready")
        return process

    def compiled(self, source: str, *packages: str) -> Path:
        return compiled(self.built, _PEERS / source, *packages)

    # What the programs can do, told by their own help.

    def knows(self, program: str, *words: str, option: str) -> bool:
        host = self.host("cp")
        return option in host.run(self.binaries / program, *words, "--help").stdout


def light_of(found: dict) -> dict:
    """The demonstration light among what a search found."""
    for device in found.values():
        if device["type"] == _LIGHT:
            return device
    raise LabError(f"no {_LIGHT} among {sorted(device['type'] for device in found.values())}")
