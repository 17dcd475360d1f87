"""The gateway's side of the relay protocol, written from docs/specs/relay.md and sharing no code with the program: a
second implementation, and what a relay is loaded with."""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PING, PONG, CALL, DECLINE, REPLACED, DRAINING = range(1, 7)
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")


def base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def spki_digest(certificate: x509.Certificate) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(certificate.public_key().public_bytes(serialization.Encoding.DER, form)).digest()


class Identity:
    """A key, and a certificate that is its own issuer."""

    def __init__(self, file: Path):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
        now = datetime.utcnow()
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2)).sign(key, hashes.SHA256())
        )  # fmt: skip
        self.digest = spki_digest(certificate)
        self.name = base32(self.digest)
        pem = serialization.Encoding.PEM
        file.write_bytes(
            certificate.public_bytes(pem)
            + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.set_alpn_protocols(["latchkey-register/1"])
        self.context.load_cert_chain(file)
        file.unlink()


def _vector(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def hello(server_name: str, protocol: str) -> bytes:
    """A record that reads as a ClientHello."""
    name, application = server_name.encode(), protocol.encode()
    extensions = b"\0\0" + _vector(_vector(b"\0" + _vector(name)))
    extensions += b"\0\x10" + _vector(_vector(bytes([len(application)]) + application))
    extensions += b"\0\x2b" + _vector(b"\2\3\4")
    body = b"\3\3" + os.urandom(32) + b"\x20" + os.urandom(32) + _vector(b"\x13\1\x13\2\x13\3") + b"\1\0"
    return b"\x16\3\1" + _vector(b"\1\0" + _vector(body + _vector(extensions)))


def receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError(f"closed after {len(data)} of {count} bytes: {data.hex()}")
        data += part
    return data


@dataclass
class Registered:
    """What a registration has given, and the standby connection."""

    key: bytes
    connection: socket.socket
    sent: int = 0
    received: int = 0

    def _code(self, side: bytes, number: int, frame: bytes) -> bytes:
        return hmac.digest(self.key, side + struct.pack(">I", number) + frame, "sha256")[:16]

    def send(self, kind: int, body: bytes = b"") -> None:
        frame = bytes([kind]) + body
        self.connection.sendall(b"\x17\3\3" + _vector(frame + self._code(b"g", self.sent, frame)))
        self.sent += 1

    def next(self) -> tuple[int, bytes]:
        head = receive(self.connection, 5)
        assert head[:3] == b"\x17\3\3", head.hex()
        content = receive(self.connection, struct.unpack(">H", head[3:])[0])
        frame, code = content[:-16], content[-16:]
        assert hmac.compare_digest(code, self._code(b"r", self.received, frame)), "a forged frame"
        self.received += 1
        return frame[0], frame[1:]

    def answer_ticket(self, call: bytes) -> str:
        return base32(hmac.digest(self.key, b"latchkey relay answer" + call, "sha256")[:16])


def register(identity: Identity, connect) -> Registered:
    """Registers and stands by; `connect` makes a TCP connection to the relay."""
    with connect() as plain, identity.context.wrap_socket(plain) as tls:
        relay = spki_digest(x509.load_der_x509_certificate(tls.getpeercert(binary_form=True)))
        tls.sendall(b"\1\0" + relay + bytes(32))
        status = receive(tls, 1)[0]
        if status:
            raise ConnectionError(f"the relay refuses with {status}")
        answer = receive(tls, 50)
    ticket, key = answer[:16], answer[16:48]
    registered = Registered(key, connect())
    registered.connection.sendall(hello(f"{base32(ticket)}.relay.invalid", "latchkey-standby/1"))
    registered.send(PING)
    kind, _ = registered.next()
    assert kind == PONG, kind
    return registered


def fetch(registered: Registered, connect) -> tuple[socket.socket, str]:
    """Waits for a call and fetches the client: the connection, and the source that the relay tells."""
    kind, call = registered.next()
    assert kind == CALL, kind
    connection = connect()
    connection.sendall(hello(f"{registered.answer_ticket(call)}.relay.invalid", "latchkey-answer/1"))
    return connection, read_proxy_header(connection)


def read_proxy_header(connection: socket.socket) -> str:
    head = receive(connection, 16)
    assert head[:12] == SIGNATURE and head[12] == 0x21, head.hex()
    body = receive(connection, struct.unpack(">H", head[14:])[0])
    address, port = (body[:4], body[8:10]) if head[13] == 0x11 else (body[:16], body[32:34])
    family = socket.AF_INET if head[13] == 0x11 else socket.AF_INET6
    return f"{socket.inet_ntop(family, address)}:{struct.unpack('>H', port)[0]}"
