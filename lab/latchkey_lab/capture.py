"""Captures, and the search for what must not be in them."""

import re
import signal
import time
from pathlib import Path
from urllib.parse import unquote_to_bytes

from .namespaces import Namespace
from .processes import LabError, run


class Capture:
    """tcpdump on one host, into a file."""

    def __init__(self, host: Namespace, file: Path, filter: str = "", interface: str = "any"):
        self.file = file
        file.unlink(missing_ok=True)
        self.process = host.start(
            f"tcpdump-{host.name}", "tcpdump", "-n", "-i", interface, "-s", "0", "-U", "-B", "65536", "-Z", "root",
            "-w", file, *filter.split(), log=file.with_suffix(".log"),
        )  # fmt: skip
        self.process.wait_for("listening on")

    def stop(self) -> Path:
        time.sleep(1.2)  # the kernel hands packets over once a second
        self.process.stop(signal.SIGINT)
        if "0 packets dropped by kernel" not in self.process.output():
            raise LabError(f"the capture lost packets: {self.process.output().strip()[-120:]}")
        return self.file


def fields(pcap: Path, display_filter: str, *names: str, options=()) -> list[list[str]]:
    """What tshark reads from the packets that a filter selects: one row each."""
    wanted = [word for name in names for word in ("-e", name)]
    out = run(
        "tshark", "-n", "-r", pcap, *options, "-Y", display_filter, "-T", "fields", "-E", "separator=/t", *wanted,
        timeout=120,
    ).stdout  # fmt: skip
    return [line.split("\t") for line in out.splitlines()]


_ENTITY = re.compile(rb"&(?:amp;)*#(?:[xX]0*([0-9a-fA-F]{1,2})|0*([0-9]{1,3}));")
_JSON_ESCAPE = re.compile(rb"\\u00([0-9a-fA-F]{2})")


def _without_entities(data: bytes) -> bytes:
    return _ENTITY.sub(lambda found: bytes([int(found[1], 16) if found[1] else int(found[2]) & 0xFF]), data)


def _without_json_escapes(data: bytes) -> bytes:
    return _JSON_ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), data)


# Each way of writing is undone, and what comes out is searched for the plain address.
SPELLINGS = {
    "plain": lambda data: data,
    "percent-encoded, once or twice": lambda data: unquote_to_bytes(unquote_to_bytes(data)),
    "XML-escaped, once or twice": _without_entities,
    "JSON-escaped": _without_json_escapes,
    "UTF-16": lambda data: data.replace(b"\0", b""),
    "in a host name": lambda data: data.replace(b"-", b"."),
}


def find_addresses(data: bytes, prefix: str) -> list[str]:
    """A line for each spelling in which an address of that network occurs, with what stands around it.

    `prefix` is the network's part of the address with its last dot, such as `192.168.37.`.
    """
    pattern = re.compile(rb"(?<![0-9])" + re.escape(prefix).encode())
    found = []
    for spelling, undo in SPELLINGS.items():
        readable = undo(data)
        hits = len(pattern.findall(readable))
        if hits and (hit := pattern.search(readable)):
            around = readable[max(0, hit.start() - 60) : hit.end() + 40]
            found.append(f"{spelling}, {hits} times, first at byte {hit.start()}: {around!r}")
            if spelling == "plain":
                break  # the other spellings would only repeat it
    return found


def planted_forms(address: str) -> dict[str, bytes]:
    """One address in each form, to show that the search can find it."""
    characters = address.encode()
    return {
        "plain": characters,
        "percent-encoded dots": address.replace(".", "%2e").encode(),
        "percent-encoded": b"".join(b"%%%02X" % byte for byte in characters),
        "XML-escaped, decimal": b"".join(b"&#%d;" % byte for byte in characters),
        "XML-escaped, hexadecimal": b"".join(b"&#x%X;" % byte for byte in characters),
        "XML-escaped twice": address.replace(".", "&amp;#46;").encode(),
        "JSON-escaped": address.replace(".", "\\u002e").encode(),
        "UTF-16 little-endian": address.encode("utf-16-le"),
        "UTF-16 big-endian": address.encode("utf-16-be"),
        "in a host name": address.replace(".", "-").encode(),
    }


def payload_bytes(pcap: Path) -> bytes:
    """All TCP and UDP payload of a capture: streams put together, so that no address hides at a packet's edge."""
    streams: dict[tuple, list[bytes]] = {}
    rows = fields(
        pcap, "tcp.len > 0 || udp", "tcp.stream", "tcp.srcport", "udp.stream", "udp.srcport", "tcp.payload",
        "udp.payload", options=("-o", "tcp.desegment_tcp_streams:FALSE"),
    )  # fmt: skip
    for tcp, tcp_port, udp, udp_port, tcp_payload, udp_payload in rows:
        key = ("t", tcp, tcp_port) if tcp else ("u", udp, udp_port)
        streams.setdefault(key, []).append(bytes.fromhex((tcp_payload or udp_payload).replace(":", "").split(",")[0]))
    return b"\n".join(b"".join(parts) for parts in streams.values())
