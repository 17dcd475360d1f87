"""Who may do what: a policy with arguments and containers, changed at run time; guest passes; consent."""

import json
import time
import urllib.parse
import xml.etree.ElementTree as ET

from .. import ssdp, upnp
from ..laboratory import Laboratory
from ..latchkey import Client
from ..ssdp import Watch
from ..steps import expect, step

RENDERER = "MediaRenderer"
EVENING = """
policy: 1
rules:
  - name: evening-volume
    permit: [SetVolume]
    who: [evening]
    device: { type: MediaRenderer }
    service: RenderingControl
    arguments: { DesiredVolume: { max: 40 } }
  - name: read-volume
    permit: [GetVolume]
    who: [evening]
    device: { type: MediaRenderer }
    service: RenderingControl
  - name: only-music
    permit: [Browse]
    who: [evening]
    device: { type: MediaServer }
    below: ["1"]
  - name: its-content
    permit: [media]
    who: [evening]
    device: { type: MediaServer }
"""
NOTHING = "policy: 1\nrules: []\n"


def _set(lab: Laboratory, text: str) -> None:
    lab.gateway.command("policy", "set", "-", "--state", lab.gateway.state, stdin=text)


def _seen(client: Client, udn: str, timeout: float = 15) -> upnp.Description:
    return upnp.describe(ssdp.wait_for_answer(client.host, client.address, udn, timeout))


def _volume(renderer: upnp.Description, value: int) -> None:
    upnp.invoke(renderer, "RenderingControl", "SetVolume", InstanceID=0, Channel="Master", DesiredVolume=value)


@step("a policy's actions, arguments and containers hold for an unmodified control point, and change at run time")
def policy_enforced(lab: Laboratory):
    lab.pause_client("laptop")
    # A grant of a type that no device has: what is seen is the policy's doing.
    client = lab.client("evening", "away-c", ("--device-type", "urn:schemas-upnp-org:device:Nothing:1"))
    try:
        _set(lab, EVENING)
        with client.host.inside():
            renderer = _seen(client, lab.renderer.udn)
            expect([s.type.split(":")[3] for s in renderer.services] == ["RenderingControl"], f"{renderer.services}")
            scpd = ET.fromstring(upnp.request("GET", renderer.service("RenderingControl").scpd).body)
            actions = sorted(a.text for a in scpd.iterfind(".//{*}action/{*}name"))
            expect(actions == ["GetVolume", "SetVolume"], f"the service description has {actions}")
            try:
                _volume(renderer, 41)
                refused = ""
            except upnp.UPnPFault as fault:
                refused = str(fault)
            expect("evening-volume" in refused and "40" in refused, f"SetVolume 41 was answered: {refused!r}")
            _volume(renderer, 40)
            server = _seen(client, lab.server_udn)
            control = server.control_url("ContentDirectory")
            top = upnp.browse(control, "0")
            expect([identifier for identifier, _ in top.containers] == ["1"], f"the root shows {top.containers}")
            below = upnp.browse(control, "1")
            expect(below.containers, "the permitted container is empty")
            try:
                upnp.browse(control, "2")
                outside = ""
            except upnp.UPnPFault as fault:
                outside = str(fault)
            expect("606" in outside, f"a container beside it was answered: {outside!r}")
        with Watch(client.host, client.address) as heard:
            asked = time.monotonic()
            _set(lab, NOTHING)
            gone = heard.wait("byebye", lab.renderer.udn, asked, 5, source=client.address)
            _set(lab, EVENING)
            back = heard.wait("alive", lab.renderer.udn, gone.at, 5, source=client.address)
        expect(gone.at - asked < 3, f"byebye {gone.at - asked:.2f} s after the policy was set")
    finally:
        _set(lab, NOTHING)
        lab.pause_client("evening")
    return f"{actions}; {refused}\nBrowse of 2: {outside}\nbyebye {gone.at - asked:.2f} s after the change, back {back.at - gone.at:.2f} s later"


@step("a guest pass gives the listed device alone, waits for the owner's consent, and ends by itself")
def guest_pass(lab: Laboratory):
    lab.pause_client("laptop")
    grant = ("--preset", "full", "--guest", "--device", lab.renderer.udn, "--for", "25s", "--consent")
    paired = time.monotonic()
    guest = lab.client("guest-pass", "away-c", grant)
    try:
        with guest.host.inside():
            renderer = _seen(guest, lab.renderer.udn)
            answers = ssdp.search(guest.host, guest.address, "ssdp:all", seconds=1.5)
            hosts = {urllib.parse.urlsplit(one).path for one in ssdp.locations(answers).values()}
            expect(len(hosts) == 1, f"the guest sees {len(hosts)} devices")
            try:
                _volume(renderer, 30)
                refused = ""
            except upnp.UPnPFault as fault:
                refused = str(fault)
            expect("owner" in refused, f"the first use was answered: {refused!r}")
            asked = lab.gateway.json("consent", "list")
            expect(any(q["client"] == "guest-pass" for q in asked), f"open questions: {asked}")
            lab.gateway.command("gateway", "consent", "allow", "guest-pass", "guest-pass", "--state", lab.gateway.state)
            _volume(renderer, 30)
        with Watch(guest.host, guest.address) as heard:
            gone = heard.wait("byebye", lab.renderer.udn, paired, 30, source=guest.address)
        expect(gone.at - paired < 32, f"byebye {gone.at - paired:.1f} s after pairing")
    finally:
        lab.pause_client("guest-pass")
    return f"{refused}\nasked: {json.dumps(asked)}\nbyebye {gone.at - paired:.1f} s after pairing for 25 s"
