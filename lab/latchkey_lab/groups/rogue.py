"""Somebody on the LAN who pretends to be the controller, and somebody on the switch who answers in its name."""

import contextlib
import os
import re
import socket
import struct
import threading

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..devices import Device, description, send
from ..namespaces import Namespace
from . import wire
from .replay import udp_of, with_checksum

SERVICE = "urn:supnp-project:service:SecureGroup:1"
_ANSWER = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
    f'<u:GetEndpointsResponse xmlns:u="{SERVICE}">'
    "<GroupID>{group}</GroupID><KeyManagerPort>{port}</KeyManagerPort><ForwarderPort>{port}</ForwarderPort>"
    "<MulticastIPv4>239.255.83.80:58080</MulticastIPv4><MulticastIPv6></MulticastIPv6><Suites>1,0</Suites>"
    "</u:GetEndpointsResponse></s:Body></s:Envelope>"
)
_SERVICES = (
    f"<serviceList><service><serviceType>{SERVICE}</serviceType><serviceId>urn:supnp-project:serviceId:SecureGroup</serviceId>"
    "<SCPDURL>/scpd.xml</SCPDURL><controlURL>/control</controlURL><eventSubURL>/events</eventSubURL></service></serviceList>"
)
_SCPD = (
    '<?xml version="1.0"?><scpd xmlns="urn:schemas-upnp-org:service-1-0">'
    "<specVersion><major>1</major><minor>0</minor></specVersion><actionList><action><name>GetEndpoints</name><argumentList>{arguments}</argumentList></action></actionList>"
    "<serviceStateTable>{variables}</serviceStateTable></scpd>"
)
_ARGUMENTS = {"GroupID": "string", "KeyManagerPort": "ui2", "ForwarderPort": "ui2", "MulticastIPv4": "string",
              "MulticastIPv6": "string", "Suites": "string"}  # fmt: skip


def message(kind: int, sequence: int, suite: int, tags: dict[int, bytes]) -> bytes:
    """A registration's message from a controller, its header in order."""
    body = struct.pack(">H", kind)
    for tag, value in sorted(tags.items()):
        body += struct.pack(">HH", tag, len(value)) + value
    flag = wire.CONTROL | wire.RESPONSE | suite << 4 | 1
    header = struct.pack(">5H", wire.MAGIC, flag, 0, sequence, 12 + len(body))
    return header + struct.pack(">H", wire.checksum(header + b"\0\0")) + body


def point() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def reply(device: bytes, sequence: int, suite: int, group: bytes) -> bytes:
    tags = {wire.DEVICE_ID: device, 0x04: bytes([suite]), 0x05: os.urandom(16)}
    tags |= {0x0D: os.urandom(16), 0x0E: os.urandom(22), 0x0F: b"\x01", 0x10: group} if suite else {0x06: os.urandom(16)}
    return message(0x0002, sequence, suite, tags)


class RogueController(Device):
    """Announces the group's service, and takes registrations as far as somebody can who knows no code."""

    def __init__(self, host: Namespace, address: str, group: bytes):
        self.heard: list[tuple[str, bytes]] = []  # kind and datagram of all that devices sent it
        self.group = group
        with host.inside():
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((address, 0))
        self._udp.settimeout(0.2)
        super().__init__(host, address, "uuid:0badc0de-0000-4000-8000-00000000c0de", self._answer_http)
        threading.Thread(target=self._register, daemon=True).start()

    def _targets(self):
        yield from super()._targets()
        yield SERVICE, f"{self.udn}::{SERVICE}"

    def _answer_http(self, handler, path: str) -> None:
        if path == "/description.xml":
            return send(handler, description(self.udn, "Secure group", _SERVICES))
        if path == "/scpd.xml":
            arguments = "".join(
                f"<argument><name>{name}</name><direction>out</direction>"
                f"<relatedStateVariable>{name}</relatedStateVariable></argument>"
                for name in _ARGUMENTS
            )
            variables = "".join(
                f'<stateVariable sendEvents="no"><name>{name}</name><dataType>{kind}</dataType></stateVariable>'
                for name, kind in _ARGUMENTS.items()
            )
            return send(handler, _SCPD.format(arguments=arguments, variables=variables).encode())
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        return send(handler, _ANSWER.format(group=self.group.hex(), port=self._udp.getsockname()[1]).encode())

    def _register(self) -> None:
        while self._open:
            with contextlib.suppress(TimeoutError, wire.NotSUPnP):
                raw, source = self._udp.recvfrom(65535)
                heard = wire.Datagram(raw)
                self.heard.append((heard.kind, raw))
                device, sequence = heard.tags.get(wire.DEVICE_ID, b""), heard.nonce
                if heard.kind == "REG_REQUEST":
                    self._udp.sendto(reply(device, sequence, 1, self.group), source)
                    self._udp.sendto(reply(device, sequence, 0, self.group), source)
                if heard.kind == "REG_RESPONSE":
                    tags = {wire.DEVICE_ID: device, 0x12: point(), 0x14: os.urandom(32)}
                    self._udp.sendto(message(0x0009, sequence, 1, tags), source)
                    self._udp.sendto(message(0x0004, sequence, 1, {wire.DEVICE_ID: device, 0x0B: os.urandom(200)}), source)
        self._udp.close()


class Forger:
    """Sees every REG_REQUEST on the switch, and is always the first to answer, under other people's addresses."""

    def __init__(self, switch: Namespace, bridge: str, mac: bytes, true_address: str, others: list[str], group: bytes):
        self._mac, self._true, self._others, self._group = mac, socket.inet_aton(true_address), others, group
        self.sent = 0
        self._seen: dict[bytes, int] = {}
        self._open = True
        with switch.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self._socket.bind((bridge, 0))
            index = socket.if_nametoindex(bridge)
        # Promiscuous, so that the switch hands over what it only passes on.
        self._socket.setsockopt(263, 1, struct.pack("iHH8s", index, 1, 0, b""))
        self._socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._open:
            with contextlib.suppress(TimeoutError, wire.NotSUPnP, IndexError, struct.error):
                frame = self._socket.recv(65535)
                parts = udp_of(frame)
                if not parts or len(parts[0]) != 4 or parts[1] != self._true:
                    continue
                heard = wire.Datagram(parts[2][8:])
                if heard.kind == "REG_REQUEST":
                    self._forge(frame, parts, heard)

    def _forge(self, frame: bytes, parts, heard: wire.Datagram) -> None:
        device, sequence = heard.tags[wire.DEVICE_ID], heard.nonce
        source_port, target_port = parts[2][:2], parts[2][2:4]
        times = self._seen[device] = self._seen.get(device, 0) + 1
        forged = [(socket.inet_aton(other), reply(device, sequence, 1, self._group)) for other in self._others]
        forged += [
            (self._true, message(0x0005, sequence, 0, {wire.DEVICE_ID: device, 0x09: b"\0\x02"})),
            (self._true, message(0x0004, sequence, 1, {wire.DEVICE_ID: device, 0x0B: os.urandom(300)})),
        ]
        if times == 1:  # who stands between two can keep them apart for as long as it likes; this one does it once
            forged.insert(0, (self._true, reply(device, sequence, 1, self._group)))
        for source, datagram in forged:
            self._send(frame[6:12], source, parts[0], target_port, source_port, datagram)

    def _send(self, mac: bytes, source: bytes, target: bytes, source_port: bytes, target_port: bytes, datagram: bytes) -> None:
        udp = source_port + target_port + struct.pack(">HH", 8 + len(datagram), 0) + datagram
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 2, 17, 0) + source + target
        total = sum(struct.unpack(">10H", head))
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        head = head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:]
        self._socket.send(with_checksum(mac + self._mac + b"\x08\x00" + head + udp))
        self.sent += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._open = False
        self._thread.join(1)
        self._socket.close()


def group_of(status: dict) -> bytes:
    """The group's id as `group status` tells it."""
    return bytes.fromhex(re.sub("[^0-9a-fA-F]", "", status["groupID"]))
