"""One gateway and one client, each behind a router of some kind, with a relay between them and a feed at home.

What a step adds: whom the two ask about themselves, who stands in front of the relay, and what happens meanwhile.
"""

import json
import time
from pathlib import Path

from .. import ssdp
from ..feed import UDN, Feed, Listener, stream_url
from ..groups.member import EventLog
from ..latchkey import Client, Gateway
from ..processes import Process
from ..topology import TUNNEL_PORT
from .grid import RELAY_PORT, start_relay
from .world import SERVER, World


class Pair:
    """Built at entry, removed at exit. Neither end runs before `start`."""

    def __init__(self, lab, home: str, away: str, name: str, rate: int = 1 << 20):
        self.lab, self.name = lab, name
        self.work = Path(lab.work) / f"pair-{name}"
        self.logs = lab.logs / f"pair-{name}"
        self.binaries = lab.binaries
        self.world = World(f"{lab.network.prefix}p-", {home}, {away})
        self._kinds, self._rate = (home, away), rate
        self._others = list(Process.running)
        self._listeners: list[Listener] = []

    def __enter__(self):
        for folder in (self.work, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        self.feed = None
        try:
            self.world.__enter__()
            self.home, self.away = self.world.homes[self._kinds[0]], self.world.aways[self._kinds[1]]
            self.relay = start_relay(self.world.server, self.binaries, self.work, self.logs)
            place = self.home.address.rpartition(".")[0] + ".20"
            self.feed = Feed(self.home.add_neighbour(self.world, place), place, self._rate)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for listener in self._listeners:
            listener.stop()
        for process in [process for process in Process.running if process not in self._others]:
            process.kill()
        if self.feed:
            self.feed.close()
        self.world.__exit__()

    def start(self, gateway: dict, away: dict, relay: str = f"{SERVER}:{RELAY_PORT}", options=()) -> None:
        """Starts the gateway, pairs the client and starts it; both with such an environment."""
        self.gateway = Gateway(self.binaries, self.home.host, self.home.address, self.work / "gateway", self.logs)
        self.gateway.start(
            "--relay", relay, "--mapping", "off", "--json", env=gateway, address=f"{self.home.wan}:{TUNNEL_PORT}"
        )
        self.gateway.process.wait_for("relay-registered", timeout=30)
        site = self.away
        self.client = Client("roamer", self.binaries, site.host, site.address, self.work / "client", self.logs)
        self.client.pair(self.gateway.pair("roamer", "--preset", "full")["code"])
        site.forget()
        self.client.start("--json", *options, env=away)
        self.events = EventLog(self.client.process)
        self.events.wait("connected", 30)

    @property
    def path(self) -> str:
        """The kind of path that is in use."""
        paths = self.events.named("path")
        return paths[-1]["kind"] if paths else "none"

    @property
    def paths(self) -> list[str]:
        """The kinds of path so far, in order."""
        return [event["kind"] for event in self.events.named("path")]

    def wait_for_path(self, kind: str, timeout: float) -> float:
        """Waits until the session goes that way; the seconds that took."""
        begun = time.monotonic()
        self.lab.wait_until(
            lambda: self.path == kind, timeout, f"no path of kind {kind} in {timeout:.0f} s, they were {self.paths}"
        )
        return time.monotonic() - begun

    def listen(self, name: str, length: int | None = None) -> Listener:
        """An app away that begins to read `Film` or `Radio`."""
        host, address = self.away.host, self.away.address
        location = ssdp.wait_for_answer(host, address, UDN, 20, source=address)
        listener = Listener(host, stream_url(host, location, name), length)
        self._listeners.append(listener)
        return listener

    def doctor(self) -> tuple[str, dict]:
        """What the client's owner is told, as text and as JSON."""
        words = ("doctor", "--state", self.client.state)
        return self.client.command(*words).stdout, json.loads(self.client.command(*words, "--json").stdout)
