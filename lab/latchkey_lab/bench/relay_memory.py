"""What a relay holds in memory: gateways that wait, and sessions that pass through it, beside HAProxy's.

For who waits HAProxy holds idle TLS sessions with client certificates. Sessions that pass are open and idle; half of what is told
of them is measured after each has carried something, because buffers that were once made may stay.
"""

import socket
import time
from dataclasses import dataclass

from ..processes import LabError, Process, run
from ..relay_peer import PING, PONG, Identity, Registered, fetch, hello, receive, register
from .relay import HAPROXY_PORT, RELAY, RELAY_PORT, SOURCES, Place, accept, passing

KIB = 1024
IDLE_PORT = 8445
CARRIED, PIECE = 256 * KIB, 64 * KIB
#: A gateway that is not heard for 150 s is given up.
HEARD_EVERY = 60


@dataclass
class Held:
    """Resident memory that grew, in KiB for each of a number; how long it took to let them in."""

    name: str
    count: int
    kib: float
    seconds: float
    used: float | None = None


def measure(place: Place, count: int, sessions: int) -> list[Held]:
    """The relay with all its gateways, then sessions to as many of them; then HAProxy with the like."""
    relay = place.start_relay("relay-waiting")
    time.sleep(1)
    gateways = _Gateways(place)
    before = relay.resident_bytes()
    gateways.register(count)
    time.sleep(5)
    waiting = Held("a gateway that is registered at latchkey-relay", count, _each(relay, before, count), gateways.seconds)
    gateways.hear()  # they are there and not forgotten
    name = f"a session through latchkey-relay, with {count:,} gateways registered"
    passing_here = _sessions(relay, name, min(sessions, count), gateways.call)
    gateways.hear()
    gateways.close()
    relay.stop()
    return [waiting, _idle_haproxy(place, count), passing_here, _passing_haproxy(place, sessions)]


def _each(process: Process, before: int, count: int) -> float:
    return (process.resident_bytes() - before) / count / KIB


class _Gateways:
    """Gateways of one key each that stand by."""

    def __init__(self, place: Place):
        self.place, self.held, self.seconds = place, [], 0.0
        self._heard = time.monotonic()

    def register(self, count: int) -> None:
        started = time.monotonic()
        for number in range(1, count + 1):
            identity = Identity(self.place.work / "one.pem")
            registered = register(identity, lambda: self.place.connect(RELAY_PORT))
            self.held.append((identity.name, registered))
            if time.monotonic() - self._heard > HEARD_EVERY:
                self.hear()
            if number % 1000 == 0:
                print(f"  {number:,} gateways registered after {time.monotonic() - started:.0f} s", flush=True)
        self.seconds = time.monotonic() - started

    def hear(self) -> None:
        for _, one in self.held:
            one.send(PING)
        for _, one in self.held:
            if one.next()[0] != PONG:
                raise LabError("a gateway that waits was not answered")
        self._heard = time.monotonic()

    def call(self, number: int) -> tuple[socket.socket, socket.socket]:
        """A client of that gateway's, and the gateway's end."""
        name, registered = self.held[number]
        client = self.place.connect(RELAY_PORT, SOURCES[number % len(SOURCES)])
        greeting = hello(f"{name}.relay.example", "latchkey/1")
        client.sendall(greeting)
        gateway = fetch(registered, lambda: self.place.connect(RELAY_PORT))[0]
        if receive(gateway, len(greeting)) != greeting:
            raise LabError("latchkey-relay altered the hello")
        return client, gateway

    def close(self) -> None:
        for _, one in self.held:
            one.connection.close()


def _sessions(process: Process, name: str, count: int, call) -> Held:
    before, started = process.resident_bytes(), time.monotonic()
    pairs = [call(number) for number in range(count)]
    seconds = time.monotonic() - started
    time.sleep(2)
    held = Held(name, count, _each(process, before, count), seconds)
    piece = bytes(PIECE)
    for client, gateway in pairs:
        for _ in range(CARRIED // PIECE):
            gateway.sendall(piece)
            receive(client, PIECE)
    time.sleep(2)
    held.used = _each(process, before, count)
    for pair in pairs:
        for connection in pair:
            connection.close()
    print(f"  {name}: {held.kib:.1f} KiB, {held.used:.1f} when used", flush=True)
    return held


def _passing_haproxy(place: Place, count: int) -> Held:
    process = place.start_haproxy("haproxy-passing", passing(HAPROXY_PORT, False), most=count + 100)
    greeting = hello("gateway.relay.example", "latchkey/1")
    with place.origin() as origin:

        def call(_: int) -> tuple[socket.socket, socket.socket]:
            client = place.connect(HAPROXY_PORT)
            client.sendall(greeting)
            gateway = accept(origin)
            receive(gateway, len(greeting))
            return client, gateway

        held = _sessions(process, "a session through HAProxy (TCP, by SNI)", count, call)
    process.stop()
    return held


def _idle_haproxy(place: Place, count: int) -> Held:
    folder = place.work
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
        folder / "haproxy.key", "-out", folder / "haproxy.crt", "-subj", "/CN=relay", "-days", "2")  # fmt: skip
    (folder / "haproxy.pem").write_text((folder / "haproxy.crt").read_text() + (folder / "haproxy.key").read_text())
    # An HTTP front end that waits for its first request holds the least that HAProxy can hold of a TLS session. It would reserve
    # two files for each, which may be more than a process may have.
    process = place.start_haproxy(
        "haproxy-idle",
        f"frontend idle\n  mode http\n  timeout http-request 1h\n  bind {RELAY}:{IDLE_PORT} ssl crt {folder}/haproxy.pem "
        f"ca-file {folder}/haproxy.crt verify optional ca-ignore-err all crt-ignore-err all\n",
        most=count + 100, settings="  no strict-limits\n",
    )  # fmt: skip
    before, started, held = process.resident_bytes(), time.monotonic(), []
    identity = Identity(folder / "one.pem")
    identity.context.set_alpn_protocols(["http/1.1"])
    for _ in range(count):
        held.append(identity.context.wrap_socket(place.connect(IDLE_PORT)))
    seconds = time.monotonic() - started
    time.sleep(5)
    kib = _each(process, before, count)
    for connection in held:
        connection.close()
    process.stop()
    print(f"  HAProxy holds {count:,} idle TLS sessions", flush=True)
    return Held("an idle TLS session at HAProxy", count, kib, seconds)


def table(held: list[Held]) -> str:
    lines = [
        "### A relay: memory (resident memory, growth divided by their number)",
        "",
        f"| what | number | KiB each | KiB each, after {CARRIED // KIB} KiB have passed | s to let all in, one after the other |",
        "|---|---|---|---|---|",
    ]
    for one in held:
        used = "–" if one.used is None else f"{one.used:.1f}"
        lines.append(f"| {one.name} | {one.count:,} | {one.kib:.1f} | {used} | {one.seconds:.0f} |")
    waiting, idle, ours, theirs = held
    lines += [
        "",
        f"A gateway that waits is {waiting.kib / idle.kib:.2f} of HAProxy's idle TLS session, a session that passes "
        f"{ours.kib / theirs.kib:.2f} of HAProxy's, {ours.used / theirs.used:.2f} after it was used. "
        "Buffers of the kernel's sockets are in none.",
    ]
    return "\n".join(lines)
