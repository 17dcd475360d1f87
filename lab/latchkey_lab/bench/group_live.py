"""A group on a network: registrations, evictions under loss, and the forwarder's fan-out beside a broker's."""

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..groups.crowd import Counted, start
from ..groups.member import moment
from ..groups.small import Crowd, SmallGroup
from ..groups.stage import BOARD
from ..processes import LabError
from .broker import Broker
from .forwarder import Fanned
from .street import Samples, Street

FANS = ((50, 64), (50, 1200), (200, 64), (200, 1200))
IN_FLIGHT = 100
FEW = 8  # with receivers on the same cores, which check a signature each
MANY = 400  # at a forwarder that is held every other moment
WITH_RECEIVERS = "Latchkey"
BY_ITSELF = {"burst": "Latchkey's forwarder by itself", "each": "the same, a signature each"}
HOSTS, EACH = 48, 4  # members of the group from which others are evicted, under loss
SETTINGS = {"LATCHKEY_GROUP_REGISTRATIONS_PER_SECOND": "5000"}


class Fan(Samples):
    """One way of one message to many: figures by name, one of each a round."""

    def __init__(self, name: str, receivers: int, size: int):
        super().__init__(name)
        self.receivers, self.size = receivers, size


@dataclass
class Evictions:
    """Seconds from the command to the last member on the new epoch, one of each eviction."""

    members: int
    hosts: int
    last: list = field(default_factory=list)
    each: list = field(default_factory=list)
    lost: int = 0
    passed: int = 0


@dataclass
class Registrations:
    """How fast a crowd came in."""

    members: int
    seconds: float
    controller_cpu: float
    members_cpu: float


def fans(street: Street, out: Path, rounds: int, seconds: float) -> list[Fan]:
    """The broker and the forwarder in turn, each alone on the machine's cores."""
    results: dict[tuple, Fan] = {}
    street.receive_apart()
    for number in range(rounds):
        for receivers, size in FANS:
            broker = Broker(street, out / "broker")
            try:
                loaded = broker.fan_out(receivers, size, IN_FLIGHT, seconds)
                alone = broker.fan_out(receivers, size, 1, 1)
            finally:
                broker.stop()
            _note(results, "mosquitto", receivers, size, loaded, alone)
            ours = Fanned(street, receivers)
            try:
                alone = ours.fan_out(size, 1, 1)
                loaded = ours.fan_out(size, FEW, seconds)
            finally:
                ours.end()
            _note(results, WITH_RECEIVERS, receivers, size, loaded, alone)
            for signatures, name in BY_ITSELF.items():
                ours = Fanned(street, receivers, asleep=True, signatures=signatures)
                try:
                    loaded = ours.fan_out(size, MANY, seconds)
                finally:
                    ours.end()
                _note(results, name, receivers, size, loaded, {})
        print(f"  round {number + 1} of {rounds}", flush=True)
    return list(results.values())


def _note(results: dict, name: str, receivers: int, size: int, loaded: dict, alone: dict) -> None:
    one = results.setdefault((name, receivers, size), Fan(name, receivers, size))
    one.add("messages", loaded["messages"] / loaded["seconds"])
    one.add("deliveries", loaded["deliveries"] / loaded["seconds"])
    one.add("deliveries per cpu", loaded["deliveries"] / loaded["brokerCPU"])
    one.add("messages per cpu", loaded["messages"] / loaded["brokerCPU"])
    if "forwarderCPU" in loaded:
        one.add("messages per forwarder cpu", loaded["messages"] / max(loaded["forwarderCPU"], 1e-9))
    for key in ("p50", "p99"):
        for figure, value in ((key, loaded[key]), (f"alone {key}", alone.get(key))):
            if value is not None:
                one.add(figure, value)
    print(f"  {name:24} {receivers:3} receivers, {size:5} B: {one.figures['deliveries'][-1]:9,.0f} deliveries/s, "
          f"{one.figures['deliveries per cpu'][-1]:9,.0f} per CPU-s", flush=True)  # fmt: skip


def _group(binaries: Path, out: Path, name: str, mark: str, hosts: tuple) -> SmallGroup:
    """A group that begins with nothing: what another one has left in the folder is not its own."""
    shutil.rmtree(out / name, ignore_errors=True)
    return SmallGroup(binaries, out / name, out / "logs", f"lk{os.getpid()}-{mark}-", hosts, SETTINGS)


def registrations(binaries: Path, out: Path, count: int) -> Registrations:
    """Servers, from two processes on two hosts, with the derivation that costs a device nothing."""
    with _group(binaries, out, "crowd", "r", ("many-1", "many-2")) as group:
        roster = group.roster("crowd", count, "server")
        before = group.gateway.process.cpu_seconds()
        parts = ((1, roster[: count // 2]), (2, roster[count // 2 :]))
        crowds = [group.crowd(f"{number}", f"many-{number}", part, "--offer", BOARD) for number, part in parts]
        for crowd in crowds:
            crowd.log.wait("ready", 240)
        times = sorted(moment(event) for crowd in crowds for event in crowd.log.named("registered"))
        cpu = group.gateway.process.cpu_seconds() - before
        own = sum(crowd.process.cpu_seconds() for crowd in crowds)
        return Registrations(count, times[-1] - times[0], cpu / count, own / count)


def crowd(binaries: Path, out: Path, count: int) -> tuple[int, float, Counted]:
    """A crowd in two processes, and one of it evicted."""
    with _group(binaries, out, "one", "o", ("many-1", "many-2")) as group:
        crowds, took = start(group, count, 240)
        return count, took, Counted(group, crowds, crowds[0].ids[7])


def evictions(binaries: Path, out: Path, count: int, loss: int) -> Evictions:
    """One at a time from a group whose other members stand on hosts of their own: each loses frames by itself."""
    hosts = tuple(f"c{number:02}" for number in range(1, HOSTS + 1))
    with _group(binaries, out, "evict", "e", ("many-1", *hosts)) as group:
        stay = group.roster("stay", HOSTS * EACH, "server")
        go = group.roster("go", count, "server")
        victims = group.crowd("go", "many-1", go)
        parts = [stay[index * EACH : (index + 1) * EACH] for index in range(HOSTS)]
        crowds = [group.crowd(host, host, part, "--offer", BOARD) for host, part in zip(hosts, parts)]
        for crowd in (victims, *crowds):
            crowd.log.wait("ready", 240)
        result = Evictions(len(stay), HOSTS)
        epoch = int(group.gateway.group("status")["epoch"])
        _all_in(crowds, epoch, [0] * len(crowds), len(stay))
        with group.lan.losing(loss) as counts:
            for name, _ in go:
                _evict(group, crowds, name, len(stay), result)
            result.lost, result.passed = counts()
        return result


def _evict(group: SmallGroup, crowds: list[Crowd], name: str, members: int, result: Evictions) -> None:
    marks = [crowd.log.count() for crowd in crowds]
    began = time.time()
    epoch = int(group.gateway.group("evict", name)["epoch"])
    entered = _all_in(crowds, epoch, marks, members)
    times = [moment(event) - began for event in entered.values()]
    result.last.append(max(times))
    result.each += times


def _all_in(crowds: list[Crowd], epoch: int, marks: list[int], members: int) -> dict:
    end = time.monotonic() + 60
    while True:
        entered = {}
        for crowd, mark in zip(crowds, marks):
            entered |= crowd.entered(epoch, mark)
        if len(entered) >= members:
            return entered
        if time.monotonic() > end:
            raise LabError(f"{members - len(entered)} of {members} members are not in epoch {epoch} after a minute")
        time.sleep(0.05)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
