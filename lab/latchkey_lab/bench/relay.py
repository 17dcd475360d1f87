"""A relay beside HAProxy: CPU for what it passes on. What it holds in memory is measured in `relay_memory`.

HAProxy passes TCP on by the server name (`req.ssl_sni`), with a PROXY header; so it does what a relay does for a client,
without having to find the gateway.
"""

import contextlib
import os
import socket
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..namespaces import Namespace, wire
from ..processes import LabError, Process, stop_all
from ..relay_peer import Identity, fetch, hello, read_proxy_header, receive, register

GIB = 1 << 30
RELAY, PEERS = "10.77.0.1", "10.77.0.2"
#: Clients come from these, because a relay takes only so many a second from one source.
SOURCES = [f"10.77.0.{number}" for number in range(10, 74)]
RELAY_PORT, HAPROXY_PORT, SPLICE_PORT, ORIGIN_PORT = 443, 8443, 8444, 9000


@dataclass
class Passed:
    """A way through which bytes were passed: CPU seconds and seconds per GiB, of each round."""

    name: str
    cpu: list = field(default_factory=list)
    wall: list = field(default_factory=list)


class Place:
    """Two hosts and a wire: the relays on one, everybody else on the other."""

    def __init__(self, binaries: Path, out: Path):
        self.binaries = binaries
        self.work = Path(tempfile.mkdtemp(prefix="latchkey-relay-bench-"))
        self.logs = out / "relay-logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        prefix = f"lk{os.getpid()}r-"
        self.relay, self.peers = Namespace(prefix, "relay"), Namespace(prefix, "peers")
        wire(self.relay, "eth0", self.peers, "eth0")
        self.relay.ip("address", "add", f"{RELAY}/24", "dev", "eth0")
        for address in (PEERS, *SOURCES):
            self.peers.ip("address", "add", f"{address}/24", "dev", "eth0")
        for host in (self.relay, self.peers):
            host.sysctl("net.core.somaxconn", 4096)
        self.peers.sysctl("net.ipv4.ip_local_port_range", "10000 65000")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop_all()
        self.relay.remove()
        self.peers.remove()

    def connect(self, port: int, source: str = "") -> socket.socket:
        connection = self.peers.socket()
        if source:
            connection.bind((source, 0))
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect((RELAY, port))
        return connection

    @contextlib.contextmanager
    def origin(self):
        """Where HAProxy passes clients on to."""
        with contextlib.closing(self.peers.socket()) as origin:
            origin.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            origin.bind((PEERS, ORIGIN_PORT))
            origin.listen(1024)
            origin.settimeout(60)
            yield origin

    def start_relay(self, name: str) -> Process:
        process = self.relay.start(
            name, self.binaries / "latchkey-relay", "run", "--listen", f"0.0.0.0:{RELAY_PORT}", "--state",
            self.work / "relay", "--gateways-per-source", "20000", "--registrations-per-second", "10000", "--drain", "0",
            log=self.logs / f"{name}.log",
        )  # fmt: skip
        process.wait_for("ready")
        return process

    def start_haproxy(self, name: str, configuration: str, most: int = 1000, settings: str = "") -> Process:
        file = self.work / f"{name}.cfg"
        file.write_text(
            f"global\n  nbthread 1\n  maxconn {most}\n{settings}  ssl-default-bind-options ssl-min-ver TLSv1.3\n"
            "defaults\n  timeout connect 10s\n  timeout client 1h\n  timeout server 1h\n" + configuration
        )
        process = self.relay.start(name, "haproxy", "-db", "-f", file, log=self.logs / f"{name}.log")
        time.sleep(1)
        if not process.alive:
            raise LabError(f"haproxy ended: {process.output()[-300:]}")
        return process


def measure_passing(place: Place, rounds: int, size: int) -> list[Passed]:
    """The gateway sends, the client reads; the ways in turn, in each round."""
    identity = Identity(place.work / "gateway.pem")
    relay = place.start_relay("relay-passing")
    registered = register(identity, lambda: place.connect(RELAY_PORT))
    with place.origin() as origin:
        haproxies = [
            (port, place.start_haproxy(f"haproxy-{port}", passing(port, splice)))
            for port, splice in ((HAPROXY_PORT, False), (SPLICE_PORT, True))
        ]
        ways = [
            (Passed("latchkey-relay"), relay, RELAY_PORT, lambda: fetch(registered, lambda: place.connect(RELAY_PORT))[0]),
            *(
                (Passed(name), process, port, lambda: accept(origin))
                for name, (port, process) in zip(("HAProxy", "HAProxy, splice(2)"), haproxies)
            ),
        ]
        for number in range(rounds):
            for passed, process, port, arrive in ways:
                _round(place, passed, process, port, arrive, identity.name, size)
                print(f"  round {number + 1}: {passed.name:18} {passed.cpu[-1]:.2f} CPU-s per GiB", flush=True)
    registered.connection.close()
    for process in (relay, *(process for _, process in haproxies)):
        process.stop()
    return [way[0] for way in ways]


def passing(port: int, splice: bool) -> str:
    """HAProxy's configuration as a relay for one gateway."""
    return (
        f"frontend f{port}\n  mode tcp\n  bind {RELAY}:{port}\n  tcp-request inspect-delay 5s\n"
        + ("  option splice-auto\n" if splice else "")
        + "  tcp-request content accept if { req.ssl_hello_type 1 }\n"
        "  use_backend gateway if { req.ssl_sni -m end .relay.example }\n"
        "backend gateway\n  mode tcp\n" + ("  option splice-auto\n" if splice else "")
        + f"  server one {PEERS}:{ORIGIN_PORT} send-proxy-v2\n"
    )


def accept(origin: socket.socket) -> socket.socket:
    """The next client that HAProxy passes on."""
    connection, _ = origin.accept()
    read_proxy_header(connection)
    return connection


def _round(place: Place, passed: Passed, process: Process, port: int, arrive, name: str, size: int) -> None:
    greeting = hello(f"{name}.relay.example", "latchkey/1")
    with place.connect(port) as client:
        client.sendall(greeting)
        with arrive() as gateway:
            if receive(gateway, len(greeting)) != greeting:
                raise LabError(f"{passed.name} altered the hello")
            gateway.settimeout(None)
            cpu, started = process.cpu_seconds(), time.monotonic()
            sender = threading.Thread(target=_send, args=(gateway, size))
            sender.start()
            buffer, left = bytearray(1 << 20), size
            while left:
                # MSG_TRUNC: the kernel drops what has arrived, so that the reader costs next to nothing.
                count = client.recv_into(buffer, min(left, len(buffer)), socket.MSG_TRUNC)
                if not count:
                    raise LabError(f"{passed.name} lost {left} bytes")
                left -= count
            wall = time.monotonic() - started
            sender.join()
            passed.cpu.append((process.cpu_seconds() - cpu) / (size / GIB))
            passed.wall.append(wall / (size / GIB))


def _send(connection: socket.socket, size: int) -> None:
    file = os.memfd_create("bytes")
    os.ftruncate(file, 16 << 20)
    try:
        while size:
            offset = 0
            while size and offset < 16 << 20:
                sent = os.sendfile(connection.fileno(), file, offset, min(size, (16 << 20) - offset))
                offset += sent
                size -= sent
    finally:
        os.close(file)


def passing_table(passed: list[Passed], size: int) -> str:
    lines = [
        f"### A relay: {size / GIB:g} GiB from gateway to client, {len(passed[0].cpu)} rounds, the ways in turn",
        "",
        "| relay | CPU-s per GiB, median (all) | MB/s, median |",
        "|---|---|---|",
    ]
    for way in passed:
        every = ", ".join(f"{value:.2f}" for value in way.cpu)
        speed = GIB / statistics.median(way.wall) / 1e6
        lines.append(f"| {way.name} | {statistics.median(way.cpu):.2f} ({every}) | {speed:.0f} |")
    ours, *others = (statistics.median(way.cpu) for way in passed)
    ratios = (f"{ours / other:.2f} of {way.name}'s" for way, other in zip(passed[1:], others))
    lines += ["", f"CPU per GiB of latchkey-relay: {', '.join(ratios)}."]
    return "\n".join(lines)
