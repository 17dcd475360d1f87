"""The stage: the network, the home's devices, a gateway and its clients, each started when first needed."""

import os
import re
import shutil
import tempfile
import time
from functools import cached_property
from pathlib import Path

from . import media, ssdp
from .capture import Capture
from .groups.stage import GroupStage
from .home import MediaServer, Renderer
from .interop.stage import Stage
from .latchkey import Client, Gateway
from .namespaces import KEPT, Namespace
from .processes import LabError, Process, stop_all
from .reach.stage import ReachStage
from .topology import TUNNEL_PORT, Network, Plan
from .upnp import describe

REPOSITORY = Path(__file__).resolve().parents[2]
MEDIA_FOLDER = REPOSITORY / ".build-lab" / "media"


class Laboratory:
    """Built at entry, removed at exit, whatever happened in between."""

    def __init__(self, binaries: Path, out: Path, plan: Plan | None = None, keep: bool = False, tag: str = ""):
        self.binaries, self.out, self.plan, self.keep = binaries, out, plan or Plan(), keep
        self.work = Path(tempfile.mkdtemp(prefix=f"latchkey-lab-{os.getpid()}{tag}-"))
        self.logs = self.work / "logs"
        self.logs.mkdir()
        self.network = Network(self.plan, f"lk{os.getpid()}{tag}-")
        self._others = list(Process.running)
        self._clients: dict[str, Client] = {}
        self.captures: tuple[Capture, Capture] | None = None
        self.captures_wanted = False
        self.writes_interop = False
        self._key_logs: list[Path] = []

    def __enter__(self):
        try:
            self.network.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        stop_all(but=self._others)
        self.network.remove()
        for name in ("interop", "groups", "reach"):
            if stage := self.__dict__.get(name):
                stage.lan.remove()
        logs = self.out / "logs"
        shutil.rmtree(logs, ignore_errors=True)
        shutil.copytree(self.logs, logs, ignore=shutil.ignore_patterns("*.pcap"))
        if self.keep:
            (self.work / KEPT).touch()
            print(f"lab: kept {self.work}")
        else:
            shutil.rmtree(self.work, ignore_errors=True)

    def host(self, name: str) -> Namespace:
        return self.network.host[name]

    def address(self, name: str) -> str:
        return self.plan.address(name)

    @cached_property
    def interop(self) -> Stage:
        """The second stage, with other people's programs on LANs of their own."""
        self.__dict__["interop"] = stage = Stage(
            self.binaries, self.work, self.logs, REPOSITORY, f"{self.network.prefix}i-"
        )
        stage.lan.build()
        return stage

    @cached_property
    def groups(self) -> GroupStage:
        """The third stage, a secure group on a LAN of its own."""
        self.__dict__["groups"] = stage = GroupStage(
            self.binaries, self.work, self.logs, REPOSITORY, f"{self.network.prefix}s-", lambda: self.library
        )
        stage.lan.build()
        return stage

    @cached_property
    def reach(self) -> ReachStage:
        """The fourth stage: a home whose router maps ports, and an away LAN."""
        self.__dict__["reach"] = stage = ReachStage(
            self.binaries, self.work, self.logs, f"{self.network.prefix}r-"
        )
        stage.lan.build()
        return stage

    # The home.

    @cached_property
    def library(self) -> Path:
        return media.make(MEDIA_FOLDER)

    @cached_property
    def server(self) -> MediaServer:
        server = MediaServer(self.host("home-b"), self.address("home-b"), self.library, self.work)
        server.start()
        return server

    @cached_property
    def server_udn(self) -> str:
        with self.host("home-a").inside():
            return describe(self.server.location).udn

    @cached_property
    def renderer(self) -> Renderer:
        renderer = Renderer(self.host("home-c"), self.address("home-c"), self.logs)
        renderer.start()
        return renderer

    @cached_property
    def demo(self) -> Process:
        """A light, a camera, a lock and a thermostat on Latchkey's own device host."""
        return self._start_demo()

    def restart_demo(self) -> None:
        self.__dict__["demo"] = self._start_demo()

    def _start_demo(self) -> Process:
        return self.host("home-c").start(
            "demo-devices", self.binaries / "latchkey-demo-devices", "--interface", "eth0",
            log=self.logs / "demo-devices.log",
        )  # fmt: skip

    def furnish(self) -> None:
        """Everything at home is on."""
        _ = self.server, self.renderer, self.demo

    @cached_property
    def gateway(self) -> Gateway:
        self.furnish()
        if self.captures_wanted and self.captures is None:
            self._start_captures()
        gateway = Gateway(
            self.binaries, self.host("home-a"), self.address("home-a"), self.work / "gateway", self.logs
        )
        gateway.start(env=self.gateway_environment)
        return gateway

    # What left the home, for the search at the end.

    @property
    def gateway_environment(self) -> dict:
        """While a capture runs, the gateway writes its TLS keys, so that the tunnel's clear side can be searched.

        A file for each start: the program begins its file anew.
        """
        if not self.captures:
            return {}
        self._key_logs.append(self.work / f"tls-keys-{len(self._key_logs)}.log")
        return {"LATCHKEY_INSECURE_TLS_KEYLOG": str(self._key_logs[-1])}

    def key_log(self) -> Path:
        """All keys so far, in one file."""
        whole = self.work / "tls-keys.log"
        whole.write_bytes(b"".join(file.read_bytes() for file in self._key_logs if file.exists()))
        return whole

    def _start_captures(self) -> None:
        self.captures = (
            Capture(self.host("away-a"), self.work / "away.pcap"),
            Capture(self.host("home-gw"), self.work / "tunnel.pcap", f"tcp and port {TUNNEL_PORT}", "wan"),
        )

    def restart_with_captures(self) -> None:
        """Begins to record in the middle: a TLS session can be read only from its start."""
        self.pause_client("laptop")
        self.gateway.stop()
        self._start_captures()
        self.gateway.start(env=self.gateway_environment)

    def stop_captures(self) -> list[Path]:
        files = [capture.stop() for capture in self.captures]
        self.captures = None
        return files

    # The away side.

    def client(self, name: str, host: str = "away-a", grant=("--preset", "full"), options=()) -> Client:
        """A paired client that runs; made at its first mention."""
        if name not in self._clients:
            client = Client(
                name, self.binaries, self.host(host), self.address(host), self.work / f"client-{name}", self.logs
            )
            client.pair(self.gateway.pair(name, *grant)["code"])
            self._clients[name] = client
        client = self._clients[name]
        if not client.alive:
            client.start(*options)
        return client

    @property
    def laptop(self) -> Client:
        """The client that most steps look through: on away-a, for its own host only, preset `full`."""
        return self.client("laptop")

    @property
    def laptop_program(self) -> Client:
        """The same client, whether it runs or not."""
        return self._clients["laptop"]

    @property
    def laptop_state(self) -> Path:
        return self.laptop_program.state

    def mirror(self, udn: str, client: Client | None = None, timeout: float = 20) -> str:
        """LOCATION of a home device's mirror, as an app on the client's own host finds it."""
        client = client or self.laptop
        return ssdp.wait_for_answer(client.host, client.address, udn, timeout, source=client.address)

    def demo_location(self, word: str, client: Client | None = None, timeout: float = 20) -> str:
        """LOCATION of the mirror of the demonstration device whose type contains a word, such as `Lock`."""
        client = client or self.laptop

        def found():
            for answer in ssdp.search(client.host, client.address, "ssdp:all", seconds=1.3):
                if answer.source == client.address and re.search(rf":device:\w*{word}", answer.usn):
                    return answer.location
            return None

        return self.wait_until(found, timeout, f"no {word} is mirrored on {client.host.name}")

    def pause_client(self, name: str) -> None:
        client = self._clients.get(name)
        if client and client.alive:
            client.stop()

    def pause_clients(self) -> None:
        """Stops every client."""
        for name in list(self._clients):
            self.pause_client(name)

    def crashed(self) -> str:
        """What ended by itself since the last look: a crash is a fault of the step in which it happened."""
        ended = [process for process in Process.running if not process.alive]
        for process in ended:
            Process.running.remove(process)
        return "\n".join(
            f"{process.name} ended by itself: {' / '.join(process.output().strip().splitlines()[-3:])[-300:]}"
            for process in ended
        )

    def wait_until(self, condition, timeout: float, sentence: str, pause: float = 0.1):
        """Polls until a condition holds, and returns what it returned."""
        end = time.monotonic() + timeout
        while True:
            if found := condition():
                return found
            if time.monotonic() > end:
                raise LabError(f"{sentence}: not in {timeout:.0f} s")
            time.sleep(pause)
