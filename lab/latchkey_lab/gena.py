"""An event subscriber of the lab's own, which keeps what it was told and in which order."""

import http.server
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from .namespaces import Namespace
from .processes import LabError
from .upnp import Server, request


@dataclass
class Event:
    at: float
    seq: int
    sid: str
    body: bytes

    @property
    def properties(self) -> dict:
        root = ET.fromstring(self.body)
        return {element.tag.rpartition("}")[2]: element.text or "" for prop in root for element in prop}


@dataclass
class Subscriber:
    """Subscribes on one host, with a callback server of its own there."""

    host: Namespace
    address: str
    events: list = field(default_factory=list)
    sid: str = ""
    url: str = ""

    def __post_init__(self):
        events = self.events

        class Callback(http.server.BaseHTTPRequestHandler):
            def do_NOTIFY(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                events.append(
                    Event(time.monotonic(), int(self.headers.get("SEQ", -1)), self.headers.get("SID", ""), body)
                )
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        with self.host.inside():
            self._server = Server((self.address, 0), Callback)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return self._server.port

    def subscribe(self, url: str, seconds: int = 300) -> None:
        self.url = url
        callback = f"<http://{self.address}:{self.port}/event>"
        with self.host.inside():
            answer = request(
                "SUBSCRIBE", url, {"CALLBACK": callback, "NT": "upnp:event", "TIMEOUT": f"Second-{seconds}"}
            )
        if answer.status != 200:
            raise LabError(f"SUBSCRIBE was answered with {answer.status}: {answer.body[:200]!r}")
        self.sid = answer.headers["sid"]

    def unsubscribe(self) -> None:
        with self.host.inside():
            request("UNSUBSCRIBE", self.url, {"SID": self.sid})

    def wait(self, count: int, timeout: float = 10) -> list[Event]:
        """Waits until that many events have come."""
        end = time.monotonic() + timeout
        while len(self.events) < count:
            if time.monotonic() > end:
                raise LabError(f"{len(self.events)} of {count} events in {timeout:.0f} s")
            time.sleep(0.02)
        return list(self.events)

    def wait_for(self, text: str, timeout: float = 10) -> Event:
        """Waits for an event whose body contains a text."""
        end = time.monotonic() + timeout
        while True:
            for event in list(self.events):
                if text in event.body.decode(errors="replace"):
                    return event
            if time.monotonic() > end:
                raise LabError(f"no event with {text!r} in {timeout:.0f} s; {len(self.events)} others came")
            time.sleep(0.02)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
