"""A STUN server that lies, and does whatever else a server can do to those who ask it."""

import contextlib
import os
import socket
import struct
import threading
import time

from ..namespaces import Namespace

COOKIE = 0x2112A442
MAPPED, OTHER_ADDRESS = 0x0020, 0x802C
REQUEST, INDICATION, SUCCESS, FAILURE = 0x0001, 0x0011, 0x0101, 0x0111


def address(attribute: int, place: tuple[str, int]) -> bytes:
    """XORed, where the attribute is (RFC 8489 §14.2)."""
    mask = COOKIE if attribute == MAPPED else 0
    packed = struct.unpack("!I", socket.inet_aton(place[0]))[0] ^ mask
    return struct.pack("!HHBBHI", attribute, 8, 0, 1, place[1] ^ (mask >> 16), packed)


def message(kind: int, transaction: bytes, mapped: tuple[str, int] | None = None, extra: bytes = b"") -> bytes:
    body = extra + (address(MAPPED, mapped) if mapped else b"")
    return struct.pack("!HHI", kind, len(body), COOKIE) + transaction + body


def username(datagram: bytes) -> str | None:
    """Of a check of ICE; nil for what is no binding request with one."""
    if len(datagram) < 20 or struct.unpack("!HHI", datagram[:8])[::2] != (REQUEST, COOKIE):
        return None
    place = 20
    while place + 4 <= len(datagram):
        kind, length = struct.unpack("!HH", datagram[place : place + 4])
        if kind == 0x0006:
            return datagram[place + 4 : place + 4 + length].decode(errors="replace")
        place += 4 + (length + 3) // 4 * 4
    return None


class Liar:
    """Says of everybody who asks that he is seen at one of the `victims`, and plagues him from then on."""

    def __init__(self, host: Namespace, address: str, victims: list[tuple[str, int]], port: int = 3478):
        self.victims, self.sent, self.asked = victims, 0, 0
        self._known: set = set()
        self._open = True
        self._own, self._other = (host.socket(socket.SOCK_DGRAM) for _ in range(2))
        self._own.bind((address, port))
        self._other.bind((address, 0))
        self._own.settimeout(0.2)
        for work in (self._serve, self._plague):
            threading.Thread(target=work, daemon=True).start()

    def _send(self, out: socket.socket, data: bytes, to) -> None:
        with contextlib.suppress(OSError):
            out.sendto(data, to)
            self.sent += 1

    def _serve(self) -> None:
        while self._open:
            with contextlib.suppress(TimeoutError):
                data, source = self._own.recvfrom(2048)
                if len(data) >= 20 and struct.unpack("!H", data[:2])[0] == REQUEST:
                    self.asked += 1
                    self._known.add(source)
                    self._answer(data[8:20], source)

    def _answer(self, transaction: bytes, source) -> None:
        victim, *others = self.victims
        # A guess, an answer from another port, then the lie, the same again, and others for the same question.
        self._send(self._own, message(SUCCESS, os.urandom(12), others[0]), source)
        self._send(self._other, message(SUCCESS, transaction, others[0]), source)
        self._send(self._own, message(SUCCESS, transaction, victim, address(OTHER_ADDRESS, others[0])), source)
        for other in (victim, victim, *others):
            self._send(self._own, message(SUCCESS, transaction, other), source)
        self._send(self._own, message(FAILURE, transaction, extra=struct.pack("!HHHBB", 0x0009, 4, 0, 3, 0)), source)
        late = threading.Timer(2, self._send, (self._own, message(SUCCESS, transaction, others[0]), source))
        late.daemon = True
        late.start()

    def _plague(self) -> None:
        """Ten times a second, what nobody has asked for, to whoever has ever asked anything."""
        while self._open:
            for source in list(self._known):
                victim = self.victims[self.sent % len(self.victims)]
                name = os.urandom(4).hex().encode() + b":" + os.urandom(3).hex().encode() + b"\0"
                named = struct.pack("!HH", 0x0006, 15) + name
                for data in (
                    message(INDICATION, os.urandom(12), victim),
                    message(SUCCESS, os.urandom(12), victim),
                    message(REQUEST, os.urandom(12)),
                    message(REQUEST, os.urandom(12), extra=named + struct.pack("!HH", 0x0025, 0)),
                    b"\x40" + os.urandom(60),
                    b"\xc0" + os.urandom(1199),
                ):
                    self._send(self._own, data, source)
                    self._send(self._other, data, source)
            time.sleep(0.1)

    def close(self) -> None:
        self._open = False
        time.sleep(0.3)
        for one in (self._own, self._other):
            one.close()
