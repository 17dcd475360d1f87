"""Devices that others wrote, each started on a host of its own."""

import os
import re
import signal
from pathlib import Path

from ..namespaces import Namespace
from ..processes import LabError, Process, run

PEERS = Path(__file__).resolve().parents[2] / "peers"
VENV = Path(__file__).resolve().parents[2] / ".venv"
BENCH_PEERS = Path(__file__).resolve().parents[3] / "Benchmarks" / "Peers"


def package_version(package: str) -> str:
    """A Debian package's upstream version."""
    version = run("dpkg-query", "-W", "-f", "${Version}", package).stdout
    return re.sub(r"^\d+:|[+-].*$", "", version)


def python_version(package: str) -> str:
    for line in (VENV / "installed.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if name == package:
            return version
    raise LabError(f"{package} is not among the lab's Python packages")


def compiled(folder: Path, source: Path, *packages: str) -> Path:
    """A program of one C file, built once for each state of its source."""
    program = folder / source.stem
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        folder.mkdir(parents=True, exist_ok=True)
        flags = run("pkg-config", "--cflags", "--libs", *packages).stdout.split()
        fresh = program.with_name(f"{program.name}.{os.getpid()}")
        run("gcc", "-O1", "-Wall", "-o", fresh, source, *flags, "-lpthread", timeout=120)
        fresh.rename(program)
    return program


class Peer:
    """A device program; `friendly_name` tells its device from the others'."""

    friendly_name = ""

    def __init__(self, host: Namespace, address: str, work: Path, logs: Path):
        self.host, self.address = host, address
        self.work, self.logs = work / f"interop-{host.name}", logs
        self.work.mkdir(exist_ok=True)
        self.process: Process | None = None
        self.starts = 0

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    def version(self) -> str:
        raise NotImplementedError

    def command(self) -> tuple:
        raise NotImplementedError

    environment: dict = {}

    def start(self) -> None:
        self.starts += 1
        self.process = self.host.start(
            f"interop-{self.name}", *self.command(), log=self.logs / f"interop-{self.name}.log", env=self.environment
        )

    def stop(self) -> None:
        """As its user ends it, so that it can say byebye."""
        self.process.stop(timeout=8)

    def kill(self) -> None:
        """As a power cut ends it."""
        self.process.kill()


class MiniDLNA(Peer):
    friendly_name = "Interop minidlna"

    def __init__(self, *place, library: Path):
        super().__init__(*place)
        (self.work / "db").mkdir(exist_ok=True)
        (self.work / "minidlna.conf").write_text(
            f"network_interface=eth0\nport=8200\nmedia_dir={library}\nfriendly_name={self.friendly_name}\n"
            f"db_dir={self.work}/db\nlog_dir={self.work}\ninotify=no\nnotify_interval=300\n"
        )

    def version(self):
        return package_version("minidlna")

    def command(self):
        return "minidlnad", "-f", self.work / "minidlna.conf", "-S", "-P", self.work / "pid"


class GMediaRender(Peer):
    friendly_name = "Interop gmediarender"

    def version(self):
        return f"{package_version('gmediarender')}, libupnp {package_version('libupnp13')}"

    def command(self):
        return (
            "gmediarender", "-f", self.friendly_name, "-u", "6c61622d-676d-7264-0000-000000000001", "-I", "eth0",
            "-p", "49494", "--gstout-audiopipe=fakesink sync=true", "--gstout-videosink=fakesink",
        )  # fmt: skip


class Rygel(Peer):
    """Needs a session bus, and reads its configuration from the user's folder only."""

    friendly_name = "Interop rygel"

    def __init__(self, *place, library: Path):
        super().__init__(*place)
        for name in ("config", "cache", "data", "runtime", "media"):
            (self.work / name).mkdir(exist_ok=True)
        (self.work / "runtime").chmod(0o700)
        (self.work / "media" / "Song.mp3").write_bytes((library / "Song.mp3").read_bytes())
        (self.work / "config" / "rygel.conf").write_text(
            "[general]\nipv6=true\nenable-transcoding=false\nmedia-engine=librygel-media-engine-simple.so\n"
            "interface=eth0\nport=8300\nallow-upload=false\nallow-deletion=false\n"
            f"[MediaExport]\nenabled=true\ntitle={self.friendly_name}\nuris={self.work}/media\n"
            "extract-metadata=false\nmonitor-changes=false\n"
            "[External]\nenabled=false\n[MPRIS]\nenabled=false\n"
        )

    @property
    def environment(self):
        return {
            f"XDG_{name}": str(self.work / folder)
            for name, folder in (
                ("CONFIG_HOME", "config"), ("CACHE_HOME", "cache"), ("DATA_HOME", "data"), ("RUNTIME_DIR", "runtime"),
            )
        } | {"HOME": str(self.work)}  # fmt: skip

    def stop(self) -> None:
        # The bus's wrapper would die of the signal alone and leave rygel without a word to say.
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            if "rygel" in Path(f"/proc/{child}/cmdline").read_text():
                os.kill(int(child), signal.SIGTERM)
        super().stop()

    def version(self):
        return f"{package_version('rygel')}, gupnp {package_version('libgupnp-1.6-0')}"

    def command(self):
        return "dbus-run-session", "--", "rygel"


class MiniUPnPd(Peer):
    """A router: its port mappings go into nftables chains that have to be there."""

    friendly_name = "Interop miniupnpd"

    def __init__(self, *place):
        super().__init__(*place)
        self.host.sysctl("net.ipv4.ip_forward", 1)
        self.host.nft(
            """
            table inet upnp {
                chain forward { type filter hook forward priority 0; jump pinholes; }
                chain prerouting { type nat hook prerouting priority -100; jump inward; }
                chain postrouting { type nat hook postrouting priority 100; jump outward; }
                chain pinholes { }
                chain inward { }
                chain outward { }
            }
            """
        )
        (self.work / "miniupnpd.conf").write_text(
            "ext_ifname=wan\nlistening_ip=eth0\nenable_natpmp=no\nenable_upnp=yes\nsecure_mode=no\nsystem_uptime=yes\n"
            f"friendly_name={self.friendly_name}\nuuid=6c61622d-6967-6400-0000-000000000001\nnotify_interval=60\n"
            "upnp_table_name=upnp\nupnp_nat_table_name=upnp\nupnp_forward_chain=pinholes\nupnp_nat_chain=inward\n"
            f"upnp_nat_postrouting_chain=outward\nlease_file={self.work}/leases\nallow 1024-65535 0.0.0.0/0 1024-65535\n"
        )

    def version(self):
        return package_version("miniupnpd")

    def command(self):
        return "miniupnpd", "-d", "-f", self.work / "miniupnpd.conf", "-P", self.work / f"pid-{self.starts}"


class Python(Peer):
    friendly_name = "Interop python"

    def version(self):
        return python_version("async-upnp-client")

    def command(self):
        return VENV / "bin" / "python", PEERS / "python_device.py", self.address, self.starts


class _BenchLight(Peer):
    """The small C device that `make bench` measures too, with an action in its description that it does not have."""

    packages: tuple = ()
    source = ""

    def __init__(self, *place, built: Path):
        super().__init__(*place)
        self.program = compiled(built, BENCH_PEERS / self.source, *self.packages)
        self.web = self.work / "web"
        self.web.mkdir(exist_ok=True)
        light = (BENCH_PEERS / "web" / "light.xml").read_text()
        light = re.sub("<friendlyName>[^<]*", f"<friendlyName>{self.friendly_name}", light)
        light = re.sub("<UDN>[^<]*", f"<UDN>uuid:6c61622d-{len(self.source):04x}-4000-8000-000000000001", light)
        (self.web / "light.xml").write_text(light)
        scpd = (BENCH_PEERS / "web" / "SwitchPower.xml").read_text()
        scpd = scpd.replace("<actionList>", "<actionList><action><name>Explode</name></action>")
        (self.web / "SwitchPower.xml").write_text(scpd)

    def version(self):
        return package_version({"libupnp": "libupnp13", "gupnp": "libgupnp-1.6-0"}[self.name])

    def command(self):
        return self.program, "eth0", self.web


class LibUPnP(_BenchLight):
    friendly_name, source, packages = "Interop libupnp", "libupnp-light.c", ("libupnp",)


class GUPnP(_BenchLight):
    friendly_name, source, packages = "Interop gupnp", "gupnp-light.c", ("gupnp-1.6",)
