"""One cell after the other: a gateway behind every kind of router, a client behind every other."""

import datetime
import json
import time
from dataclasses import dataclass
from pathlib import Path

from ..groups.member import EventLog, moment
from ..latchkey import Client, Gateway
from ..processes import LabError, Process
from ..topology import TUNNEL_PORT
from .kinds import KINDS
from .world import SECOND, SERVER, Site, World

#: Who lives where on the public host.
RELAY_PORT, STUN_PORT = 443, 3478
TURN_USER, TURN_PASSWORD = "grid", "grid-password-of-the-lab"
#: A cell has as long to reach its best path.
SETTLING = 14
FIRST_ANSWER = 1.5
DIRECT = ("direct", "punched")


@dataclass
class Cell:
    home: str
    away: str
    first: float | None = None
    first_path: str = "none"
    best: float | None = None
    path: str = "none"
    fault: str = ""

    @property
    def is_direct(self) -> bool:
        return self.path in DIRECT


class Grid:
    """The world with its servers and gateways; each cell is a client that starts, and what it says of its paths."""

    def __init__(self, world: World, binaries: Path, work: Path, logs: Path, turn: bool = True):
        self.has_turn = turn
        self.world, self.binaries, self.work, self.logs = world, binaries, work, logs
        self.gateways: dict[str, Gateway] = {}
        self.devices: list[Process] = []

    def start_servers(self) -> None:
        server = self.world.server
        self.turn = server.start(
            "turnserver", "turnserver", "-n", "--listening-ip", SERVER, "--listening-ip", SECOND, "--relay-ip", SERVER,
            "--lt-cred-mech", "--user", f"{TURN_USER}:{TURN_PASSWORD}", "--realm", "grid", "--no-tls", "--no-dtls",
            "--no-cli", "--log-file", "stdout", "--pidfile", self.work / "turn.pid", "--userdb", self.work / "turn.db",
            log=self.logs / "turnserver.log",
        )  # fmt: skip
        self.relay = server.start(
            "relay", self.binaries / "latchkey-relay", "run", "--state", self.work / "relay", "--listen",
            f"{SERVER}:{RELAY_PORT}", log=self.logs / "relay.log",
        )  # fmt: skip
        self.relay.wait_for("ready", timeout=20)

    def settings(self, side: str) -> dict:
        turn = f"{TURN_USER}:{TURN_PASSWORD}@{SERVER}:{STUN_PORT}"
        settings = {f"LATCHKEY_{side}_STUN": f"{SERVER}:{STUN_PORT}"}
        return settings | ({f"LATCHKEY_{side}_TURN": f"{turn},{turn}/tcp"} if self.has_turn else {})

    def start_homes(self) -> None:
        for name, site in self.world.homes.items():
            self.devices.append(
                site.host.start(
                    f"devices-{name}", self.binaries / "latchkey-demo-devices", "--interface", "eth0",
                    log=self.logs / f"devices-{name}.log",
                )
            )  # fmt: skip
            gateway = Gateway(self.binaries, site.host, site.address, self.work / f"gateway-{name}", self.logs)
            gateway.start(
                "--relay", f"{SERVER}:{RELAY_PORT}", "--mapping", "off", "--json", env=self.settings("GATEWAY"),
                address=f"{site.wan}:{TUNNEL_PORT}",
            )
            self.gateways[name] = gateway
        for gateway in self.gateways.values():
            gateway.process.wait_for("relay-registered", timeout=30)

    def measure(self, home: str, away: str) -> Cell:
        cell = Cell(home, away)
        gateway, site = self.gateways[home], self.world.aways[away]
        name = f"{home}-to-{away}"
        client = Client(name, self.binaries, site.host, site.address, self.work / f"client-{name}", self.logs)
        try:
            client.pair(gateway.pair(name, "--preset", "full")["code"])
            self._forget(home, site)
            client.start("--json", env=self.settings("AWAY"))
            log = EventLog(client.process)
            begun = moment(log.wait("serving", 10))
            connected = log.wait("connected", 15)
            cell.first = moment(connected) - begun
            self._follow(cell, log, begun)
        except LabError as error:
            cell.fault = str(error)
        finally:
            if client.process:
                client.stop()
            gateway.revoke(name)
        return cell

    def _forget(self, home: str, site: Site) -> None:
        site.forget()

    def _follow(self, cell: Cell, log: EventLog, begun: float) -> None:
        """The paths that the session takes, until it is as good as it gets."""
        end = time.monotonic() + SETTLING
        while time.monotonic() < end:
            paths = log.named("path")
            if paths:
                cell.first_path = paths[0]["kind"]
                cell.path, cell.best = paths[-1]["kind"], moment(paths[-1]) - begun
                if cell.is_direct:
                    return
            time.sleep(0.05)

    def stop(self) -> None:
        for gateway in self.gateways.values():
            gateway.kill()


def expected(home: str, away: str) -> str:
    rules = json.loads((Path(__file__).parent / "expectations.json").read_text())
    return "any" if away in rules["any"].get(home, ()) else rules["default"]


def faults(cells: list[Cell]) -> list[str]:
    found = []
    for cell in cells:
        place = f"{cell.home} → {cell.away}"
        if cell.fault or cell.first is None:
            found.append(f"{place}: not connected: {cell.fault[-200:]}")
        elif expected(cell.home, cell.away) == "direct" and not cell.is_direct:
            found.append(f"{place}: goes by {cell.path}, and a direct path is possible")
        elif cell.first > FIRST_ANSWER:
            found.append(f"{place}: first answer after {cell.first:.2f} s")
    return found


def table(cells: list[Cell]) -> str:
    kinds = [kind.name for kind in KINDS if any(cell.away == kind.name for cell in cells)]
    lines = ["| home \\ away | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for kind in KINDS:
        row = {cell.away: cell for cell in cells if cell.home == kind.name}
        if row:
            lines.append(f"| **{kind.name}** | " + " | ".join(_text(row[away]) if away in row else "" for away in kinds) + " |")
    return "\n".join(lines)


def _text(cell: Cell) -> str:
    if cell.first is None:
        return "**none**"
    best = f", best {cell.best * 1000:.0f}" if cell.best is not None and cell.best > cell.first + 0.01 else ""
    return f"{cell.path}: {cell.first * 1000:.0f}{best} ms"


def page(cells: list[Cell]) -> str:
    """The same as HTML, a colour for each path."""
    colours = {"direct": "#9fd89f", "punched": "#c6e8a5", "turn": "#f4e09a", "relay": "#f3c08c", "none": "#ef9a9a"}
    kinds = [kind for kind in KINDS if any(cell.away == kind.name for cell in cells)]
    rows = []
    for kind in KINDS:
        row = {cell.away: cell for cell in cells if cell.home == kind.name}
        if not row:
            continue
        fields = "".join(
            f'<td style="background:{colours[row[away.name].path]}">{_text(row[away.name])}</td>' if away.name in row else "<td></td>"
            for away in kinds
        )
        rows.append(f"<tr><th>{kind.words}</th>{fields}</tr>")
    heads = "".join(f"<th>{kind.words}</th>" for kind in kinds)
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return (
        "<!doctype html><meta charset=utf-8><title>NAT grid</title><style>body{font-family:sans-serif}"
        "td,th{border:1px solid #999;padding:4px 8px;font-size:90%}table{border-collapse:collapse}</style>"
        f"<h1>Home (rows) reached from away (columns)</h1><p>{stamp}: the path in the end, milliseconds from the first packet "
        "to the gateway's first answer, and to the best path.</p>"
        f"<table><tr><th></th>{heads}</tr>{''.join(rows)}</table>"
    )
