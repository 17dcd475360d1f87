"""A home device that sends a film, which has ranges, and a radio, which has neither an end nor a way back; and who listens.

Both are records of 64 bytes that say where they stand, so that a gap, a repetition or another's bytes are seen at once.
"""

import contextlib
import http.client
import re
import threading
import time
import urllib.parse

from . import upnp
from .devices import Device, description, send
from .namespaces import Namespace

UDN = "uuid:6c61622d-6665-6564-0000-000000000001"
SERVICE = "urn:schemas-upnp-org:service:DigitalSecurityCameraMotionImage:1"
#: What a film and a radio are made of, in plain.
MARKER = b"plain-text-of-the-lab"
RECORD = 64
CHUNK = 16 << 10
FILM_BYTES = 256 << 20


def content(first: int, length: int) -> bytes:
    """The bytes of either stream from there on."""
    begin, end = first // RECORD, -(-(first + length) // RECORD)
    text = b"".join(b"%s %041d\n" % (MARKER, number) for number in range(begin, end))
    return text[first - begin * RECORD :][:length]


_SCPD = (
    '<?xml version="1.0"?><scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>0</minor>'
    "</specVersion><actionList>"
    + "".join(
        f"<action><name>Get{name}URL</name><argumentList><argument><name>URL</name><direction>out</direction>"
        "<relatedStateVariable>URL</relatedStateVariable></argument></argumentList></action>"
        for name in ("Film", "Radio")
    )
    + '</actionList><serviceStateTable><stateVariable sendEvents="no"><name>URL</name><dataType>string</dataType>'
    "</stateVariable></serviceStateTable></scpd>"
).encode()
_BODY = (
    f"<serviceList><service><serviceType>{SERVICE}</serviceType><serviceId>urn:upnp-org:serviceId:Feed</serviceId>"
    "<SCPDURL>/scpd.xml</SCPDURL><controlURL>/control</controlURL><eventSubURL>/events</eventSubURL></service></serviceList>"
)


class Feed(Device):
    """The device; it sends `rate` bytes a second of either stream, so that a reader's pauses are those of the path."""

    def __init__(self, host: Namespace, address: str, rate: int = 1 << 20):
        self.rate = rate
        super().__init__(host, address, UDN, self._answer_http)

    def _answer_http(self, handler, path: str) -> None:
        if path == "/description.xml":
            send(handler, description(UDN, "Lab feed", _BODY))
        elif path == "/scpd.xml":
            send(handler, _SCPD)
        elif path == "/control":
            name = re.search(r"Get(\w+)URL", handler.headers.get("SOAPAction", "")).group(1)
            url = self.location.replace("description.xml", name.lower())
            send(
                handler,
                '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
                f'<u:Get{name}URLResponse xmlns:u="{SERVICE}"><URL>{url}</URL></u:Get{name}URLResponse>'
                "</s:Body></s:Envelope>".encode(),
            )
        elif path == "/film":
            self._film(handler)
        elif path == "/radio":
            self._radio(handler)
        else:
            send(handler, b"", status=404)

    def _film(self, handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        last = int(asked[2]) if asked and asked[2] else FILM_BYTES - 1
        handler.send_response(206 if asked else 200)
        handler.send_header("Content-Type", "video/mp4")
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("ETag", '"lab"')
        handler.send_header("Content-Length", str(last + 1 - first))
        if asked:
            handler.send_header("Content-Range", f"bytes {first}-{last}/{FILM_BYTES}")
        handler.end_headers()
        if handler.command != "HEAD":
            for part in self._paced(first, last + 1):
                handler.wfile.write(part)

    def _radio(self, handler) -> None:
        """No length, no ranges, no validators: chunks until the listener goes."""
        handler.send_response(200)
        handler.send_header("Content-Type", "audio/mpeg")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        if handler.command != "HEAD":
            for part in self._paced(0, 1 << 40):
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def _paced(self, position: int, end: int):
        begun, sent = time.monotonic(), 0
        while position < end and self._open:
            part = content(position, min(CHUNK, end - position))
            yield part
            position, sent = position + len(part), sent + len(part)
            # What could not be sent in time is not made up for: a reader that was stalled must not be flooded.
            if (ahead := begun + sent / self.rate - time.monotonic()) > 0:
                time.sleep(ahead)


class Listener:
    """An app away that reads a stream, holds every byte against what it has to be, and times the pauses."""

    def __init__(self, host: Namespace, url: str, length: int | None = None):
        self.received, self.longest_stall, self.fault = 0, 0.0, ""
        self._last = time.monotonic()
        parts = urllib.parse.urlsplit(url)
        with host.inside():
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
            self._connection.connect()
        self._path, self._length = parts.path, length
        self._is_wanted = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._connection.request("GET", self._path)
            response = self._connection.getresponse()
            if response.status != 200:
                self.fault = f"HTTP {response.status}: {response.read(200)!r}"
            while not self.fault and self._is_wanted and self.received != self._length:
                part = response.read1(CHUNK)
                now = time.monotonic()
                if self.received:
                    self.longest_stall = max(self.longest_stall, now - self._last)
                self._last = now
                if not part:
                    self.fault = f"ended after {self.received} bytes"
                elif part != content(self.received, len(part)):
                    self.fault = f"other bytes than at home, after {self.received}: {part[:80]!r}"
                else:
                    self.received += len(part)
        except (OSError, http.client.HTTPException) as error:
            self.fault = f"{type(error).__name__} after {self.received} bytes: {error}"

    @property
    def stall(self) -> float:
        """The longest pause so far, one that lasts included."""
        return max(self.longest_stall, time.monotonic() - self._last if self._thread.is_alive() else 0)

    def take_stall(self) -> float:
        """The longest pause since this was last asked for."""
        longest, self.longest_stall = self.stall, 0.0
        return longest

    def stop(self) -> None:
        self._is_wanted = False
        self._thread.join(5)
        with contextlib.suppress(OSError):
            self._connection.close()


def stream_url(host: Namespace, location: str, name: str) -> str:
    """The mirrored URL of `Film` or `Radio`, as an app gets it from an action."""
    with host.inside():
        return upnp.invoke(upnp.describe(location), "DigitalSecurityCameraMotionImage", f"Get{name}URL")["URL"]
