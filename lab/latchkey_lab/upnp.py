"""A control point of the lab's own, in the standard library only: enough to look at what came out.

Everything here runs on the network where the calling thread stands (`Namespace.inside`).
"""

import http.client
import re
import socketserver
import urllib.parse
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

_DEVICE = "{urn:schemas-upnp-org:device-1-0}"
_DIDL = "{urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/}"
_DC = "{http://purl.org/dc/elements/1.1/}"


class Server(socketserver.ThreadingTCPServer):
    """An HTTP server's socket; the library's own class asks the name service for its address first."""

    allow_reuse_address = True
    daemon_threads = True

    @property
    def port(self) -> int:
        return self.server_address[1]

    def handle_error(self, *_):
        """A peer that leaves in the middle is nobody's fault here."""


class UPnPFault(Exception):
    """The device's own error: code and words."""

    def __init__(self, code: int, description: str):
        super().__init__(f"UPnP error {code}: {description}")
        self.code, self.description = code, description


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes


def request(method: str, url: str, headers=None, body: bytes | None = None, timeout: float = 10) -> Answer:
    """One HTTP request on a connection of its own."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)
    try:
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from None
    finally:
        connection.close()


@dataclass
class Service:
    type: str
    control: str
    events: str
    scpd: str


@dataclass
class Description:
    location: str
    name: str
    udn: str
    device_types: list
    services: list
    icons: list
    xml: str

    def service(self, word: str) -> Service:
        for service in self.services:
            if f":{word}:" in service.type:
                return service
        raise LookupError(f"{self.name} has no {word}")

    def control_url(self, word: str) -> str:
        return self.service(word).control


def describe(location: str) -> Description:
    """Fetches and reads a device description; its URLs come out absolute."""
    answer = request("GET", location)
    if answer.status != 200:
        raise OSError(f"{location}: HTTP {answer.status}")
    root = ET.fromstring(answer.body)
    device = root.find(_DEVICE + "device")

    def absolute(element, name):
        return urllib.parse.urljoin(location, element.findtext(_DEVICE + name, "").strip())

    return Description(
        location=location,
        name=device.findtext(_DEVICE + "friendlyName", ""),
        udn=device.findtext(_DEVICE + "UDN", ""),
        device_types=[found.text for found in root.iter(_DEVICE + "deviceType")],
        services=[
            Service(
                found.findtext(_DEVICE + "serviceType", ""),
                absolute(found, "controlURL"),
                absolute(found, "eventSubURL"),
                absolute(found, "SCPDURL"),
            )
            for found in root.iter(_DEVICE + "service")
        ],
        icons=[absolute(found, "url") for found in root.iter(_DEVICE + "icon")],
        xml=answer.body.decode(errors="replace"),
    )


def invoke(description: Description, service_word: str, action: str, timeout: float = 15, **arguments) -> dict:
    """Calls an action; a fault of the device is raised as UPnPFault."""
    service = description.service(service_word)
    answer = soap(service.control, service.type, action, arguments, timeout)
    return read_soap(answer)


def soap(url: str, service_type: str, action: str, arguments: dict, timeout: float = 15) -> Answer:
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in arguments.items())
    body = (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
        f'<u:{action} xmlns:u="{service_type}">{inner}</u:{action}></s:Body></s:Envelope>'
    ).encode()
    headers = {"Content-Type": 'text/xml; charset="utf-8"', "SOAPAction": f'"{service_type}#{action}"'}
    return request("POST", url, headers, body, timeout)


def read_soap(answer: Answer) -> dict:
    try:
        root = ET.fromstring(answer.body)
    except ET.ParseError:
        raise OSError(f"HTTP {answer.status}: {answer.body[:200]!r}") from None
    values = {element.tag.rpartition("}")[2]: element.text or "" for element in root.iter() if not len(element)}
    if "errorCode" in values:
        raise UPnPFault(int(values["errorCode"]), values.get("errorDescription", ""))
    if answer.status != 200:
        raise OSError(f"HTTP {answer.status}: {answer.body[:200]!r}")
    return values


@dataclass
class Item:
    id: str
    title: str
    resources: list = field(default_factory=list)
    art: list = field(default_factory=list)


@dataclass
class Listing:
    items: list
    containers: list
    didl: str


def browse(control_url: str, object_id: str) -> Listing:
    """ContentDirectory:1 Browse of a container's children."""
    values = read_soap(
        soap(
            control_url,
            "urn:schemas-upnp-org:service:ContentDirectory:1",
            "Browse",
            {
                "ObjectID": object_id,
                "BrowseFlag": "BrowseDirectChildren",
                "Filter": "*",
                "StartingIndex": 0,
                "RequestedCount": 50,
                "SortCriteria": "",
            },
        )
    )
    return read_didl(values.get("Result", ""))


def read_didl(didl: str) -> Listing:
    root = ET.fromstring(didl)
    items = [
        Item(
            found.get("id"),
            found.findtext(_DC + "title", ""),
            [resource.text for resource in found.iter(_DIDL + "res")],
            [element.text for element in found.iter() if element.tag.endswith("albumArtURI")],
        )
        for found in root.iter(_DIDL + "item")
    ]
    containers = [(found.get("id"), found.findtext(_DC + "title", "")) for found in root.iter(_DIDL + "container")]
    return Listing(items, containers, didl)


def find_item(control_url: str, title: str, below: str = "0", depth: int = 4) -> Item:
    """Walks the containers, as a person would, to the item with that title."""
    listing = browse(control_url, below)
    for item in listing.items:
        if item.title == title:
            return item
    if depth:
        for identifier, _ in listing.containers:
            try:
                return find_item(control_url, title, identifier, depth - 1)
            except LookupError:
                continue
    raise LookupError(f"no item {title!r} below {below}")


def seconds(clock: str) -> float:
    """`H:MM:SS(.f)` as AVTransport writes positions; 0 for NOT_IMPLEMENTED."""
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", clock.strip())
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else 0.0
