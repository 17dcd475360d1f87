"""A crowd of members, and one of them evicted."""

import os
import time

from ..groups import wire
from ..groups.member import moment
from ..groups.small import Crowd, SmallGroup
from ..groups.stage import BOARD
from ..laboratory import Laboratory
from ..processes import LabError
from ..steps import expect, step

CROWD = int(os.environ.get("LATCHKEY_LAB_CROWD", "1000"))


class Counted:
    """An eviction from a crowd: when the last one was on the new epoch, and what it took on the wire."""

    def __init__(self, group: SmallGroup, crowds: list[Crowd], victim: str, timeout: float = 60, captures: bool = True):
        capture = group.capture("eviction") if captures else None
        marks = [crowd.log.count() for crowd in crowds]
        everybody = {one for crowd in crowds for one in crowd.ids} - {victim}
        began = time.time()
        self.epoch = int(group.gateway.group("evict", victim)["epoch"])
        self.answered = time.time() - began
        end = time.monotonic() + timeout
        while True:
            entered = {}
            for crowd, mark in zip(crowds, marks):
                entered |= crowd.entered(self.epoch, mark)
            if everybody <= set(entered):
                break
            if time.monotonic() > end:
                raise LabError(f"{len(everybody - set(entered))} of {len(everybody)} not in epoch {self.epoch} after {timeout:.0f} s")
            time.sleep(0.1)
        times = sorted(moment(entered[one]) - began for one in everybody)
        self.median, self.last = times[len(times) // 2], times[-1]
        self.packets = self.bytes = self.rekeys = self.rekey_bytes = 0
        for seen in wire.datagrams(capture.stop()) if capture else []:
            if seen.claims and began <= seen.at <= began + self.last + 0.5:
                self.packets += 1
                self.bytes += len(seen.payload)
                if wire.Datagram(seen.payload).kind == "REKEY":
                    self.rekeys += 1
                    self.rekey_bytes += len(seen.payload)


def start(group: SmallGroup, count: int, timeout: float) -> tuple[list[Crowd], float]:
    """That many members in two processes on two hosts, all registered, and the seconds that it took."""
    roster = group.roster("crowd", count, "server")
    half = count // 2
    began = time.monotonic()
    crowds = [
        group.crowd(f"{number}", f"many-{number}", part, "--offer", BOARD, "--answer", "here")
        for number, part in ((1, roster[:half]), (2, roster[half:]))
    ]
    for crowd in crowds:
        crowd.log.wait("ready", max(5, timeout - (time.monotonic() - began)))
    return crowds, time.monotonic() - began


def small(lab_or_binaries, work, logs, prefix: str) -> SmallGroup:
    """Registrations of many devices from two addresses are as many from two sources: the limit for each is raised."""
    settings = {"LATCHKEY_GROUP_REGISTRATIONS_PER_SECOND": "5000"}
    return SmallGroup(lab_or_binaries, work, logs, prefix, ("many-1", "many-2"), settings)


@step(f"{CROWD:,} members, one is evicted: seconds to the new epoch for the last of the others, packets and bytes")
def group_of_many(lab: Laboratory):
    with small(lab.binaries, lab.work / "crowd", lab.logs / "crowd", f"{lab.network.prefix}c-") as group:
        crowds, took = start(group, CROWD, 180)
        epoch = int(group.gateway.group("status")["epoch"])
        lab.wait_until(
            lambda: sum(len(crowd.entered(epoch)) for crowd in crowds) >= CROWD, 60, f"not all are in epoch {epoch}"
        )
        one = Counted(group, crowds, crowds[0].ids[7])
        again = [event for crowd in crowds for event in crowd.log.named("registered")]
        expect(len(again) == CROWD, f"{len(again)} registrations of {CROWD}")
        for crowd in crowds:
            crowd.process.kill()
    return (
        f"{CROWD:,} registered in {took:.1f} s ({CROWD / took:.0f}/s, with the derivation for laboratories); evicted: half of the "
        f"others on epoch {one.epoch} after {one.median:.2f} s, the last after {one.last:.2f} s; {one.rekeys} rekey datagrams of "
        f"{one.rekey_bytes:,} bytes, in all {one.packets} datagrams of {one.bytes:,} bytes until then"
    )
