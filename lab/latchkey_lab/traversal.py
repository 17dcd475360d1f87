"""The stage of direct paths: two ends behind NATs, and a server with two addresses between them.

    left 192.168.71.2 ── left-gw 198.51.100.2 ─┐            ┌─ right-gw 192.0.2.2 ── right 192.168.72.2
                                               ├─ core ─────┤
                         srv 203.0.113.10, .11 ┘  (drops private addresses)
"""

import base64
import hashlib
import hmac
import time
from pathlib import Path

from .namespaces import Namespace, Stage, wire
from .processes import Process, run

SERVER, OTHER = "203.0.113.10", "203.0.113.11"
NAME, REALM, USER, PASSWORD, SECRET = "turn.example", "lab.example", "lab", "labpass", "a shared secret"
_SITES = {"left": ("198.51.100", "192.168.71"), "right": ("192.0.2", "192.168.72")}

# Port-restricted: the kernel keeps a source's port for every peer, and lets in only who was sent to.
# Symmetric: another port for each peer.
_NATS = {
    "port-restricted": 'oifname "wan" masquerade',
    "symmetric": 'oifname "wan" masquerade fully-random',
    "udp-blocked": 'oifname "wan" masquerade',
}


def site_rules(kind: str) -> str:
    block = "meta l4proto udp drop" if kind == "udp-blocked" else "accept"
    return f"""
    table ip site {{
        chain post {{ type nat hook postrouting priority srcnat; {_NATS[kind]}; }}
        chain forward {{ type filter hook forward priority 0; {block}; }}
        chain input {{ type filter hook input priority 0;
            iifname "wan" ct state new drop;
        }}
    }}
    """


def internet(core: Namespace, server: Namespace) -> None:
    """The server with its two addresses, and a core that passes no private ones on."""
    wire(core, "srv", server, "eth0")
    core.ip("address", "add", "203.0.113.1/24", "dev", "srv")
    for address in (SERVER, OTHER):
        server.ip("address", "add", f"{address}/24", "dev", "eth0")
    server.ip("route", "add", "default", "via", "203.0.113.1")
    core.nft(
        """
        table ip core {
            chain forward { type filter hook forward priority 0;
                ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } drop
                ip daddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } drop
            }
            chain cut { type filter hook forward priority -10; policy accept; }
        }
        """
    )


def ephemeral(seconds: float) -> tuple[str, str]:
    """A user whose password is good until then, as TURN servers share them with web services."""
    user = f"{int(time.time() + seconds)}:{USER}"
    digest = hmac.new(SECRET.encode(), user.encode(), hashlib.sha1).digest()
    return user, base64.b64encode(digest).decode()


class TraversalStage(Stage):
    """Built at entry, removed at exit."""

    def __init__(self, lab, left: str, right: str):
        self.binaries, self.logs, self.work = lab.binaries, lab.logs, lab.work
        self.prefix = f"{lab.network.prefix}t-"
        self.kinds = {"left": left, "right": right}
        self.host: dict[str, Namespace] = {}
        self.processes: list[Process] = []

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
        for namespace in reversed(list(self.host.values())):
            namespace.remove()

    def _build(self) -> None:
        for name in ("core", "srv", "left-gw", "left", "right-gw", "right"):
            self.host[name] = Namespace(self.prefix, name)
        core = self.host["core"]
        core.sysctl("net.ipv4.ip_forward", 1)
        for name, (wan, lan) in _SITES.items():
            router, host = self.host[f"{name}-gw"], self.host[name]
            wire(core, name, router, "wan")
            core.ip("address", "add", f"{wan}.1/24", "dev", name)
            router.ip("address", "add", f"{wan}.2/24", "dev", "wan")
            router.ip("route", "add", "default", "via", f"{wan}.1")
            router.sysctl("net.ipv4.ip_forward", 1)
            wire(router, "lan", host, "eth0")
            router.ip("address", "add", f"{lan}.1/24", "dev", "lan")
            host.ip("address", "add", f"{lan}.2/24", "dev", "eth0")
            host.ip("route", "add", "default", "via", f"{lan}.1")
            router.nft(site_rules(self.kinds[name]))
        internet(core, self.host["srv"])

    def own(self, side: str) -> str:
        return f"{_SITES[side][1]}.2"

    def cut_direct(self, cut: bool) -> None:
        """Nothing passes between the two sites any more, or again; both still reach the server."""
        core = self.host["core"]
        core.nft("flush chain ip core cut")
        if cut:
            core.nft('add rule ip core cut iifname "left" oifname "right" drop')
            core.nft('add rule ip core cut iifname "right" oifname "left" drop')

    # Processes.

    def coturn(self, name: str = "coturn", shared_secret: bool = False, lifetime: int = 600) -> Process:
        certificate, key = self.work / "turn.pem", self.work / "turn.key"
        if not certificate.exists():
            run(
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={NAME}",
                "-addext", f"subjectAltName=DNS:{NAME}",
            )  # fmt: skip
        users = ["use-auth-secret", f"static-auth-secret={SECRET}"] if shared_secret else ["lt-cred-mech", f"user={USER}:{PASSWORD}"]
        lines = [
            f"listening-ip={SERVER}", f"listening-ip={OTHER}", f"relay-ip={SERVER}", f"realm={REALM}", *users,
            f"cert={certificate}", f"pkey={key}", "no-cli", "fingerprint", f"max-allocate-lifetime={lifetime}",
            f"userdb={self.work / 'turn.db'}", f"pidfile={self.work / 'turn.pid'}", "log-file=stdout", "verbose",
        ]  # fmt: skip
        file = self.work / f"{name}.conf"
        file.write_text("\n".join(lines) + "\n")
        return self._start("srv", name, "turnserver", "-c", file)

    def end(self, side: str, *options, role: str = "controlling") -> "End":
        """One end of a path, by our own program."""
        command = (self.binaries / "latchkey-lab-path", "ice", "--role", role, "--from", self.own(side), *options)
        return End(self._start(side, f"path-{side}", *command, talks=True))

    def foreign_end(self, side: str, role: str, *options) -> "End":
        """One end, by somebody else's implementation."""
        lab = Path(__file__).resolve().parents[1]
        command = (lab / ".venv/bin/python", lab / "peers/aioice_peer.py", role, self.own(side), *options)
        return End(self._start(side, f"aioice-{side}", *command, talks=True))

    def nat(self, side: str) -> str:
        """What our probe says of a side's NAT."""
        command = (self.binaries / "latchkey-lab-path", "nat", "--server", f"{SERVER}:3478", "--from", self.own(side))
        return self.host[side].run(*command, timeout=30).stdout.strip()

    def _start(self, host: str, name: str, *command, talks: bool = False) -> Process:
        log = self.logs / f"traversal-{name}-{len(self.processes)}.log"
        process = self.host[host].start(name, *command, log=log, talks=talks)
        self.processes.append(process)
        return process


class End:
    """A program that speaks in lines (see Sources/LabPath)."""

    def __init__(self, process: Process):
        self.process = process
        self._told = ""

    def lines(self, word: str) -> list[str]:
        return [line for line in self.process.output().splitlines() if line.split(" ")[0] == word]

    def introduce(self, other: "End") -> None:
        """Tells the other end what is new about this one."""
        for line in self.lines("description")[-1:]:
            if line != self._told:
                self._told = line
                other.process.say(line.replace("description", "remote", 1))

    def route(self) -> str:
        routes = self.lines("route")
        return routes[-1] if routes else ""


def connect(left: End, right: End, timeout: float = 20, until=None) -> float:
    """Carries descriptions to and fro until both ends have a route (of a kind); the seconds that took."""
    begun = time.monotonic()
    until = until or (lambda route: bool(route))
    while not all(until(end.route()) for end in (left, right)):
        left.introduce(right)
        right.introduce(left)
        if time.monotonic() - begun > timeout:
            return -1
        time.sleep(0.005)
    return time.monotonic() - begun


def exchange(left: End, right: End, text: str, timeout: float = 3) -> bool:
    """Whether a datagram arrives in each direction; each is sent a few times, as datagrams get lost."""
    for sender, receiver in ((left, right), (right, left)):
        end = time.monotonic() + timeout
        while f"data {text}" not in receiver.lines("data"):
            if time.monotonic() > end:
                return False
            sender.process.say(f"send {text}")
            time.sleep(0.1)
    return True
