"""The clear side of a captured tunnel, by the key log of a gateway that was started to write one."""

from dataclasses import dataclass
from pathlib import Path

from .capture import fields
from .processes import LabError, run
from .topology import TUNNEL_PORT

_DATA = 0


@dataclass
class ClearSide:
    """Decrypted bytes as they were in the records, the bodies of HTTP/2 put together, and its header fields."""

    records: bytes
    bodies: bytes
    headers: str


def clear_side(pcap: Path, key_log: Path) -> ClearSide:
    if not key_log.exists() or not key_log.stat().st_size:
        raise LabError(f"the gateway wrote no TLS keys to {key_log.name}")
    options = ("-o", f"tls.keylog_file:{key_log}", "-d", f"tcp.port=={TUNNEL_PORT},tls")
    streams = {row[0] for row in fields(pcap, f"tcp.port == {TUNNEL_PORT} && tls", "tcp.stream", options=options)}
    records, bodies = b"", b""
    for stream in sorted(streams, key=int):
        for side in _follow(pcap, int(stream), options):
            records += side + b"\n"
            bodies += _http2_bodies(side)
    rows = fields(
        pcap, "http2.header", "http2.header.name", "http2.header.value", options=(*options, "-E", "aggregator=|")
    )
    headers = "\n".join(f"{name}: {value}" for row in rows for name, value in zip(row[0].split("|"), row[1].split("|")))
    return ClearSide(records, bodies, headers)


def _follow(pcap: Path, stream: int, options) -> list[bytes]:
    """tshark's `follow`: the decrypted bytes of the client and of the server."""
    out = run(
        "tshark", "-n", "-r", pcap, *options, "-q", "-z", f"follow,tls,raw,{stream}", timeout=180
    ).stdout  # fmt: skip
    sides = [bytearray(), bytearray()]
    for line in out.splitlines():
        text = line.strip()
        if text and all(character in "0123456789abcdef" for character in text):
            sides[line.startswith("\t")] += bytes.fromhex(text)
    return [bytes(side) for side in sides]


def _http2_bodies(stream: bytes) -> bytes:
    """DATA of each HTTP/2 stream put together, so that nothing hides at a frame's edge."""
    position = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") if stream.startswith(b"PRI ") else 0
    parts: dict[int, bytearray] = {}
    while position + 9 <= len(stream):
        length = int.from_bytes(stream[position : position + 3], "big")
        kind, flags = stream[position + 3], stream[position + 4]
        identifier = int.from_bytes(stream[position + 5 : position + 9], "big") & 0x7FFFFFFF
        payload = stream[position + 9 : position + 9 + length]
        if kind == _DATA:
            if flags & 0x8 and payload:
                payload = payload[1 : len(payload) - payload[0]]
            parts.setdefault(identifier, bytearray()).extend(payload)
        position += 9 + length
    return b"\n".join(bytes(part) for part in parts.values()) + b"\n"
