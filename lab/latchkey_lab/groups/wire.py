"""Reads SUPnP datagrams as docs/specs/supnp/wire.md has them: written from the specification, not from the code."""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..capture import fields

MAGIC = 0x5EC1
CONTROL, SEALED, SERVER, BROADCAST, RESPONSE, FORWARDED, GROUP, EXTENDED = (0x8000 >> bit for bit in range(8))

# The messages that may cross in clear, and their flags (section 3).
CLEAR = {
    0x0001: ("REG_REQUEST", {CONTROL, CONTROL | BROADCAST | FORWARDED}),
    0x0003: ("REG_RESPONSE", {CONTROL}),
    0x000A: ("REG_CONFIRM", {CONTROL}),
    0x0002: ("REG_REPLY", {CONTROL | RESPONSE}),
    0x0009: ("REG_VERIFY", {CONTROL | RESPONSE}),
    0x0004: ("REG_DONE", {CONTROL | RESPONSE}),
    0x0005: ("REG_FAIL", {CONTROL | RESPONSE}),
    0x0010: ("REKEY", {CONTROL | BROADCAST | SERVER}),
    0x0013: ("BEACON", {CONTROL | BROADCAST | SERVER}),
}
# What the messages of a registration may carry (section 4); a tag beyond these is a fault.
TAGS = {
    "REG_REQUEST": {0x01, 0x02, 0x03, 0x0C, 0x7F},
    "REG_REPLY": {0x01, 0x04, 0x05, 0x0D, 0x0E, 0x0F, 0x10},
    "REG_RESPONSE": {0x01, 0x0E, 0x11, 0x27},
    "REG_VERIFY": {0x01, 0x12, 0x14},
    "REG_CONFIRM": {0x01, 0x13},
    "REG_DONE": {0x01, 0x0B},
    "REG_FAIL": {0x01, 0x09, 0x0B},
    "BEACON": {0x10, 0x16, 0x1A, 0x1C, 0x20, 0x25, 0x29, 0x2D, 0x2E, 0x2F, 0x30, 0x31, 0x7E},
}
DEVICE_ID, GROUP_ID, CERTS, BOOTS, CONFIRMATION, BEACON_COUNTER, SIGNATURE = 0x01, 0x10, 0x16, 0x25, 0x2E, 0x2F, 0x7E


class NotSUPnP(ValueError):
    """The datagram is none, or one that the specification refuses."""


@dataclass(frozen=True)
class Seen:
    """A UDP datagram as it crossed the switch."""

    at: float
    source: str
    source_port: int
    target: str
    target_port: int
    hops: int
    payload: bytes
    size: int  # of the frame

    @property
    def claims(self) -> bool:
        """Whether it begins as SUPnP does."""
        return len(self.payload) >= 2 and int.from_bytes(self.payload[:2]) == MAGIC


def datagrams(pcap: Path) -> list[Seen]:
    """Every UDP datagram of a capture, as tshark reads it."""
    rows = fields(
        pcap, "udp && !icmp && !icmpv6", "frame.time_epoch", "ip.src", "ipv6.src", "udp.srcport", "ip.dst", "ipv6.dst",
        "udp.dstport", "ip.ttl", "ipv6.hlim", "udp.payload", "frame.len",
    )  # fmt: skip
    return [
        Seen(float(at), source4 or source6, int(source_port), target4 or target6, int(target_port), int(ttl or limit),
             one, int(size) - len(whole) + len(one))
        for at, source4, source6, source_port, target4, target6, target_port, ttl, limit, payload, size in rows
        for whole in [bytes.fromhex(payload.replace(":", ""))]
        for one in cut(whole)
    ]  # fmt: skip


def cut(payload: bytes) -> list[bytes]:
    """The datagrams of a capture's packet.

    Several of one size to one host are given to the system as one (UDP_SEGMENT), and a virtual line carries them so:
    there is no card that would cut them. Each header says how long its datagram is, and all but the last are alike.
    """
    length = int.from_bytes(payload[8:10])
    if payload[:2] != MAGIC.to_bytes(2) or not 12 <= length < len(payload):
        return [payload]
    parts = [payload[at : at + length] for at in range(0, len(payload), length)]
    return parts if all(part[:2] == payload[:2] and int.from_bytes(part[8:10]) == len(part) for part in parts) else [payload]


def checksum(header: bytes) -> int:
    """RFC 1071 over the twelve bytes with the field itself 0."""
    total = sum(struct.unpack(">5H", header[:10]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tlvs(body: bytes) -> dict[int, bytes]:
    """Tags ascend strictly, and the last ends where the body ends."""
    found, place, before = {}, 0, -1
    while place < len(body):
        if place + 4 > len(body):
            raise NotSUPnP("a TLV is cut off")
        tag, length = struct.unpack_from(">HH", body, place)
        if tag <= before or place + 4 + length > len(body):
            raise NotSUPnP(f"tag {tag:#x} after {before:#x}, or longer than the body")
        found[tag], before, place = body[place + 4 : place + 4 + length], tag, place + 4 + length
    return found


class Datagram:
    """One that is SUPnP: its header, and what may be read of it without a key."""

    def __init__(self, payload: bytes):
        self.payload = payload
        if len(payload) < 12:
            raise NotSUPnP("shorter than a header")
        magic, self.flag, self.keyid, self.nonce, length, cksum = struct.unpack(">6H", payload[:12])
        self.suite, self.version, self.bits = self.flag >> 4 & 0xF, self.flag & 0xF, self.flag & 0xFF00
        if (magic, self.version, length, cksum) != (MAGIC, 1, len(payload), checksum(payload)):
            raise NotSUPnP("another magic, version, length or checksum")
        if self.suite > 2:
            raise NotSUPnP(f"suite {self.suite}")
        self.tags: dict[int, bytes] = {}
        if self.bits & SEALED:
            self.kind = self._sealed()
        else:
            self.kind = self._clear()

    def _clear(self) -> str:
        if not self.bits & CONTROL:
            raise NotSUPnP("data in clear")
        if len(self.payload) < 14 or (number := int.from_bytes(self.payload[12:14])) not in CLEAR:
            raise NotSUPnP("a control message in clear that has to be sealed")
        kind, flags = CLEAR[number]
        if self.bits not in flags:
            raise NotSUPnP(f"{kind} with flags {self.bits:#06x}")
        if kind != "REKEY":
            self.tags = tlvs(self.payload[14:])
            if extra := set(self.tags) - TAGS[kind]:
                raise NotSUPnP(f"{kind} with tags {sorted(extra)}")
        return kind

    def _sealed(self) -> str:
        if self.suite == 0:
            raise NotSUPnP("suite 0, which is off")
        if not self.bits & EXTENDED or len(self.payload) < 48:
            raise NotSUPnP("sealed without an extension header")
        self.epoch, self.sender, self.counter, key, zero, self.hint = struct.unpack(">IIQBBH", self.payload[12:32])
        if zero or key not in (1, 2) or self.counter >> 48 or self.counter & 0xFFFF != self.nonce or not self.sender:
            raise NotSUPnP("an extension header against the rules")
        if key == 2:
            if self.bits & ~CONTROL != SEALED | EXTENDED | BROADCAST | GROUP | FORWARDED or self.keyid != self.epoch & 0xFFFF:
                raise NotSUPnP(f"a broadcast with flags {self.bits:#06x}")
            return "sealed for the group"
        if self.bits & (BROADCAST | GROUP):
            raise NotSUPnP(f"pairwise with flags {self.bits:#06x}")
        return "sealed for one: control" if self.bits & CONTROL else "sealed for one: data"

    @property
    def ciphertext(self) -> bytes:
        return self.payload[32:]

    @cached_property
    def rekey(self) -> "Rekey":
        return Rekey(self.payload)


class Rekey:
    """A rekey packet (key-tree.md, section 5)."""

    def __init__(self, payload: bytes):
        body = payload[12:]
        (_, form, self.flags, self.height, self.q, _, self.epoch, self.position, self.index, self.count) = struct.unpack_from(
            ">HBBBBHIIHH", body
        )
        self.salt = body[20:36]
        self.members, removed, added, records, self.signer = struct.unpack_from(">IHHHH", body, 44)
        self.end = 56 + 4 * (removed + added) + 36 * records
        if form != 1 or len(body) != self.end + 80:
            raise NotSUPnP("a rekey packet whose length its counts do not give")
        self.confirm = body[self.end : self.end + 16]
        # What may not differ when the packet is sent again: all but how it was sent (urgent, repeated), the signer and the
        # signature.
        self.content = bytes([self.flags & 6]) + body[4:54] + body[56 : self.end + 16]


def boots(beacon: Datagram) -> dict[int, bytes]:
    """The boot of each controller that a beacon names."""
    value = beacon.tags.get(BOOTS, b"")
    return {int.from_bytes(value[at : at + 4]): value[at + 4 : at + 20] for at in range(0, len(value), 20)}


def expand(secret: bytes, name: bytes, context: bytes = b"") -> bytes:
    """HKDF-Expand to 32 bytes with the specification's labels."""
    return hmac.digest(secret, b"supnp1 " + name + b"\0" + context + b"\x01", hashlib.sha256)


def verify_signature(message: Datagram, public_key, group: bytes) -> None:
    """Raises InvalidSignature unless the key manager with that key signed this BEACON or REKEY."""
    if message.kind == "BEACON":
        signed, label, signature = message.payload[12 : -4 - 64], b"supnp1 beacon", message.payload[-64:]
    else:
        signed, label, signature = message.payload[12 : 12 + message.rekey.end + 16], b"supnp1 rekey", message.payload[-64:]
    public_key.verify(signature, label + group + message.payload[:12] + signed)
