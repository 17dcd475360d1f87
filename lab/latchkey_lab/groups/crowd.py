"""A crowd of members in two processes, and an eviction from it, measured."""

import time

from ..processes import LabError
from . import wire
from .member import moment
from .small import Crowd, SmallGroup
from .stage import BOARD


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
                missing = len(everybody - set(entered))
                raise LabError(f"{missing} of {len(everybody)} not in epoch {self.epoch} after {timeout:.0f} s")
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
