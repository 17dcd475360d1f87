"""A control point of DeviceProtection:1 that nobody of the project's Swift code had a hand in: ssl, hashlib, hmac."""

import base64
import hashlib
import hmac
import http.client
import ssl
import urllib.parse
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path
from xml.sax.saxutils import escape

from .processes import run
from .upnp import Answer, read_soap

SERVICE = "urn:schemas-upnp-org:service:DeviceProtection:1"
_DEVICE = "{urn:schemas-upnp-org:device-1-0}"


def identity_of(der: bytes) -> uuid.UUID:
    """The first 16 bytes of the certificate's SHA-256, with the bits of version 5."""
    raw = bytearray(hashlib.sha256(der).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x50
    raw[8] = raw[8] & 0x3F | 0x80
    return uuid.UUID(bytes=bytes(raw))


class Certificate:
    """A chain as the standard of 2011 wants it: a self-signed root and a leaf, RSA with 2048 bits, 10,000 days."""

    def __init__(self, folder: Path, name: str):
        folder.mkdir(parents=True, exist_ok=True)
        stem = folder / name
        self.chain, self.key = Path(f"{stem}.pem"), Path(f"{stem}.key")
        root, root_key, request = f"{stem}-root.pem", f"{stem}-root.key", f"{stem}.csr"
        new = ("-newkey", "rsa:2048", "-nodes")
        run("openssl", "req", "-x509", *new, "-keyout", root_key, "-out", root, "-days", "10000", "-subj", f"/CN={name} root")
        run("openssl", "req", *new, "-keyout", self.key, "-out", request, "-subj", f"/CN={name}")
        run(
            "openssl", "x509", "-req", "-in", request, "-CA", root, "-CAkey", root_key, "-CAcreateserial",
            "-days", "10000", "-out", f"{stem}-leaf.pem",
        )  # fmt: skip
        leaf = Path(f"{stem}-leaf.pem").read_text()
        self.chain.write_text(leaf + Path(root).read_text())
        self.id = identity_of(ssl.PEM_cert_to_DER_cert(leaf))


class ProtectedDevice:
    """A device at its SECURELOCATION, over one TLS connection that is kept; runs where the calling thread stands."""

    def __init__(self, location: str, certificate: Certificate | None):
        parts = urllib.parse.urlsplit(location)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Nobody validates these certificates: the hash of one is its name.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate.chain, certificate.key)
        self.certificate = certificate
        self._connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=10, context=context)
        self._connection.connect()
        self.id = identity_of(self._connection.sock.getpeercert(binary_form=True))
        self.description = self._exchange("GET", parts.path).body
        device = ET.fromstring(self.description).find(_DEVICE + "device")
        self.udn = device.findtext(_DEVICE + "UDN")
        self.controls = {
            found.findtext(_DEVICE + "serviceType"): urllib.parse.urlsplit(
                urllib.parse.urljoin(location, found.findtext(_DEVICE + "controlURL").strip())
            ).path
            for found in device.iter(_DEVICE + "service")
        }

    def _exchange(self, method: str, path: str, body: bytes | None = None, headers=None) -> Answer:
        self._connection.request(method, path, body=body, headers=headers or {})
        response = self._connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def call(self, action: str, service: str = SERVICE, **arguments) -> dict:
        inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in arguments.items())
        body = (
            '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
            's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
            f'<u:{action} xmlns:u="{service}">{inner}</u:{action}></s:Body></s:Envelope>'
        ).encode()
        headers = {"Content-Type": 'text/xml; charset="utf-8"', "SOAPAction": f'"{service}#{action}"'}
        return read_soap(self._exchange("POST", self.controls[service], body, headers))

    def login(self, name: str, password: str) -> None:
        """PKCS5: the password proves itself without being told."""
        given = self.call("GetUserLoginChallenge", ProtocolType="PKCS5", Name=name)
        salt, challenge = base64.b64decode(given["Salt"]), base64.b64decode(given["Challenge"])
        stored = hashlib.pbkdf2_hmac("sha256", password.encode(), name.encode() + salt, 5000, 16)
        message = challenge + self.id.bytes + self.certificate.id.bytes
        proof = hmac.new(stored, message, "sha256").digest()[:16]
        self.call(
            "UserLogin", ProtocolType="PKCS5", Challenge=given["Challenge"],
            Authenticator=base64.b64encode(proof).decode(),
        )  # fmt: skip

    def close(self) -> None:
        self._connection.close()
