"""A relay beside HAProxy: CPU for what it passes on, and memory for those who wait.

HAProxy passes TCP on by the server name (`req.ssl_sni`), with a PROXY header; so it does what a relay does for a client,
without having to find the gateway. For who waits it holds idle TLS sessions with client certificates.
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
from ..processes import LabError, Process, run, stop_all
from ..relay_peer import PING, PONG, Identity, Registered, fetch, hello, read_proxy_header, receive, register

GIB, KIB = 1 << 30, 1024
RELAY, PEERS = "10.77.0.1", "10.77.0.2"
RELAY_PORT, HAPROXY_PORT, SPLICE_PORT, ORIGIN_PORT, IDLE_PORT = 443, 8443, 8444, 9000, 8445


@dataclass
class Passed:
    """A way through which bytes were passed: CPU seconds and seconds per GiB, of each round."""

    name: str
    cpu: list = field(default_factory=list)
    wall: list = field(default_factory=list)


@dataclass
class Waiting:
    name: str
    count: int
    kib: float
    seconds: float


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
        self.peers.ip("address", "add", f"{PEERS}/24", "dev", "eth0")
        for host in (self.relay, self.peers):
            host.sysctl("net.core.somaxconn", 4096)
        self.peers.sysctl("net.ipv4.ip_local_port_range", "10000 65000")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop_all()
        self.relay.remove()
        self.peers.remove()

    def connect(self, port: int) -> socket.socket:
        connection = self.peers.socket()
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect((RELAY, port))
        return connection

    def start_relay(self, name: str) -> Process:
        process = self.relay.start(
            name, self.binaries / "latchkey-relay", "run", "--listen", f"0.0.0.0:{RELAY_PORT}", "--state",
            self.work / "relay", "--gateways-per-source", "20000", "--registrations-per-second", "10000", "--drain", "0",
            log=self.logs / f"{name}.log",
        )  # fmt: skip
        process.wait_for("ready")
        return process

    def start_haproxy(self, name: str, configuration: str, most: int = 1000) -> Process:
        file = self.work / f"{name}.cfg"
        file.write_text(
            f"global\n  nbthread 1\n  maxconn {most}\n  ssl-default-bind-options ssl-min-ver TLSv1.3\n"
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
    with contextlib.closing(place.peers.socket()) as origin:
        origin.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        origin.bind((PEERS, ORIGIN_PORT))
        origin.listen(16)
        haproxies = [
            (port, place.start_haproxy(f"haproxy-{port}", _passing(port, splice)))
            for port, splice in ((HAPROXY_PORT, False), (SPLICE_PORT, True))
        ]
        ways = [
            (Passed("latchkey-relay"), relay, RELAY_PORT, lambda: fetch(registered, lambda: place.connect(RELAY_PORT))[0]),
            *(
                (Passed(name), process, port, lambda: _accept(origin))
                for name, (port, process) in zip(("HAProxy", "HAProxy, splice(2)"), haproxies)
            ),
        ]
        for _ in range(rounds):
            for passed, process, port, arrive in ways:
                _round(place, passed, process, port, arrive, identity.name, size)
    registered.connection.close()
    for process in (relay, *(process for _, process in haproxies)):
        process.stop()
    return [way[0] for way in ways]


def _passing(port: int, splice: bool) -> str:
    return (
        f"frontend f{port}\n  mode tcp\n  bind {RELAY}:{port}\n  tcp-request inspect-delay 5s\n"
        + ("  option splice-auto\n" if splice else "")
        + "  tcp-request content accept if { req.ssl_hello_type 1 }\n"
        "  use_backend gateway if { req.ssl_sni -m end .relay.example }\n"
        "backend gateway\n  mode tcp\n" + ("  option splice-auto\n" if splice else "")
        + f"  server one {PEERS}:{ORIGIN_PORT} send-proxy-v2\n"
    )


def _accept(origin: socket.socket) -> socket.socket:
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


def measure_waiting(place: Place, count: int) -> list[Waiting]:
    """Gateways of one key each that stand by; then as many idle TLS sessions at HAProxy."""
    relay = place.start_relay("relay-waiting")
    time.sleep(1)
    before, started = relay.resident_bytes(), time.monotonic()
    held: list[Registered] = []
    for number in range(count):
        if number and number % 2_000 == 0:
            # A gateway that is not heard for 150 s is given up.
            _ping(held)
        held.append(register(Identity(place.work / "one.pem"), lambda: place.connect(RELAY_PORT)))
    seconds = time.monotonic() - started
    time.sleep(5)
    ours = Waiting("a gateway that is registered at latchkey-relay", count, (relay.resident_bytes() - before) / count / KIB, seconds)
    # They are there and not forgotten.
    _ping(held)
    for one in held:
        one.connection.close()
    relay.stop()
    return [ours, _idle_haproxy(place, count)]


def _ping(held: list[Registered]) -> None:
    for one in held:
        one.send(PING)
    for one in held:
        if one.next()[0] != PONG:
            raise LabError("a gateway that waits was not answered")


def _idle_haproxy(place: Place, count: int) -> Waiting:
    folder = place.work
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
        folder / "haproxy.key", "-out", folder / "haproxy.crt", "-subj", "/CN=relay", "-days", "2")  # fmt: skip
    (folder / "haproxy.pem").write_text((folder / "haproxy.crt").read_text() + (folder / "haproxy.key").read_text())
    # An HTTP front end that waits for its first request holds the least that HAProxy can hold of a TLS session.
    process = place.start_haproxy(
        "haproxy-idle",
        f"frontend idle\n  mode http\n  timeout http-request 1h\n  bind {RELAY}:{IDLE_PORT} ssl crt {folder}/haproxy.pem "
        f"ca-file {folder}/haproxy.crt verify optional ca-ignore-err all crt-ignore-err all\n",
        most=9_900,
    )
    # It reserves two files for each session, and a process may have 20,000 here.
    count = min(count, 9_800)
    before, started, held = process.resident_bytes(), time.monotonic(), []
    identity = Identity(folder / "one.pem")
    identity.context.set_alpn_protocols(["http/1.1"])
    for _ in range(count):
        held.append(identity.context.wrap_socket(place.connect(IDLE_PORT)))
    seconds = time.monotonic() - started
    time.sleep(5)
    kib = (process.resident_bytes() - before) / count / KIB
    for connection in held:
        connection.close()
    process.stop()
    return Waiting("an idle TLS session at HAProxy", count, kib, seconds)


def tables(passed: list[Passed], waiting: list[Waiting], size: int) -> str:
    lines = []
    if passed:
        lines += [
            f"### A relay: {size / GIB:g} GiB from gateway to client, {len(passed[0].cpu)} rounds, the ways in turn",
            "",
            "| relay | CPU-s per GiB, median (all) | MB/s, median |",
            "|---|---|---|",
        ]
        for way in passed:
            every = ", ".join(f"{value:.2f}" for value in way.cpu)
            speed = GIB / statistics.median(way.wall) / 1e6
            lines.append(f"| {way.name} | {statistics.median(way.cpu):.2f} ({every}) | {speed:.0f} |")
        lines.append("")
    if waiting:
        lines += [
            "### A relay: memory for those who wait (resident memory, growth divided by their number)",
            "",
            "| what | number | KiB each | s to let all in, one after the other |",
            "|---|---|---|---|",
        ]
        lines += [f"| {one.name} | {one.count} | {one.kib:.1f} | {one.seconds:.0f} |" for one in waiting]
    return "\n".join(lines)
