"""Devices of the lab's own, in the standard library, whose manners can be chosen."""

import contextlib
import http.server
import socket
import struct
import threading
import time

from .namespaces import Namespace
from .ssdp import GROUP, PORT, parse
from .upnp import Server


def description(udn: str, name: str, body: str = "") -> bytes:
    return (
        '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor>'
        "</specVersion><device><deviceType>urn:schemas-upnp-org:device:Basic:1</deviceType>"
        f"<friendlyName>{name}</friendlyName><manufacturer>Lab</manufacturer><modelName>{name}</modelName>"
        f"<UDN>{udn}</UDN>{body}</device></root>"
    ).encode()


class Device:
    """Announces itself, and answers HTTP with a function `(handler, path)`."""

    def __init__(self, host: Namespace, address: str, udn: str, answer):
        self.host, self.address, self.udn = host, address, udn
        self.requests: list[str] = []
        requests = self.requests

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self):
                requests.append(f"{self.command} {self.path}")
                with contextlib.suppress(OSError):
                    answer(self, self.path)
                self.close_connection = True

            do_GET = do_POST = do_HEAD = do_SUBSCRIBE = do_UNSUBSCRIBE = _do

            def log_message(self, *_):
                pass

        with host.inside():
            self._server = Server((address, 0), Handler)
        self.location = f"http://{address}:{self._server.port}/description.xml"
        self._open = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self._speak, daemon=True).start()

    def _targets(self):
        yield "upnp:rootdevice", f"{self.udn}::upnp:rootdevice"
        yield self.udn, self.udn
        yield "urn:schemas-upnp-org:device:Basic:1", f"{self.udn}::urn:schemas-upnp-org:device:Basic:1"

    def _notify(self, nts: str) -> None:
        with self.host.socket(socket.SOCK_DGRAM) as out:
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self.address))
            for target, usn in self._targets():
                out.sendto(
                    f"NOTIFY * HTTP/1.1\r\nHOST: {GROUP}:{PORT}\r\nCACHE-CONTROL: max-age=1800\r\n"
                    f"LOCATION: {self.location}\r\nNT: {target}\r\nNTS: ssdp:{nts}\r\nSERVER: Lab/1 UPnP/1.0 Lab/1\r\n"
                    f"USN: {usn}\r\n\r\n".encode(),
                    (GROUP, PORT),
                )

    def _speak(self) -> None:
        """Announces every two seconds, and answers searches."""
        with self.host.socket(socket.SOCK_DGRAM) as ear:
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ear.bind((GROUP, PORT))
            membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(self.address))
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            ear.settimeout(0.2)
            announced = 0.0
            while self._open:
                if time.monotonic() - announced > 2:
                    self._notify("alive")
                    announced = time.monotonic()
                with contextlib.suppress(TimeoutError):
                    raw, (source, port) = ear.recvfrom(65535)
                    message = parse(raw, source)
                    if message.kind == "search":
                        self._answer(ear, message.headers.get("st", ""), (source, port))

    def _answer(self, out: socket.socket, wanted: str, to) -> None:
        for target, usn in self._targets():
            if wanted in ("ssdp:all", target):
                out.sendto(
                    f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\nLOCATION: {self.location}\r\n"
                    f"SERVER: Lab/1 UPnP/1.0 Lab/1\r\nST: {target}\r\nUSN: {usn}\r\n\r\n".encode(),
                    to,
                )

    def close(self) -> None:
        self._open = False
        self._notify("byebye")
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def send(handler, body: bytes, kind: str = 'text/xml; charset="utf-8"', status: int = 200) -> None:
    """A proper answer."""
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
