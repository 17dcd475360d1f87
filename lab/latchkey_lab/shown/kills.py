"""What the gateway acknowledged is there after SIGKILL, whenever it came."""

import os
import random
import threading
import time

from ..laboratory import Laboratory
from ..latchkey import Client, Gateway
from ..namespaces import Namespace, wire
from ..processes import LabError
from ..steps import Failed, expect, step
from ..topology import TUNNEL_PORT

MOMENTS = 200
LANES = 4


class Lane:
    """A gateway on a network of its own that is killed again and again, and what it said that it had done."""

    def __init__(self, lab: Laboratory, number: int, seed: int):
        self.lab, self.number, self.chance = lab, number, random.Random(seed)
        self.folder = lab.work / f"kills-{number}"
        self.host = Namespace(lab.network.prefix, f"kill-{number}")
        self.far = Namespace(lab.network.prefix, f"far-{number}")
        wire(self.host, "eth0", self.far, "eth0")
        self.address = "192.0.2.10"
        self.host.ip("address", "add", f"{self.address}/24", "dev", "eth0")
        self.gateway = Gateway(lab.binaries, self.host, self.address, self.folder / "gateway", lab.logs)
        self.paired: set[str] = set()
        self.revoked: set[str] = set()
        self.used_codes: list[str] = []
        self.unsure: set[str] = set()
        self.waiting: dict[str, str] = {}  # codes that were handed out, by the client that did not get in
        self.counts = {"paired": 0, "revoked": 0, "unacknowledged": 0, "moments": 0}
        self.fault: str | None = None

    def run(self, moments: int) -> None:
        try:
            for moment in range(moments):
                self._one_moment(moment)
                self.counts["moments"] += 1
            self._start()
            self._check("at the end")
            self._used_codes_stay_used()
        except (LabError, Failed, OSError, ValueError) as error:
            self.fault = f"lane {self.number}, moment {self.counts['moments']}: {error}"
        finally:
            if self.gateway.alive:
                self.gateway.kill()
            self.host.remove()
            self.far.remove()

    def _start(self) -> None:
        self.gateway.start(address=f"{self.address}:{TUNNEL_PORT}")

    def _one_moment(self, moment: int) -> None:
        self._start()
        self._check(f"after kill {moment}")
        self._redeem_waiting()
        # Some moments come while nothing is written, most of them in the middle of something.
        killer = threading.Timer(self.chance.uniform(0.02, 0.9), self._strike)
        killer.start()
        try:
            while self.gateway.process and self.gateway.alive:
                self._operate()
        finally:
            killer.join()
            self.gateway.kill()

    def _strike(self) -> None:
        os.kill(self.gateway.process.pid, 9)

    def _operate(self) -> None:
        """One more operation; what is not acknowledged may or may not have happened."""
        if self.paired and self.chance.random() < 0.4:
            name = self.chance.choice(sorted(self.paired))
            if self._ask("gateway", "revoke", name, "--state", self.gateway.state):
                self.paired.discard(name)
                self.revoked.add(name)
                self.counts["revoked"] += 1
            else:
                self.unsure.add(name)
            return
        name = f"client-{self.number}-{len(self.paired) + len(self.revoked) + len(self.unsure)}-{self.chance.randrange(10**6)}"
        try:
            # Said again, for the moments when the command finds no running gateway and asks the store.
            reached = ("--address", f"{self.address}:{TUNNEL_PORT}")
            code = self.gateway.pair(name, "--preset", "media", *reached, expires="2m")["code"]
        except (LabError, ValueError):
            self.counts["unacknowledged"] += 1
            self.unsure.add(name)
            return
        if self._pair(name, code).returncode:
            self.counts["unacknowledged"] += 1
            self.unsure.add(name)
            self.waiting[name] = code

    def _pair(self, name: str, code: str):
        client = Client(name, self.lab.binaries, self.host, self.address, self.folder / "away" / name, self.lab.logs)
        done = client.pair(code, check=False)
        if done.returncode == 0:
            self.paired.add(name)
            self.unsure.discard(name)
            self.used_codes.append(code)
            self.counts["paired"] += 1
        return done

    def _redeem_waiting(self) -> None:
        """A code that was handed out is good after the kill, unless the pairing it was for had happened."""
        known = {client["name"] for client in self.gateway.json("clients")}
        for name, code in self.waiting.items():
            done = self._pair(name, code)
            expect(
                done.returncode == 0 or name in known,
                f"the code for {name}, handed out before the kill, is refused after it: {done.stderr.strip()}",
            )
        self.waiting.clear()

    def _ask(self, *words) -> bool:
        # The command would do it by itself on the store when no gateway runs: an acknowledgement all the same.
        done = self.gateway.command(*words, check=False)
        if done.returncode:
            self.counts["unacknowledged"] += 1
        return done.returncode == 0

    def _check(self, when: str) -> None:
        clients = {client["name"]: client for client in self.gateway.json("clients")}
        lost = {name for name in self.paired if name not in clients}
        expect(not lost, f"{when}: paired and acknowledged, now unknown: {sorted(lost)}")
        ended = {name for name in self.paired - self.unsure if clients[name].get("revokedAt")}
        expect(not ended, f"{when}: never revoked, but revoked now: {sorted(ended)}")
        back = {name for name in self.revoked if name in clients and not clients[name].get("revokedAt")}
        expect(not back, f"{when}: revoked and acknowledged, now valid: {sorted(back)}")

    def _used_codes_stay_used(self) -> None:
        for code in self.used_codes[-5:]:
            thief = Client("thief", self.lab.binaries, self.host, self.address, self.folder / "thief", self.lab.logs)
            expect(thief.pair(code, check=False).returncode == 1, "a code used before a kill could be used again")


@step(f"{MOMENTS} kills at seeded moments while clients are paired and revoked: all that was acknowledged is there")
def survives_kills(lab: Laboratory, moments: int = MOMENTS):
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
    return (
        f"seed {seed}: {total['moments']} kills, {total['paired']} pairings and {total['revoked']} revocations acknowledged "
        f"and all there, {total['unacknowledged']} cut short, {time.monotonic() - started:.0f} s"
    )
