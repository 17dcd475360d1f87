"""Pairing codes taken apart, so that one part of a good code can be made wrong."""

import base64
import hashlib
from dataclasses import dataclass, replace

_ID, _SECRET, _PIN = 8, 16, 32


@dataclass(frozen=True)
class Code:
    """version 1 | id 8 | secret 16 | pin 32 | expiry, name and addresses | check 4."""

    version: bytes
    id: bytes
    secret: bytes
    pin: bytes
    rest: bytes

    @staticmethod
    def read(text: str) -> "Code":
        body = text.partition(":")[2]
        raw = base64.b32decode(body + "=" * (-len(body) % 8))[:-4]
        cuts = [0, 1, 1 + _ID, 1 + _ID + _SECRET, 1 + _ID + _SECRET + _PIN, len(raw)]
        return Code(*(raw[first:last] for first, last in zip(cuts, cuts[1:])))

    def text(self) -> str:
        raw = self.version + self.id + self.secret + self.pin + self.rest
        raw += hashlib.sha256(raw).digest()[:4]
        return "latchkey:" + base64.b32encode(raw).decode().rstrip("=")

    def with_wrong(self, part: str, number: int = 1) -> str:
        """The same code with another `id`, `secret` or `pin`."""
        value = getattr(self, part)
        other = bytes([value[0] ^ (number % 255 + 1)]) + value[1:]
        return replace(self, **{part: other}).text()
