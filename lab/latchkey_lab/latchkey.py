"""The program under test: a gateway and its away clients, driven by the commands that a person types."""

import json
import os
from pathlib import Path

from .namespaces import Namespace
from .processes import LabError, Process, run
from .topology import HOME_WAN, TUNNEL_PORT

TUNNEL_ADDRESS = f"{HOME_WAN}:{TUNNEL_PORT}"


class Program:
    """One host's `latchkey`, with a state folder of its own."""

    def __init__(self, binaries: Path, host: Namespace, address: str, state: Path, logs: Path):
        self.executable = binaries / "latchkey"
        self.host, self.address, self.state, self.logs = host, address, state, logs
        self.process: Process | None = None

    def command(self, *words, check: bool = True, timeout: float = 30, stdin: str | None = None):
        return run(self.executable, *words, prefix=self.host.enter, check=check, timeout=timeout, stdin=stdin)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    def stop(self) -> int:
        """SIGTERM: byebye, and out."""
        return self.process.stop() if self.process else 0

    def kill(self) -> None:
        self.process.kill()

    def _start(self, name: str, *words, env=None) -> Process:
        self.logs.mkdir(parents=True, exist_ok=True)
        # A crash must show in the log; its backtrace with all symbols takes half a minute and is not needed.
        settings = {"SWIFT_BACKTRACE": "enable=yes,color=no,interactive=no,timeout=10s", **(env or {})}
        return self.host.start(name, self.executable, *words, log=self.logs / f"{name}.log", env=settings)


class Gateway(Program):
    """The gateway at home (RAS)."""

    def start(self, *options, env=None, address: str = TUNNEL_ADDRESS) -> None:
        self.process = self._start(
            f"gateway-{self.host.name}", "gateway", "run", "--state", self.state, "--interface", "eth0",
            "--listen", f"{self.address}:{TUNNEL_PORT}", "--address", address, "--name", "Lab home", *options,
            env=env,
        )  # fmt: skip
        self.process.wait_for("ready", timeout=30)

    def pair(self, name: str, *grant: str, expires: str | None = None) -> dict:
        """A pairing code for a client: its JSON as the command prints it."""
        words = ["gateway", "pair", "--state", self.state, "--name", name, *grant, "--json"]
        if expires:
            words += ["--expires", expires]
        return json.loads(self.command(*words).stdout)

    def json(self, *words) -> list:
        """What `gateway WORDS --json` lists."""
        return _values(self.command("gateway", *words, "--state", self.state, "--json").stdout)

    def revoke(self, name: str) -> str:
        return self.command("gateway", "revoke", name, "--state", self.state).stdout


class Client(Program):
    """An away client (RAC)."""

    def __init__(self, name: str, *place):
        super().__init__(*place)
        self.name = name

    def pair(self, code: str, check: bool = True, way: str = "argument"):
        """Uses a pairing code, given as an argument or through standard input."""
        if way == "stdin":
            return self.command("away", "pair", "-", "--state", self.state, stdin=code + "\n", check=check)
        return self.command("away", "pair", code, "--state", self.state, check=check)

    def start(self, *options, env=None, interface: str = "eth0") -> None:
        self.process = self._start(
            f"away-{self.name}-{self.host.name}", "away", "run", "--state", self.state, "--interface", interface,
            *options, env=env,
        )  # fmt: skip

    def devices(self) -> list:
        return _values(self.command("away", "devices", "--state", self.state, "--json").stdout)


def _values(out: str) -> list:
    """JSON, one value a line; a list on one line counts as its members."""
    values = [json.loads(line) for line in out.splitlines() if line.strip()]
    return [member for value in values for member in (value if isinstance(value, list) else [value])]


def find_binaries(folder: Path, *names: str) -> Path:
    for name in names or ("latchkey", "latchkey-demo-devices", "latchkey-relay"):
        if not os.access(folder / name, os.X_OK):
            raise LabError(f"{folder / name} is not built: run `swift build`, or `make lab`, which does")
    return folder
