"""One cell after the other: a gateway behind every kind of router, a client behind every other."""

import time
from pathlib import Path

from ..groups.member import EventLog, moment
from ..latchkey import Client, Gateway
from ..namespaces import Namespace
from ..processes import LabError, Process, stop_all
from ..topology import TUNNEL_PORT
from .results import Cell, Round, line
from .world import SECOND, SERVER, World

#: Who lives where on the public host.
RELAY_PORT, STUN_PORT = 443, 3478
TURN_USER, TURN_PASSWORD = "grid", "grid-password-of-the-lab"
#: What stands for all of it where there is a minute: each way that a session can end up, and IPv6.
FEW = "public:public,port:eim,symmetric:port,cgnat:address,no-udp:eim,tcp443:tcp443,ipv6:ipv6"
#: A cell has as long to reach its best path, in seconds.
SETTLING = 14.0


def start_turn(host: Namespace, work: Path, logs: Path, *options) -> Process:
    """coturn on the public host, which serves STUN too."""
    return host.start(
        "turnserver", "turnserver", "-n", "--listening-ip", SERVER, "--listening-ip", SECOND, "--relay-ip", SERVER,
        "--realm", "grid", "--verbose", "--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout", "--pidfile", work / "turn.pid",
        "--userdb", work / "turn.db", *options, log=logs / "turnserver.log",
    )  # fmt: skip


def start_relay(host: Namespace, binaries: Path, work: Path, logs: Path) -> Process:
    relay = host.start(
        "relay", binaries / "latchkey-relay", "run", "--state", work / "relay", "--listen", f"{SERVER}:{RELAY_PORT}",
        log=logs / "relay.log",
    )  # fmt: skip
    relay.wait_for("ready", timeout=20)
    return relay


class Grid:
    """The world with its servers and gateways; each cell is a client that starts, and what it says of its paths."""

    def __init__(self, world: World, binaries: Path, work: Path, logs: Path, turn: bool = True, settling: float = SETTLING):
        self.has_turn, self.settling = turn, settling
        self.world, self.binaries, self.work, self.logs = world, binaries, work, logs
        self.gateways: dict[str, Gateway] = {}
        self.devices: list[Process] = []

    def start_servers(self) -> None:
        self.turn = start_turn(
            self.world.server, self.work, self.logs, "--lt-cred-mech", "--user", f"{TURN_USER}:{TURN_PASSWORD}"
        )
        self.relay = start_relay(self.world.server, self.binaries, self.work, self.logs)

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

    def measure(self, home: str, away: str, number: int = 1) -> Round:
        """One round of one cell, with a client that nobody knows yet."""
        one = Round()
        gateway, site = self.gateways[home], self.world.aways[away]
        name = f"{home}-to-{away}-{number}"
        client = Client(name, self.binaries, site.host, site.address, self.work / f"client-{name}", self.logs)
        try:
            client.pair(gateway.pair(name, "--preset", "full")["code"])
            site.forget()
            client.start("--json", env=self.settings("AWAY"))
            log = EventLog(client.process)
            begun = moment(log.wait("serving", 10))
            connected = log.wait("connected", 15)
            one.first = moment(connected) - begun
            self._follow(one, log, begun)
        except LabError as error:
            one.fault = str(error)
        finally:
            if client.process:
                client.stop()
            gateway.revoke(name)
        return one

    def _follow(self, one: Round, log: EventLog, begun: float) -> None:
        """The paths that the session takes, until it is as good as it gets."""
        end = time.monotonic() + self.settling
        while time.monotonic() < end:
            paths = log.named("path")
            if paths:
                one.first_path = paths[0]["kind"]
                one.path, one.best = paths[-1]["kind"], moment(paths[-1]) - begun
                if one.is_direct:
                    return
            time.sleep(0.05)


def run(
    cells: list[Cell], prefix: str, binaries: Path, work: Path, logs: Path, rounds: int = 1, turn: bool = True,
    settling: float = SETTLING, tell=lambda text: None,
) -> None:
    """Measures cells, one round over all of them after the other."""
    logs.mkdir(parents=True, exist_ok=True)
    others = list(Process.running)
    try:
        with World(prefix, {cell.home for cell in cells}, {cell.away for cell in cells}) as world:
            grid = Grid(world, binaries, work, logs, turn=turn, settling=settling)
            grid.start_servers()
            grid.start_homes()
            for number in range(1, rounds + 1):
                for cell in cells:
                    cell.rounds.append(grid.measure(cell.home, cell.away, number))
                    tell(line(cell, cell.rounds[-1]))
            stop_all(but=others)
    finally:
        stop_all(but=others)
