"""No address of the home is in anything that leaves it."""

import time

from .. import capture, ssdp, tls, upnp
from ..gena import Subscriber
from ..laboratory import Laboratory
from ..steps import expect, step


def _tour(lab: Laboratory) -> int:
    """Touches everything an app could: each URL of each mirrored device, good requests and bad ones."""
    laptop, asked = lab.laptop, 0
    answers = ssdp.search(laptop.host, laptop.address, "ssdp:all", seconds=2.5)
    found = ssdp.locations([answer for answer in answers if answer.source == laptop.address])
    with Subscriber(laptop.host, laptop.address) as subscriber, laptop.host.inside():
        for location in found.values():
            device = upnp.describe(location)
            urls = [location, *device.icons, *(one.scpd for one in device.services)]
            urls += [location + "x", location.rpartition("/")[0] + "/nothing"]
            for one in device.services:
                urls += [one.control, one.events]
                upnp.soap(one.control, one.type, "NoSuchAction", {"Argument": "1"})
            for url in urls:
                for method in ("GET", "HEAD", "PUT"):
                    upnp.request(method, url)
                    asked += 1
            # minidlna accepts subscriptions and never sends a first event: there is nothing to hear.
            for one in device.services if device.udn != lab.server_udn else []:
                answer = upnp.request("SUBSCRIBE", one.events, {
                    "CALLBACK": f"<http://{laptop.address}:{subscriber.port}/e>",
                    "NT": "upnp:event", "TIMEOUT": "Second-120",
                })  # fmt: skip
                asked += answer.status > 0
        time.sleep(1)
    asked += _media_tour(lab, found[lab.server_udn])
    return asked


def _media_tour(lab: Laboratory, location: str) -> int:
    asked = 0
    with lab.laptop.host.inside():
        server = upnp.describe(location)
        upnp.invoke(server, "ConnectionManager", "GetProtocolInfo")
        control = server.control_url("ContentDirectory")
        for container in ("0", "64", "1", "2", "3", "no-such"):
            try:
                listing = upnp.browse(control, container)
            except upnp.UPnPFault:
                continue
            for item in listing.items:
                for url in item.resources + item.art:
                    for headers in ({}, {"getCaptionInfo.sec": "1", "getcontentFeatures.dlna.org": "1"}):
                        upnp.request("HEAD", url, headers)
                        asked += 1
                    upnp.request("GET", url, {"Range": "bytes=0-1000"})
                    upnp.request("GET", url, {"Range": "bytes=99999999999-"})
                    asked += 2
    return asked


@step("no home address is on the away LAN or in the tunnel's clear side, in any spelling")
def no_address_leaves(lab: Laboratory):
    for form, planted in capture.planted_forms(lab.address("home-b")).items():
        expect(capture.find_addresses(b"<a>" + planted + b":1</a>", lab.plan.home + "."), f"the search misses {form}")
    lab.mirror(lab.server_udn)
    lab.mirror(lab.renderer.udn)
    if lab.captures is None:
        lab.restart_with_captures()
        lab.mirror(lab.server_udn)
        lab.mirror(lab.renderer.udn)
    # Announcements for the own host alone never reach a wire, so the tour is made with sharing on.
    lab.pause_client("laptop")
    lab.client("laptop", options=("--share",))
    lab.mirror(lab.server_udn)
    asked = _tour(lab)
    away_file, tunnel_file = lab.stop_captures()
    lab.pause_client("laptop")
    away = capture.payload_bytes(away_file)
    clear = tls.clear_side(tunnel_file, lab.key_log())
    expect(b"ssdp:alive" in away and b"DIDL-Lite" in away, "the away capture holds no announcement or no Browse")
    expect(b"DIDL-Lite" in clear.bodies, "the tunnel's capture was not decrypted: no Browse in it")
    expect("/v1/session" in clear.headers, "the tunnel's headers were not decrypted")
    found = []
    for name, data in (
        ("away LAN", away),
        ("tunnel, bodies", clear.bodies),
        ("tunnel, all bytes", clear.records),
        ("tunnel, header fields", clear.headers.encode()),
    ):
        found += [f"{name}: {hit}" for hit in capture.find_addresses(data, lab.plan.home + ".")]
    expect(not found, "\n".join(found))
    return (
        f"{asked} requests of every kind; searched {len(away) / 1e6:.1f} MB of the away LAN, {len(clear.records) / 1e6:.1f} MB "
        f"of clear tunnel, {len(clear.headers.splitlines())} header fields, in {len(capture.SPELLINGS)} spellings: none"
    )
