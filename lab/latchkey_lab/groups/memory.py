"""Looks in the memory of a process for keys that open a recording: the most that a seized device can give away."""

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import wire

_PAGE = bytes(4096)
_DISTINCT = 20  # of 32 random bytes fewer than this many differ once in 10^9


@dataclass(frozen=True)
class Lock:
    """What an epoch's keys can be recognised by: one beacon and one broadcast of it."""

    epoch: int
    beacon: wire.Datagram
    broadcast: wire.Datagram

    def opened_by(self, key: bytes) -> str | None:
        """What the 32 bytes are: the epoch's secret, or one of the two keys that come of it; None if neither."""
        if self._confirms(wire.expand(key, b"gconf")):
            return "EPOCH"
        if self._confirms(key):
            return "gconf"
        if self._opens(key):
            return "gsnd"
        return None

    def _confirms(self, key: bytes) -> bool:
        told = self.beacon.tags[wire.CONFIRMATION]
        return hmac.digest(key, b"beacon" + self.beacon.tags[wire.BEACON_COUNTER], hashlib.sha256)[:16] == told

    def _opens(self, key: bytes) -> bool:
        packet = self.broadcast.payload
        nonce = packet[12:16] + packet[20:28]
        try:
            AESGCM(key).decrypt(nonce, packet[32:], packet[:32])
        except InvalidTag:
            return False
        return True


def candidates(pid: int) -> set[bytes]:
    """Every 32 bytes of a process's own memory that could be a key."""
    found: set[bytes] = set()
    regions = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for words in regions:
            if not words[1].startswith("rw"):
                continue
            begin, end = (int(part, 16) for part in words[0].split("-"))
            memory.seek(begin)
            try:
                data = memory.read(end - begin)
            except OSError:
                continue
            for page in range(0, len(data), 4096):
                if data[page : page + 4096] == _PAGE:
                    continue
                for place in range(page, min(page + 4096, len(data) - 31), 8):
                    window = data[place : place + 32]
                    if len(set(window)) >= _DISTINCT:
                        found.add(window)
    return found


def keys_for(lock: Lock, windows: set[bytes]) -> set[str]:
    """What of that epoch lies among them."""
    return {kind for window in windows if (kind := lock.opened_by(window))}
