"""Looking at SSDP: who announces what, when, and who answers."""

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass

from .namespaces import Namespace
from .processes import LabError

GROUP, PORT = "239.255.255.250", 1900


@dataclass(frozen=True)
class Message:
    """One datagram: when it came (monotonic seconds), from whom, its first line and its headers."""

    at: float
    source: str
    start: str
    headers: dict
    raw: bytes

    @property
    def kind(self) -> str:
        """`alive`, `byebye`, `update`, `search` or `answer`."""
        if self.start.startswith("HTTP/"):
            return "answer"
        if self.start.startswith("M-SEARCH"):
            return "search"
        return self.headers.get("nts", "").removeprefix("ssdp:")

    @property
    def usn(self) -> str:
        return self.headers.get("usn", "")

    @property
    def udn(self) -> str:
        return self.usn.partition("::")[0]

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


def parse(raw: bytes, source: str) -> Message:
    lines = raw.decode("utf-8", "replace").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return Message(time.monotonic(), source, lines[0], headers, raw)


class Watch:
    """Hears every multicast announcement that reaches one host, with its time."""

    def __init__(self, host: Namespace, address: str):
        self.messages: list[Message] = []
        self._socket = host.socket(socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((GROUP, PORT))
        membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address))
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        self._socket.settimeout(0.2)
        self._open = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while self._open:
            with contextlib.suppress(TimeoutError):
                raw, (source, _) = self._socket.recvfrom(65535)
                self.messages.append(parse(raw, source))
        self._socket.close()

    def close(self) -> None:
        self._open = False
        self._thread.join(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def seen(self, kind: str, udn: str, since: float = 0, source: str | None = None) -> list[Message]:
        return [
            message
            for message in list(self.messages)
            if message.kind == kind
            and message.udn == udn
            and message.at >= since
            and source in (None, message.source)
        ]

    def wait(self, kind: str, udn: str, since: float, timeout: float, source: str | None = None) -> Message:
        """The first such announcement since a moment; an error says what came in its place."""
        end = time.monotonic() + timeout
        while True:
            if found := self.seen(kind, udn, since, source):
                return found[0]
            if time.monotonic() > end:
                others = sorted({f"{m.kind} {m.udn[-12:]}" for m in self.messages if m.at >= since})
                raise LabError(f"no {kind} of {udn} in {timeout:.1f} s (heard: {', '.join(others) or 'nothing'})")
            time.sleep(0.01)


def search(
    host: Namespace, address: str, target: str = "ssdp:all", mx: int = 1, seconds: float = 2.0, to: str = GROUP
) -> list[Message]:
    """M-SEARCH from one host; every answer that came within `seconds`."""
    asker = host.socket(socket.SOCK_DGRAM)
    with asker:
        asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
        asker.bind((address, 0))
        question = f'M-SEARCH * HTTP/1.1\r\nHOST: {GROUP}:{PORT}\r\nMAN: "ssdp:discover"\r\nMX: {mx}\r\nST: {target}\r\n\r\n'
        asker.sendto(question.encode(), (to, PORT))
        answers, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            asker.settimeout(left)
            with contextlib.suppress(TimeoutError):
                raw, (source, _) = asker.recvfrom(65535)
                answers.append(parse(raw, source))
        return answers


def search6(host: Namespace, interface: str, target: str = "ssdp:all", group: str = "ff02::c", seconds: float = 2.0) -> list[Message]:
    """The same over IPv6, from the kernel's choice of own address on one interface."""
    with host.inside():
        asker = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        index = socket.if_nametoindex(interface)
    with asker:
        asker.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        question = f'M-SEARCH * HTTP/1.1\r\nHOST: [{group}]:{PORT}\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: {target}\r\n\r\n'
        asker.sendto(question.encode(), (group, PORT, 0, index))
        answers, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            asker.settimeout(left)
            with contextlib.suppress(TimeoutError):
                raw, source = asker.recvfrom(65535)
                answers.append(parse(raw, source[0]))
        return answers


def locations(answers: list[Message]) -> dict[str, str]:
    """UDN to LOCATION, of the devices that answered."""
    return {answer.udn: answer.location for answer in answers if answer.kind == "answer"}


def wait_for_answer(host: Namespace, address: str, udn: str, timeout: float = 15, source: str | None = None) -> str:
    """Searches until a device answers, and returns its LOCATION."""
    end = time.monotonic() + timeout
    while True:
        for answer in search(host, address, udn, mx=1, seconds=0.6):
            if answer.udn == udn and source in (None, answer.source):
                return answer.location
        if time.monotonic() > end:
            raise LabError(f"{udn} did not answer a search on {host.name} in {timeout:.0f} s")
