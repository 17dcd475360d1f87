"""A film of 1 GiB, fetched whole, and what it costs in CPU."""

import os
import resource
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from .. import upnp
from ..laboratory import Laboratory
from ..namespaces import Namespace
from .paths import Way

GIB = 1 << 30
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Throughput:
    """One way's rounds: MB/s, and CPU seconds per GiB of each process."""

    name: str
    speed: list = field(default_factory=list)
    cpu: dict = field(default_factory=dict)
    peak: dict = field(default_factory=dict)

    def best(self) -> float:
        return max(self.speed)

    def median(self) -> float:
        return statistics.median(self.speed)

    def cpu_median(self, *names: str) -> float:
        return sum(statistics.median(self.cpu[name]) for name in names if name in self.cpu)


def measure(lab: Laboratory, ways: list[Way], rounds: int, size: int) -> list[Throughput]:
    urls = {way.name: _url(lab, way) for way in ways}
    results = {way.name: Throughput(way.name) for way in ways}
    for way in ways:  # one that does not count: caches fill, connections open
        fetch(lab, urls[way.name], 16 << 20)
    for number in range(rounds):
        for way in ways:
            play(lab, way, urls[way.name], results[way.name], size)
            print(f"  round {number + 1}: {way.name:9} {results[way.name].speed[-1]:6.0f} MB/s", flush=True)
    return list(results.values())


def _url(lab: Laboratory, way: Way) -> str:
    """The film's URL: found through the mirror for Latchkey, and the media server's own path for the others."""
    place, location = (
        (lab.laptop.host, lab.mirror(lab.server_udn)) if way.name == "Latchkey" else (lab.host("home-a"), lab.server.location)
    )
    url = film(place, location)
    return url if way.name == "Latchkey" else f"http://{way.authority}/{url.split('/', 3)[3]}"


def film(place: Namespace, location: str) -> str:
    """The film's URL, as a media server's description leads there."""
    with place.inside():
        control = upnp.describe(location).control_url("ContentDirectory")
        return upnp.find_item(control, "Movie", below="64", depth=1).resources[0]


def fetch(lab: Laboratory, url: str, length: int) -> float:
    done = lab.host("away-a").run(
        "curl", "-sSf", "-r", f"0-{length - 1}", "-o", "/dev/null", "-w", "%{size_download} %{time_total}", url, timeout=300
    )
    size, seconds = done.stdout.split()
    if int(size) != length:
        raise OSError(f"{url}: {size} of {length} bytes")
    return float(seconds)


def busy_seconds() -> float:
    """CPU seconds that the machine's cores were not idle so far: what the kernel does for nobody's process is in it."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:7]) - fields[3] - fields[4]) / _TICKS


def play(lab: Laboratory, way: Way, url: str, result: Throughput, size: int) -> None:
    """Fetches the film once, and writes down what that took."""
    processes = {"origin": lab.server.process}
    ends = (("server end", way.server_end), ("client end", way.client_end), ("relay", way.relay))
    processes |= {name: end for name, end in ends if end}
    before = {name: process.cpu_seconds() for name, process in processes.items()}
    own, all_before = resource.getrusage(resource.RUSAGE_CHILDREN), busy_seconds()
    seconds = fetch(lab, url, size)
    used, all_after = resource.getrusage(resource.RUSAGE_CHILDREN), busy_seconds()
    result.speed.append(size / seconds / 1e6)
    spent = {name: process.cpu_seconds() - before[name] for name, process in processes.items()}
    spent["machine"] = all_after - all_before
    spent["curl"] = used.ru_utime + used.ru_stime - own.ru_utime - own.ru_stime
    for name, value in spent.items():
        result.cpu.setdefault(name, []).append(value / size * GIB)
    for name, process in processes.items():
        result.peak[name] = max(result.peak.get(name, 0), process.peak_bytes())
