"""Readers that are slow, and readers that jump."""

import random
import socket
import time
import urllib.parse

from .. import media
from ..laboratory import Laboratory
from ..ssdp import Watch
from ..steps import expect, step
from .media_paths import media_url

MEBIBYTE = 1 << 20


def _open(lab: Laboratory, url: str, first: int = 0, last: int | None = None) -> socket.socket:
    """A connection on which the answer to a ranged GET begins."""
    parts = urllib.parse.urlsplit(url)
    connection = lab.laptop.host.socket()
    connection.settimeout(20)
    connection.connect((parts.hostname, parts.port))
    end = "" if last is None else last
    connection.sendall(
        f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nRange: bytes={first}-{end}\r\nConnection: close\r\n\r\n".encode()
    )
    return connection


def _head(connection: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            break
        received += more
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


@step("a reader at 100 kB/s on a 4 GiB file costs neither process more than 32 MiB")
def slow_reader(lab: Laboratory, seconds: float = 15, rate: int = 100_000):
    url = media_url(lab, "Huge")
    processes = {"gateway": lab.gateway.process, "client": lab.laptop.process}
    before = {name: process.resident_bytes() for name, process in processes.items()}
    peak = dict(before)
    connection = _open(lab, url)
    head, rest = _head(connection)
    expect(b" 206 " in head or b" 200 " in head, f"answered with {head[:60]!r}")
    read, started = len(rest), time.monotonic()
    while (now := time.monotonic() - started) < seconds:
        if read < now * rate:
            read += len(connection.recv(min(16384, int(now * rate) - read + 1)))
        else:
            time.sleep(0.01)
        for name, process in processes.items():
            peak[name] = max(peak[name], process.resident_bytes())
    connection.close()
    growth = {name: (peak[name] - before[name]) / MEBIBYTE for name in processes}
    expect(max(growth.values()) <= 32, f"growth in MiB: {growth}")
    return f"{read / now / 1000:.0f} kB/s for {now:.0f} s; " + ", ".join(
        f"{name} {before[name] / MEBIBYTE:.0f} MiB + {growth[name]:.1f}" for name in processes
    )


@step("500 seeks in a row, each abandoned in the middle, break nothing")
def many_seeks(lab: Laboratory, count: int = 500, seed: int = 20260722):
    url, chance = media_url(lab, "Clip"), random.Random(seed)
    content = (lab.library / media.CLIP).read_bytes()
    with Watch(lab.laptop.host, lab.laptop.address) as heard:
        started = time.monotonic()
        for number in range(count):
            first = chance.randrange(len(content) - 65536)
            with _open(lab, url, first) as connection:
                head, body = _head(connection)
                expect(b" 206 " in head, f"seek {number} to {first} (seed {seed}): {head[:80]!r}")
                while len(body) < 1000:
                    more = connection.recv(65536)
                    expect(more, f"seek {number} to {first} (seed {seed}) ended after {len(body)} bytes")
                    body += more
                expect(content[first : first + len(body)] == body, f"seek {number} to {first}: other bytes (seed {seed})")
        took = time.monotonic() - started
        lost = heard.seen("byebye", lab.server_udn, started)
    expect(not lost, "the tunnel went down on the way")
    return f"{count} × 206 with the right bytes in {took:.1f} s ({took / count * 1000:.1f} ms each, seed {seed})"
