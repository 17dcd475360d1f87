"""Bad networks, and one act that ends everything."""

import random
import time

from ..groups.member import Member, moment
from ..groups.stage import BOARD, FAST
from ..laboratory import Laboratory
from ..processes import LabError
from ..steps import expect, step


@step("the switch loses 20 % of all frames: every live member converges after joins, leaves and evictions, and requests go on")
def group_survives_loss(lab: Laboratory):
    stage, chance = lab.groups, random.Random(5)
    client, steady = stage.client_of("both") if stage.members else None, list(stage.servers)
    names = [f"lossy-{number}" for number in range(6)]
    guests = {name: stage.device(name, f"many-{1 + number % 2}", stage.gateway.enrol(name, "server")) for number, name in enumerate(names)}
    times, asked, answers = [], 0, []
    with stage.lan.losing(20) as counts:
        for guest in guests.values():
            guest.start("--answer", "lossy", FAST, offers=(BOARD,))
        for guest in guests.values():
            guest.registered(90)
        live = [*steady, *guests.values()]
        for name in names[:4]:
            began = time.time()
            guest = guests[name]
            live.remove(guest)
            if chance.random() < 0.5:
                before = stage.epoch
                guest.stop()
                lab.wait_until(lambda: stage.epoch > before, 15, "no new epoch after a leave")
                epoch = stage.epoch
            else:
                epoch = int(stage.gateway.group("evict", name)["epoch"])
            stage.converged(epoch, live, 30)
            times.append(max(_entered(member, epoch) for member in live) - began)
        for number in range(6):
            outcome = client.asked(BOARD, f"through the noise {number}", 20, all_arrive=False)
            asked += 1
            answers.append(len(outcome) if isinstance(outcome, list) else 0)
        lost, passed = counts()
    for guest in guests.values():
        guest.stop()
    again = [one.name for one in steady if len(one.log.named("registered")) > 1]
    expect(not again, f"registered again: {again}")
    expect(lost > 0.15 * (lost + passed), f"only {lost} of {lost + passed} frames were lost")
    # A request is best effort: a lost COMPLETE or three lost REQUESTs are told to the client, who may ask again.
    expect(sum(heard >= len(live) // 3 for heard in answers) >= asked // 2, f"answers under loss: {answers} of {len(live)}")
    return (
        f"{lost} of {lost + passed} frames lost; 6 joins, 4 leaves and evictions; {len(live)} servers on each new epoch within "
        f"{max(times):.1f} s; {asked} requests had {', '.join(map(str, answers))} of {len(live)} answers, none of which is repeated"
    )


def _entered(member: Member, epoch: int) -> float:
    """When it came into that epoch or the first later one."""
    for event in member.log.named("epoch"):
        if int(event["epoch"]) >= epoch:
            return moment(event)
    raise LabError(f"{member.name} is not in epoch {epoch}")


@step("`latchkey gateway revoke` of a person is one act: the remote session ends and the group's device is out, with numbers")
def group_revoked_at_once(lab: Laboratory):
    stage = lab.groups
    servers = list(stage.servers) if stage.members else []
    gateway = stage.gateway
    phone = stage.away_client("robin")
    phone.pair(gateway.pair("robin", "--preset", "full")["code"])
    device = stage.device("robins-door", "many-1", gateway.enrol("robins-door", "server", "--owner", "robin"))
    device.start("--answer", "ajar", FAST, offers=(BOARD,))
    device.registered()
    phone.start("--json")
    phone.process.wait_for("connected", 20)
    stage.converged(stage.epoch, [*servers, device])
    mark, device_mark = len(phone.process.output()), device.log.count()
    began = time.time()
    said = gateway.revoke("robin")
    answered = time.time() - began
    ended = lab.wait_until(lambda: _ended(phone, mark), 5, "the remote session does not end") - began
    epoch = stage.epoch
    stage.converged(epoch, servers, 10)
    last = max(_entered(server, epoch) for server in servers) - began
    out = moment(lab.wait_until(
        lambda: device.log.named("evicted", device_mark) or device.log.named("registration-failed", device_mark), 15,
        "the device does not say that it was evicted")[0]) - began  # fmt: skip
    listed = [one for one in gateway.listed("members") if one.get("id") == "robins-door"]
    expect(not listed, "the device is still a member")
    expect(ended < 1, f"the session ended after {ended:.2f} s")
    expect(last < 1.3, f"the last server came into epoch {epoch} after {last:.2f} s")
    phone.kill()
    device.kill()
    return (
        f"{said.strip().splitlines()[0][:100]} ({answered * 1000:.0f} ms); session ended after {ended * 1000:.0f} ms; "
        f"the last of {len(servers)} servers on epoch {epoch} after {last * 1000:.0f} ms; the device knew after {out * 1000:.0f} ms"
    )


def _ended(phone, mark: int) -> float | None:
    """When the away client said that its session is over, by the wall clock."""
    for line in phone.process.output()[mark:].splitlines():
        if any(word in line.lower() for word in ("revoked", "disconnected", "session-ended", "lost")):
            return moment({"time": line.partition('"time":"')[2][:24]}) if '"time":"' in line else time.time()
    return None
