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
from .discovery import UPNP_CLIENT

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
# The same for a neighbour of the client alone, and a server that may be read and not changed.
NEIGHBOUR = """
policy: 1
rules:
  - name: quiet-neighbour
    permit: [SetVolume]
    who: [hall]
    via: {address}
    device: {{ type: MediaRenderer }}
    service: RenderingControl
    arguments: {{ DesiredVolume: {{ max: 40 }} }}
  - name: volume-is-told
    permit: [GetVolume]
    who: [hall]
    via: {address}
    device: {{ type: MediaRenderer }}
    service: RenderingControl
  - name: reading
    permit: [Browse, "Get*"]
    who: [hall]
    via: {address}
    device: {{ type: MediaServer }}
    service: ContentDirectory
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


@step("a neighbour's unmodified control point sees a server without what it may not do, is refused SetVolume 41 by the rule's name, and sets 40")
def policy_unmodified(lab: Laboratory):
    lab.pause_clients()
    neighbour, address = lab.host("away-b"), lab.address("away-b")
    _set(lab, NEIGHBOUR.format(address=address))
    client = lab.client("hall", "away-c", ("--preset", "rules-only"), options=("--share",))

    def call(location: str, action: str, **arguments) -> tuple[int, str]:
        """async-upnp-client's own command, on the neighbour's host."""
        words = [f"{name}={value}" for name, value in arguments.items()]
        done = neighbour.run(UPNP_CLIENT, "call-action", location, action, *words, check=False)
        return done.returncode, done.stdout + done.stderr

    def volume(value: int) -> tuple[int, str]:
        return call(renderer, "RenderingControl/SetVolume", InstanceID=0, Channel="Master", DesiredVolume=value)

    try:
        server = ssdp.wait_for_answer(neighbour, address, lab.server_udn, 20, client.address)
        renderer = ssdp.wait_for_answer(neighbour, address, lab.renderer.udn, 20, client.address)
        code, said = call(server, "ContentDirectory/DestroyObject", ObjectID="64")
        shown = sorted(said.partition("Available actions:")[2].split())
        expect(code == 1 and "Unknown action: DestroyObject" in said, f"DestroyObject: {said}")
        expect("Browse" in shown and all(name == "Browse" or name.startswith("Get") for name in shown), f"shown: {shown}")
        code, said = call(server, "ConnectionManager/GetProtocolInfo")
        expect(code == 1 and "Unknown service" in said, f"the other services: {said}")
        code, said = call(server, "ContentDirectory/GetSystemUpdateID")
        expect(code == 0, f"what is permitted: {said[-300:]}")
        code, said = volume(41)
        refused = next((line for line in reversed(said.splitlines()) if "upnp error" in line.lower()), "")
        expect(code != 0 and "606" in refused and "quiet-neighbour" in refused, f"SetVolume 41: {said[-300:]}")
        code, said = volume(40)
        expect(code == 0, f"SetVolume 40: {said[-300:]}")
        code, said = call(renderer, "RenderingControl/GetVolume", InstanceID=0, Channel="Master")
        expect(code == 0 and json.loads(said)["out_parameters"]["CurrentVolume"] == 40, f"GetVolume: {said[-300:]}")
        # Neither another neighbour nor the client's own host is in the rules.
        for host in ("away-a", "away-c"):
            answer = lab.host(host).run("curl", "-sS", "-w", "%{http_code}", renderer, check=False).stdout
            expect(answer.endswith("403"), f"{host} is answered {answer[-200:]!r}")
    finally:
        _set(lab, NOTHING)
        lab.pause_client("hall")
    return f"async-upnp-client on {address} sees {', '.join(shown)}\n{refused.strip()}\nand sets 40"


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
