"""One SOAP Browse of ten items, as an app makes it: how long until the whole answer is there."""

import socket
import time
from dataclasses import dataclass, field

from .. import upnp
from ..laboratory import Laboratory
from .paths import Way

_BODY = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
    '<u:Browse xmlns:u="urn:schemas-upnp-org:service:ContentDirectory:1"><ObjectID>64</ObjectID>'
    "<BrowseFlag>BrowseDirectChildren</BrowseFlag><Filter>*</Filter><StartingIndex>0</StartingIndex>"
    "<RequestedCount>10</RequestedCount><SortCriteria></SortCriteria></u:Browse></s:Body></s:Envelope>"
).encode()


@dataclass
class Latency:
    """Seconds of each request, sorted when read."""

    name: str
    seconds: list = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def measure(lab: Laboratory, ways: list[Way], requests: int, block: int = 50) -> list[Latency]:
    """Blocks of requests, the ways in turn; a new connection each time, as with a server that closes.

    For Latchkey also over one connection: its client keeps it open, the media server does not.
    """
    paths = {way.name: _control_path(lab, way) for way in ways}
    results = {way.name: Latency(way.name) for way in ways}
    kept = Latency("Latchkey, one connection")
    with lab.laptop.host.inside():
        for way in ways:
            for _ in range(20):
                _new_connection(way.authority, paths[way.name])
        for _ in range(max(1, requests // block)):
            for way in ways:
                for _ in range(block):
                    results[way.name].seconds.append(_new_connection(way.authority, paths[way.name]))
                if way.name == "Latchkey":
                    kept.seconds += _one_connection(way.authority, paths[way.name], block)
    return [*results.values(), *([kept] if kept.seconds else [])]


def _control_path(lab: Laboratory, way: Way) -> str:
    if way.name != "Latchkey":
        return "/ctl/ContentDir"
    with lab.laptop.host.inside():
        return "/" + upnp.describe(lab.mirror(lab.server_udn)).control_url("ContentDirectory").split("/", 3)[3]


def _request(authority: str, path: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n"
        f'SOAPAction: "urn:schemas-upnp-org:service:ContentDirectory:1#Browse"\r\nContent-Length: {len(_BODY)}\r\n\r\n'
    ).encode() + _BODY


def _connect(authority: str) -> socket.socket:
    host, port = authority.split(":")
    connection = socket.create_connection((host, int(port)), 10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _new_connection(authority: str, path: str) -> float:
    request = _request(authority, path)
    started = time.perf_counter()
    with _connect(authority) as connection:
        connection.sendall(request)
        _read_answer(connection)
        return time.perf_counter() - started


def _one_connection(authority: str, path: str, count: int) -> list[float]:
    request, seconds = _request(authority, path), []
    with _connect(authority) as connection:
        for _ in range(count):
            started = time.perf_counter()
            connection.sendall(request)
            if _read_answer(connection):
                seconds.append(time.perf_counter() - started)
                return seconds  # the server closed
            seconds.append(time.perf_counter() - started)
    return seconds


def _read_answer(connection: socket.socket) -> bool:
    """Reads one whole answer; true when the server says that it closes."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lower = head.lower()
    if not head.startswith(b"HTTP/1.1 200"):
        raise OSError(f"answered with {head[:80]!r}")
    if b"content-length:" in lower:
        length = int(lower.partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += _some(connection)
    else:
        while not body.endswith(b"0\r\n\r\n"):
            body += _some(connection)
    return b"connection: close" in lower


def _some(connection: socket.socket) -> bytes:
    more = connection.recv(65536)
    if not more:
        raise OSError("the connection ended in the middle of an answer")
    return more
