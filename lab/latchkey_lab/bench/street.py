"""Two hosts on one wire: what is measured stands on one, the load comes from the other."""

import contextlib
import json
import os
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from .. import upnp
from ..laboratory import REPOSITORY
from ..namespaces import Namespace, wire
from ..processes import LabError, Process, run

PEERS = REPOSITORY / "Benchmarks" / "Peers"
WEB = PEERS / "web"
DEVICE, LOAD = "10.20.0.1", "10.20.255.1"
FIRST_CORE = ("taskset", "-c", "0")
LAST_CORE = ("taskset", "-c", str(os.cpu_count() - 1))


class Street:
    """The network, and the programs of Benchmarks/Peers, built into `out`."""

    def __init__(self, binaries: Path, out: Path, program: str = "host-bench"):
        self.ours = binaries / program
        if not os.access(self.ours, os.X_OK):
            raise LabError(f"{self.ours} is not built: run `make bench`, which does")
        self.peers, self.logs = out / "peers", out / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        run("make", "--silent", "-C", PEERS, f"OUT={self.peers}", timeout=120)

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        with self._stack:
            prefix = f"lk{os.getpid()}-"
            self.device = Namespace(prefix, "bench-device")
            self._stack.callback(self.device.remove)
            self.load = Namespace(prefix, "bench-load")
            self._stack.callback(self.load.remove)
            wire(self.device, "bench0", self.load, "bench1")
            for host, end, address in ((self.device, "bench0", DEVICE), (self.load, "bench1", LOAD)):
                host.ip("address", "add", f"{address}/16", "dev", end)
                host.ip("route", "add", "default", "dev", end)
                host.sysctl("net.ipv4.ip_local_port_range".replace(".", "/"), "1024 65535")
            self._stack = self._stack.pop_all()
        return self

    def receive_apart(self) -> None:
        """What the load's host receives is worked off on the last core, as on a machine of its own.

        Without this, the one who sends also pays for each copy of a multicast and each segment of a stream, all the way
        into the receivers' sockets. Whoever is measured then stands on the first core.
        """
        mask = f"{1 << (os.cpu_count() - 1):x}"
        self.load.run("sh", "-c", f"echo {mask} > /sys/class/net/bench1/queues/rx-0/rps_cpus")

    def __exit__(self, *error):
        self._stack.close()

    def generate(self, program: str, *words, timeout: float) -> dict:
        """Runs a load generator and returns what it counted."""
        done = run(self.peers / program, *words, prefix=self.load.enter, timeout=timeout)
        return json.loads(done.stdout)


@dataclass
class Contender:
    """A device of one stack: how it is started, and what it has in common with the others."""

    name: str
    command: tuple
    service: str = "SwitchPower"
    process: Process | None = None
    control: str = ""

    def start(self, street: Street, log: str) -> None:
        self.process = street.device.start(self.name, *self.command, log=street.logs / f"{log}.log")
        location = self.process.wait_for("location=").partition("location=")[2].strip()
        with street.load.inside():
            self.control = upnp.describe(location).control_url(self.service)


def contenders(street: Street) -> list[Contender]:
    scpd = WEB / "SwitchPower.xml"
    return [
        Contender("libupnp", (street.peers / "libupnp-light", "bench0", WEB)),
        Contender("gupnp", (street.peers / "gupnp-light", "bench0", WEB)),
        Contender("Latchkey", (street.ours, "device", "bench0", scpd, "raised")),
    ]


def weigh(process: Process) -> dict:
    """Resident and proportional memory, KiB."""
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    found = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines() if line.startswith(("Rss:", "Pss:"))}
    return {"rss": found["Rss"], "pss": found["Pss"]}


@dataclass
class Samples:
    """Figures of one contender by name, one of each a round."""

    name: str
    figures: dict = field(default_factory=dict)

    def add(self, key: str, value: float) -> None:
        self.figures.setdefault(key, []).append(value)

    def median(self, key: str) -> float | None:
        values = self.figures.get(key)
        return statistics.median(values) if values else None

