"""What an evicted member can do with all that it has, and a recording of everything that came after."""

import contextlib
import ipaddress
import os
import shutil
import signal
import time

from ..groups import memory, wire
from ..groups.member import Member
from ..groups.replay import frames, replay, udp_of
from ..groups.stage import BOARD, FAST, GroupStage
from ..laboratory import Laboratory
from ..steps import expect, step

WORDS = "what the evicted must not read"
GROUP_PORTS = "udp portrange 58080-58082"


def _twin(stage: GroupStage, name: str, host: str) -> Member:
    twin = stage.device(name, host, stage.gateway.enrol(name, "server"))
    twin.start("--answer", "here", "--keep", twin.keep, FAST, offers=(BOARD,))
    twin.registered()
    return twin


def _locks(pcap) -> dict[int, memory.Lock]:
    """For each epoch of a capture, what its keys can be told by."""
    beacons, broadcasts = {}, {}
    for seen in wire.datagrams(pcap):
        if not seen.claims:
            continue
        message = wire.Datagram(seen.payload)
        if message.kind == "BEACON" and any(message.tags[wire.CONFIRMATION]):
            beacons.setdefault(int.from_bytes(message.tags[0x1C]), message)
        elif message.kind == "sealed for the group":
            broadcasts.setdefault(message.epoch, message)
    both = sorted(beacons.keys() & broadcasts.keys())
    return {epoch: memory.Lock(epoch, beacons[epoch], broadcasts[epoch]) for epoch in both}


@contextlib.contextmanager
def _apart(stage: GroupStage, *members: Member):
    """Their cables are in a switch of their own, into which only a recording is sent."""
    for member in members:
        stage.lan.move(member.host.name, "replay")
    try:
        yield
    finally:
        for member in members:
            stage.lan.move(member.host.name, "lan")


@step("a recording cannot be opened by an evicted member: two servers are frozen, one is evicted, both get the recording of what followed; only the other one reads it")
def group_evicted_reads_nothing(lab: Laboratory):
    stage = lab.groups
    client = stage.client_of("both") if stage.members else None
    evicted, stays = _twin(stage, "evicted", "many-1"), _twin(stage, "stays", "many-2")
    twins = (evicted, stays)
    stage.converged(stage.epoch, [*stage.servers, *twins])
    capture = stage.capture("evicted", GROUP_PORTS)
    client.ask(BOARD, "before")
    for twin in twins:
        twin.log.wait("request", payload="before")
    time.sleep(1.2)  # a beacon of this epoch
    old = stage.epoch
    for twin in twins:
        os.kill(twin.process.pid, signal.SIGSTOP)
    kept = evicted.keep.with_suffix(".thief")
    expect(evicted.keep.exists(), "--keep has kept nothing")
    shutil.copy(evicted.keep, kept)
    frozen = time.time()
    new = int(stage.gateway.group("evict", "evicted")["epoch"])
    stage.converged(new, stage.servers)
    for number in range(3):
        expect(client.ask(BOARD, f"{WORDS} {number}"), "nobody answered")
    time.sleep(1.2)
    pcap = capture.stop()
    locks = _locks(pcap)
    expect(old in locks and new in locks, f"the recording has epochs {sorted(locks)}, not {old} and {new}")
    held = {twin.name: memory.candidates(twin.process.pid) for twin in twins}
    for name, windows in held.items():
        expect(memory.keys_for(locks[old], windows), f"the search does not even find epoch {old} in the memory of {name}")
        expect(not (found := memory.keys_for(locks[new], windows)), f"{found} of epoch {new} in the memory of {name}")
    later = [one for one in frames(pcap) if one[0] > frozen]
    own = (stage.lan.address("many-1"), stage.lan.address6("many-1"))
    addresses = {ipaddress.ip_address(text).packed for text in own}
    for_all = [one for one in later if (parts := udp_of(one[1])) and parts[1] not in addresses]
    marks = {twin.name: twin.log.count() for twin in twins}
    with _apart(stage, *twins):
        for twin in twins:
            os.kill(twin.process.pid, signal.SIGCONT)
        sent = replay(stage.host("switch"), "replay", for_all)
        read = [event for event in stays.log.named("request", marks["stays"]) if WORDS in event["payload"]]
        expect(stays.epoch >= new, f"the control: who stays is in epoch {stays.epoch} after the replay, not {new}")
        expect(len(read) == 3, f"the control: who stays read {len(read)} of 3 requests of the recording")
        time.sleep(0.5)
        said = evicted.log.all()[marks["evicted"]:]
        expect(not [event for event in said if event["event"] in ("request", "epoch")], f"the evicted one says {said}")
        windows = memory.candidates(evicted.process.pid)
        expect(not memory.keys_for(locks[new], windows), f"a key of epoch {new} in the evicted one's memory after the replay")
        control = memory.keys_for(locks[new], memory.candidates(stays.process.pid))
        expect(control, f"the control: no key of epoch {new} in the memory of who stays")
    evicted.kill()
    from_file = _with_kept_file(lab, stage, evicted, kept, later, new)
    stays.kill()
    stage.gateway.group("evict", "stays")  # with a kept file it does not leave
    return (
        f"epoch {old} to {new}; {sent} frames replayed to both: {len(read)} requests read by who stays, none by the evicted one; "
        f"memory searched ({', '.join(f'{len(one):,}' for one in held.values())} candidates): epoch {old} in both, "
        f"epoch {new} ({', '.join(sorted(control))}) only in who stays; {from_file}"
    )


def _with_kept_file(lab: Laboratory, stage: GroupStage, evicted: Member, kept, later: list, new: int) -> str:
    """A thief starts it from the file that it kept: first with the recording alone, then on the LAN."""
    code = evicted.password.read_text().strip()
    again = Member(stage.binaries, evicted.host, evicted.name, code, stage.work / "thief", stage.logs)
    with _apart(stage, evicted):
        again.start("--answer", "here", "--keep", kept, FAST, offers=(BOARD,))
        time.sleep(2)
        replay(stage.host("switch"), "replay", later)
        opened = again.log.named("request") + [one for one in again.log.named("epoch") if int(one["epoch"]) >= new]
        expect(not opened, f"started from what it had kept, it says {opened}")
    ended = ("evicted", "registration-failed")
    told = lab.wait_until(
        lambda: [event["event"] for event in again.log.all() if event["event"] in ended] or ([] if again.alive else ["ended"]),
        30, "back on the LAN with what it had kept, the evicted one is not told so",
    )  # fmt: skip
    opened = again.log.named("request") + [one for one in again.log.named("epoch") if int(one["epoch"]) >= new]
    expect(not opened, f"back on the LAN it says {opened}")
    expect("evicted" not in {one["id"] for one in stage.gateway.listed("members")}, "an evicted device is a member again")
    again.kill()
    return f"started from its kept file: reads nothing of the recording; back on the LAN: {told[0]}"
