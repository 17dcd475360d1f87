"""Sends a recording into another switch, frame by frame, from the addresses that it had."""

import socket
import struct
import time
from pathlib import Path

from ..namespaces import Namespace


def frames(pcap: Path) -> list[tuple[float, bytes]]:
    """The frames of a capture on one interface, with their times. Checksums are made good."""
    data = pcap.read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": ("<", 1e-6), b"\xa1\xb2\xc3\xd4": (">", 1e-6), b"\x4d\x3c\xb2\xa1": ("<", 1e-9)}[data[:4]]
    result, place = [], 24
    while place + 16 <= len(data):
        seconds, fraction, kept, _ = struct.unpack_from(order[0] + "IIII", data, place)
        frame = data[place + 16 : place + 16 + kept]
        result.append((seconds + fraction * order[1], with_checksum(frame)))
        place += 16 + kept
    return result


def udp_of(frame: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Source address, target address and UDP datagram of an unfragmented frame; None for anything else."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and frame[23] == 17 and not int.from_bytes(frame[20:22]) & 0x3FFF:
        start = 14 + 4 * (frame[14] & 15)
        return frame[26:30], frame[30:34], frame[start : 14 + int.from_bytes(frame[16:18])]
    if kind == b"\x86\xdd" and frame[20] == 17:
        return frame[22:38], frame[38:54], frame[54 : 54 + int.from_bytes(frame[18:20])]
    return None


def with_checksum(frame: bytes) -> bytes:
    """A virtual cable carries UDP checksums that nobody has computed yet; a replayed frame needs its own."""
    parts = udp_of(frame)
    if not parts:
        return frame
    source, target, datagram = parts
    clean = datagram[:6] + b"\0\0" + datagram[8:]
    pseudo = source + target + struct.pack(">IHH", len(datagram), 0, 17) + clean
    total = sum(struct.unpack(f">{len(pseudo) // 2}H", pseudo[: len(pseudo) & ~1]))
    total += pseudo[-1] << 8 if len(pseudo) & 1 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    start = frame.index(datagram, 14)
    return frame[: start + 6] + struct.pack(">H", ~total & 0xFFFF or 0xFFFF) + frame[start + 8 :]


def replay(switch: Namespace, bridge: str, recording: list[tuple[float, bytes]], longest_gap: float = 0.05) -> int:
    """At the pace at which they were recorded, except that long silences are cut short."""
    with switch.inside():
        out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        out.bind((bridge, 0))
    with out:
        before = recording[0][0] if recording else 0
        for at, frame in recording:
            time.sleep(min(max(0.0, at - before), longest_gap))
            before = at
            out.send(frame)
    return len(recording)
