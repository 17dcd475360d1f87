"""Captures, and the search for what must not be in them."""

import re
import signal
import time
from pathlib import Path

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


def _spelled(text: str, *alternatives) -> bytes:
    """A pattern for a text each of whose characters may be written in one of several ways."""
    return b"".join(
        rb"(?:" + rb"|".join(way(byte) for way in alternatives) + rb")" for byte in text.encode()
    )


def _plain(byte: int) -> bytes:
    return re.escape(bytes([byte]))


def spellings(prefix: str) -> dict[str, re.Pattern]:
    """Every form in which the network's part of an address is looked for, as a pattern over bytes."""
    whole = rb"(?<![0-9])"  # 192.168.37. is not in 1192.168.37.1
    forms = {
        "plain": whole + re.escape(prefix).encode(),
        "percent-encoded": whole + _spelled(prefix, lambda b: rb"%%(?:25)?(?i:%02x)" % b, _plain),
        "XML-escaped": whole + _spelled(prefix, lambda b: rb"&(?:amp;)?#0*%d;" % b, lambda b: rb"&(?:amp;)?#[xX]0*(?i:%x);" % b, _plain),
        "JSON-escaped": whole + _spelled(prefix, lambda b: rb"\\u00(?i:%02x)" % b, _plain),
        "UTF-16 little-endian": re.escape(prefix.encode("utf-16-le")),
        "UTF-16 big-endian": re.escape(prefix.encode("utf-16-be")),
        "in a host name": whole + re.escape(prefix.replace(".", "-")).encode(),
    }
    return {name: re.compile(pattern, re.DOTALL) for name, pattern in forms.items()}


def find_addresses(data: bytes, prefix: str) -> list[str]:
    """A line for each form in which an address of that network occurs, with what stands around it."""
    found = []
    for form, pattern in spellings(prefix).items():
        if hit := pattern.search(data):
            around = data[max(0, hit.start() - 60) : hit.end() + 40]
            found.append(f"{form}, {len(pattern.findall(data))} times, first at byte {hit.start()}: {around!r}")
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
