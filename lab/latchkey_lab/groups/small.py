"""A group on a LAN of its own, for what would disturb the others: kills, crowds, measurements."""

from pathlib import Path

from ..capture import Capture
from .lan import GroupLan
from .member import EventLog, Member
from .stage import GroupGateway


class SmallGroup:
    """The namespaces, a gateway that serves a group, and a folder; all gone at the exit."""

    def __init__(self, binaries: Path, work: Path, logs: Path, prefix: str, hosts: tuple, settings: dict | None = None):
        self.binaries, self.work, self.logs = binaries, work, logs
        for folder in (work, logs):
            folder.mkdir(parents=True, exist_ok=True)
        self.lan = GroupLan(prefix, ("gateway", *hosts))
        self._settings = settings or {}
        self.members: list[Member] = []
        self.captures: list[Capture] = []

    def __enter__(self):
        try:
            self.lan.build()
            self.gateway = GroupGateway(self.binaries, self.host("gateway"), "0.0.0.0", self.work / "gateway", self.logs)
            self.gateway.settings = self._settings
            self.gateway.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for member in self.members:
            if member.process:
                member.kill()
        for capture in self.captures:
            capture.process.kill()
        if gateway := self.__dict__.get("gateway"):
            if gateway.process:
                gateway.kill()
        self.lan.remove()

    def host(self, name: str):
        return self.lan.host[name]

    def device(self, name: str, host: str, code: str) -> Member:
        member = Member(self.binaries, self.host(host), name, code, self.work / "members", self.logs)
        self.members.append(member)
        return member

    def capture(self, name: str, filter: str = "udp portrange 58080-58082") -> Capture:
        self.captures.append(Capture(self.host("switch"), self.work / f"{name}.pcap", filter, "lan"))
        return self.captures[-1]

    def roster(self, name: str, count: int, role: str, *words: str) -> list[tuple[str, str]]:
        """Enrols that many at once; their ids and codes."""
        file = self.work / f"{name}.roster"
        self.gateway.command(
            "group", "enrol", name, "--count", count, "--out", file, "--role", role, "--insecure-test-derivation", *words,
            "--state", self.gateway.state, "--json", timeout=300,
        )  # fmt: skip
        return [tuple(line.split()) for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]

    def crowd(self, name: str, host: str, roster: list[tuple[str, str]], *options: str) -> "Crowd":
        return Crowd(self, name, host, roster, options)


class Crowd:
    """Many members in one process; the events bear their ids."""

    def __init__(self, group: SmallGroup, name: str, host: str, roster: list[tuple[str, str]], options: tuple):
        self.ids = [one for one, _ in roster]
        file = group.work / f"{name}.part"
        file.write_text("".join(f"{one} {code}\n" for one, code in roster))
        file.chmod(0o600)
        self.process = group.host(host).start(
            f"crowd-{name}", group.binaries / "latchkey", "member", "run", "--roster", file, "--interface", "eth0", "--json",
            "--insecure-test-derivation", *options, log=group.logs / f"crowd-{name}.log",
        )  # fmt: skip
        self.log = EventLog(self.process)

    def entered(self, epoch: int, since: int = 0) -> dict[str, dict]:
        """For each member the event with which it came into that epoch or a later one."""
        first: dict[str, dict] = {}
        for event in self.log.named("epoch", since):
            if int(event["epoch"]) >= epoch:
                first.setdefault(event["id"], event)
        return first
