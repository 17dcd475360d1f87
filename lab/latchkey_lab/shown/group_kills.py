"""The gateway of a group killed again and again: whoever was a member still is, and no epoch comes twice."""

import os
import random
import statistics
import threading
import time

from ..groups import wire
from ..groups.member import Member
from ..groups.small import SmallGroup
from ..groups.stage import BOARD, FAST
from ..laboratory import Laboratory
from ..processes import LabError
from ..steps import Failed, expect, step

MOMENTS = int(os.environ.get("LATCHKEY_LAB_KILLS", "60"))
LANES = 2
STEADY = 3  # servers that stay from the first moment to the last


class Lane:
    """A group whose gateway dies, and what its members have said."""

    def __init__(self, lab: Laboratory, number: int, seed: int):
        self.lab, self.number, self.chance = lab, number, random.Random(seed)
        self.counts = {"moments": 0, "joins": 0, "leaves": 0, "evictions": 0, "requests": 0, "cut short": 0}
        self.back: list[float] = []
        self.epochs = 0
        self.fault: str | None = None
        self.members: dict[str, Member] = {}
        self.joining: dict[str, Member] = {}

    def run(self, moments: int) -> None:
        place = self.lab.work / f"group-kills-{self.number}"
        logs = self.lab.logs / f"group-kills-{self.number}"
        try:
            with SmallGroup(
                self.lab.binaries, place, logs, f"{self.lab.network.prefix}k{self.number}-", ("many-1", "many-2"),
                {"LATCHKEY_GROUP_REGISTRATIONS_PER_SECOND": "100"},
            ) as self.group:  # fmt: skip
                self._furnish(moments)
                capture = self.group.capture("kills")
                for _ in range(moments):
                    self._one_moment()
                    self.counts["moments"] += 1
                self.epochs = _no_epoch_twice(capture.stop())
        except (LabError, Failed, OSError, ValueError, LookupError) as error:
            self.fault = f"lane {self.number}, moment {self.counts['moments']}: {error}"

    def _furnish(self, moments: int) -> None:
        self.gateway = self.group.gateway
        self.spare = self.group.roster("spare", 3 * moments + 10, "server")
        self.steady = [self._start(*self.spare.pop()) for _ in range(STEADY)]
        self.asker = self.group.device("asker", "many-1", self.gateway.enrol("asker", "client", "--allow", BOARD))
        self.asker.start(FAST, "--window", "1s", talks=True)
        for member in (*self.steady, self.asker):
            member.registered()
            self.members[member.name] = member

    def _start(self, name: str, code: str) -> Member:
        member = self.group.device(name, self.chance.choice(("many-1", "many-2")), code)
        member.start("--answer", name, FAST, offers=(BOARD,))
        return member

    def _one_moment(self) -> None:
        killer = threading.Timer(self.chance.uniform(0.02, 1.2), self._strike)
        killer.start()
        try:
            while self.gateway.alive:
                self._operate()
        finally:
            killer.join()
            self.gateway.kill()
        restarted = time.monotonic()
        self.gateway.begin()
        self._requests_work_again()
        self.back.append(time.monotonic() - restarted)
        self._check()

    def _strike(self) -> None:
        os.kill(self.gateway.process.pid, 9)

    def _operate(self) -> None:
        """One more thing that a group does; the kill comes in the middle of it, or of what it has set off."""
        guests = sorted(set(self.members) - {one.name for one in (*self.steady, self.asker)})
        dice = self.chance.random()
        if dice < 0.45 and self.spare and len(self.joining) + len(guests) < 6:
            name, code = self.spare.pop()
            self.joining[name] = self._start(name, code)
            self.counts["joins"] += 1
        elif dice < 0.6 and guests:
            leaver = self.members.pop(self.chance.choice(guests))
            leaver.process.send(15)
            self.counts["leaves"] += 1
        elif dice < 0.8 and guests:
            evicted = self.members.pop(self.chance.choice(guests))
            done = self.gateway.command("group", "evict", evicted.name, "--state", self.gateway.state, check=False)
            self.counts["evictions" if done.returncode == 0 else "cut short"] += 1
            evicted.kill()
        else:
            self.asker.say(BOARD, "in between")
            self.counts["requests"] += 1
        time.sleep(self.chance.uniform(0.0, 0.15))
        self._admit()

    def _admit(self) -> None:
        """Who has printed `registered` is a member, whatever happens from now on."""
        for name in [name for name, member in self.joining.items() if member.log.named("registered")]:
            self.members[name] = self.joining.pop(name)

    def _requests_work_again(self) -> None:
        wanted = {server.name for server in self.steady}
        end = time.monotonic() + 25
        while True:
            outcome = self.asker.asked(BOARD, "are you there", 20, all_arrive=False)
            heard = {one["payload"] for one in outcome} if isinstance(outcome, list) else set()
            if wanted <= heard:
                return
            if time.monotonic() > end:
                raise LabError(f"25 s after the restart {sorted(wanted - heard)} do not answer; {str(outcome)[:200]}")

    def _check(self) -> None:
        self._admit()
        listed = {one["id"] for one in self.gateway.listed("members")}
        lost = sorted(set(self.members) - listed)
        expect(not lost, f"had printed `registered`, and are no members any more: {lost}")
        for member in self.members.values():
            times = len(member.log.named("registered"))
            expect(times == 1, f"{member.name} registered {times} times")
            ended = [event["event"] for event in member.log.all() if event["event"] in ("evicted", "lost", "left")]
            expect(not ended, f"{member.name} says {ended}")
            epochs = [int(event["epoch"]) for event in member.log.named("epoch")]
            expect(epochs == sorted(set(epochs)), f"epochs of {member.name}: {epochs[-12:]}")


def _no_epoch_twice(pcap) -> int:
    """Epochs and beacon counters only rise, and what is sent again for an epoch is what was sent; the number of epochs."""
    contents: dict[tuple[int, int], bytes] = {}
    newest = counter = 0
    for seen in wire.datagrams(pcap):
        message = wire.Datagram(seen.payload) if seen.claims else None
        if message and message.kind == "REKEY":
            packet = message.rekey
            known = contents.setdefault((packet.epoch, packet.index), packet.content)
            expect(known == packet.content, f"epoch {packet.epoch}, packet {packet.index}, came with two contents")
        elif message and message.kind == "BEACON":
            epoch, count = int.from_bytes(message.tags[0x1C]), int.from_bytes(message.tags[wire.BEACON_COUNTER])
            if count == counter:  # the same beacon, over the other family
                continue
            said = f"a beacon of epoch {epoch}, counter {count:#x} after {newest}, {counter:#x}"
            expect(epoch >= newest and count > counter, said)
            newest, counter = epoch, count
    return len({epoch for epoch, _ in contents})


@step(f"{MOMENTS} kills of the gateway at seeded moments during joins, leaves, evictions and requests: every member is one without registering again, no epoch comes twice")
def group_survives_kills(lab: Laboratory, moments: int = MOMENTS):
    seed = int(os.environ.get("LATCHKEY_LAB_SEED", "1"))
    lanes = [Lane(lab, number, seed * 1000 + number) for number in range(LANES)]
    started = time.monotonic()
    threads = [threading.Thread(target=lane.run, args=(moments // LANES,), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    faults = [lane.fault for lane in lanes if lane.fault]
    expect(not faults, f"seed {seed}: " + "; ".join(faults))
    total = {key: sum(lane.counts[key] for lane in lanes) for key in lanes[0].counts}
    back = [one for lane in lanes for one in lane.back]
    return (
        f"seed {seed}: {total['moments']} kills; {total['joins']} joins, {total['leaves']} leaves, {total['evictions']} evictions "
        f"({total['cut short']} cut short), {total['requests']} requests in between; {sum(lane.epochs for lane in lanes)} epochs, "
        f"none twice; all answered again {statistics.median(back):.1f} s (at most {max(back):.1f} s) after the start; "
        f"{time.monotonic() - started:.0f} s"
    )
