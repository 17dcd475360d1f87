"""A film of 1 GiB, fetched whole, and what it costs in CPU."""

import resource
import statistics
from dataclasses import dataclass, field

from .. import upnp
from ..laboratory import Laboratory
from .paths import Way

GIB = 1 << 30


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
        _fetch(lab, urls[way.name], 16 << 20)
    for number in range(rounds):
        for way in ways:
            _round(lab, way, urls[way.name], results[way.name], size)
            print(f"  round {number + 1}: {way.name:9} {results[way.name].speed[-1]:6.0f} MB/s", flush=True)
    return list(results.values())


def _url(lab: Laboratory, way: Way) -> str:
    """The film's URL: found through the mirror for Latchkey, and the media server's own path for the others."""
    place, location = (
        (lab.laptop.host, lab.mirror(lab.server_udn)) if way.name == "Latchkey" else (lab.host("home-a"), lab.server.location)
    )
    with place.inside():
        control = upnp.describe(location).control_url("ContentDirectory")
        url = upnp.find_item(control, "Movie", below="64", depth=1).resources[0]
    return url if way.name == "Latchkey" else f"http://{way.authority}/{url.split('/', 3)[3]}"


def _fetch(lab: Laboratory, url: str, length: int) -> float:
    done = lab.laptop.host.run(
        "curl", "-sSf", "-r", f"0-{length - 1}", "-o", "/dev/null", "-w", "%{size_download} %{time_total}", url, timeout=300
    )
    size, seconds = done.stdout.split()
    if int(size) != length:
        raise OSError(f"{url}: {size} of {length} bytes")
    return float(seconds)


def _round(lab: Laboratory, way: Way, url: str, result: Throughput, size: int) -> None:
    processes = {"origin": lab.server.process}
    processes |= {name: end for name, end in (("server end", way.server_end), ("client end", way.client_end)) if end}
    before = {name: process.cpu_seconds() for name, process in processes.items()}
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = _fetch(lab, url, size)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    result.speed.append(size / seconds / 1e6)
    spent = {name: process.cpu_seconds() - before[name] for name, process in processes.items()}
    spent["curl"] = used.ru_utime + used.ru_stime - own.ru_utime - own.ru_stime
    for name, value in spent.items():
        result.cpu.setdefault(name, []).append(value / size * GIB)
    for name, process in processes.items():
        result.peak[name] = max(result.peak.get(name, 0), process.peak_bytes())
