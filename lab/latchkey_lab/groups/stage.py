"""The third stage: a gateway with a group, and its members, each started when first needed."""

import json
import time
from functools import cached_property
from pathlib import Path

from ..capture import Capture
from ..home import MediaServer
from ..latchkey import Client, Gateway
from ..processes import LabError
from .lan import AWAY_LINE, MEMBERS, GroupLan, family
from .member import EventLog, Member

BOARD = "urn:lab:service:Board:1"
LIGHT = "urn:lab:service:Light:1"
VAULT = "urn:lab:service:Vault:1"
# The first sixteen serve the board; some of them a light too, and one the vault, which no client may ask.
SERVERS = 16
FAST = "--insecure-test-derivation"


class GroupGateway(Gateway):
    """The gateway of a group: its events are read as JSON."""

    log: EventLog

    settings: dict = {}

    def begin(self) -> None:
        super().start("--json", env=self.settings, address=f"{AWAY_LINE}.1:48100")
        self.log = EventLog(self.process)

    def group(self, *words) -> dict:
        """What `latchkey group WORDS --json` prints."""
        return self.listed(*words)[0]

    def listed(self, *words) -> list[dict]:
        """The same of a command that lists: a line for each."""
        out = self.command("group", *words, "--state", self.state, "--json").stdout
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    def enrol(self, name: str, role: str, *words) -> str:
        """Gives the setup code."""
        return self.group("enrol", name, "--role", role, FAST, *words)["code"]


class GroupStage:
    """Built when the first step about groups asks for it."""

    def __init__(self, binaries: Path, work: Path, logs: Path, repository: Path, prefix: str, library):
        self.binaries, self.work, self.logs, self.repository = binaries, work / "groups", logs, repository
        self.work.mkdir()
        self._library = library
        self.lan = GroupLan(prefix)
        self._silent: tuple[Member, float] | None = None
        self.silent_mark = 0

    def host(self, name: str):
        return self.lan.host[name]

    # What stands on the LAN.

    @cached_property
    def gateway(self) -> GroupGateway:
        gateway = GroupGateway(
            self.binaries, self.host("gateway"), "0.0.0.0", self.work / "gateway", self.logs  # noqa: S104
        )
        gateway.begin()
        return gateway

    @cached_property
    def plain_device(self) -> MediaServer:
        """A device that knows nothing of groups."""
        server = MediaServer(self.host("plain"), self.lan.address("plain"), self._library(), self.work, name="Plain Library")
        server.start()
        return server

    @cached_property
    def members(self) -> dict[str, Member]:
        """Twenty-four, enrolled and registered: servers first, clients after them. Started at once."""
        members = {}
        for number in range(1, MEMBERS + 1):
            name = f"m{number:02}"
            offers = self.offers(number)
            words = ("--allow", BOARD, "--allow", LIGHT) if not offers else ()
            code = self.gateway.enrol(name, "server" if offers else "client", *words)
            members[name] = self.device(name, name, code)
        self.started = time.time()
        for number, member in enumerate(members.values(), 1):
            offers = self.offers(number)
            answer = ("--answer", f"{member.name} heard you") if offers else ()
            member.start(*answer, FAST, offers=offers, talks=not offers)
        end = time.monotonic() + 60
        for member in members.values():
            member.registered(timeout=max(1, end - time.monotonic()))
        return members

    @staticmethod
    def offers(number: int) -> tuple:
        if number > SERVERS:
            return ()
        return (BOARD, *((LIGHT,) if number % 4 == 0 else ()), *((VAULT,) if number == 1 else ()))

    silent_service = "urn:lab:service:Mute:1"

    def silent(self) -> tuple[Member, float]:
        """A server that was killed without a word, and when: at the first call, so that other steps fill its lease."""
        if self._silent is None:
            client = self.client_of("both") if self.members else None
            self.gateway.group("allow", client.name, BOARD, LIGHT, self.silent_service)
            mute = self.device("mute", "many-2", self.gateway.enrol("mute", "server"))
            mark = client.log.count()
            mute.start("--answer", "mute", FAST, offers=(self.silent_service,))
            client.log.wait("service-appeared", 30, mark, service=self.silent_service)
            self.silent_mark = client.log.count()
            mute.kill()
            self._silent = mute, time.time()
        return self._silent

    def device(self, name: str, host: str, code: str) -> Member:
        return Member(self.binaries, self.host(host), name, code, self.work / "members", self.logs)

    @property
    def servers(self) -> list[Member]:
        return [member for member in self.members.values() if member.offers and member.alive]

    @property
    def clients(self) -> list[Member]:
        return [member for member in self.members.values() if not member.offers and member.alive]

    def client_of(self, speaks: str) -> Member:
        """A client that runs, on a host with those addresses."""
        for member in self.clients:
            if family(member.host.name) == speaks:
                return member
        raise LabError(f"no client with {speaks} is left")

    def capture(self, name: str, filter: str = "") -> Capture:
        """Everything that crosses the switch."""
        return Capture(self.host("switch"), self.work / f"{name}.pcap", filter, "lan")

    def away_client(self, name: str) -> Client:
        """A remote client on the other side of the gateway's line."""
        return Client(
            name, self.binaries, self.host("away"), f"{AWAY_LINE}.9", self.work / f"away-{name}", self.logs
        )

    @property
    def epoch(self) -> int:
        """The group's, as the key manager has it."""
        return int(self.gateway.group("status")["epoch"])

    def converged(self, epoch: int, members: list[Member], timeout: float = 20) -> None:
        """Waits until all of these servers have said that they are in that epoch or a later one."""
        end = time.monotonic() + timeout
        while behind := [member for member in members if member.epoch < epoch]:
            if time.monotonic() > end:
                late = ", ".join(f"{member.name} in {member.epoch}" for member in behind)
                raise LabError(f"not in epoch {epoch} after {timeout:.0f} s: {late}")
            time.sleep(0.05)
