"""VLAN mode: a network of things whose devices are shown to phones, behind a firewall that drops what they begin."""

import json
import signal
import socket
import time

from .. import media, ssdp, upnp
from ..gena import Subscriber
from ..laboratory import Laboratory
from ..latchkey import _values
from ..ssdp import Watch
from ..steps import expect, step
from ..vlan import BOX, BOX_THINGS, LAN, OTHER_PHONE, PHONE, THING, VLANStage, parameters
from .discovery import UPNP_CLIENT

LIGHT = "urn:schemas-upnp-org:device:DimmableLight:1"
LOCK = "Lock"
HOUSE = f"""
policy: 1
rules:
  - name: phone-lamp
    permit: [GetStatus, SetTarget, GetTarget, events]
    who: vlan
    via: {PHONE}
    device: {{ type: DimmableLight }}
    service: SwitchPower
  - name: things-cast
    permit: everything
    who: vlan-back
    via: {THING}
    device: {{ type: DimmableLight }}
"""


@step("VLAN mode: phones find, use, hear and stream from the things' network, while two firewalls drop all that things begin")
def vlan_mode(lab: Laboratory):
    with VLANStage(lab.binaries, lab.work, lab.logs, lab.library, f"{lab.network.prefix}v-") as stage:
        server, box = stage.start_things(), stage.box()
        try:
            evidence = [_found(stage, server), _used(stage), _streamed(stage), _refused(stage), _unneeded(stage)]
            evidence += [_dropped(stage), _stops(stage, box)]
        finally:
            box.stop()
            stage.demo.stop()
            server.stop()
    return "\n".join(evidence)


def _locations(stage: VLANStage, target: str = "ssdp:all", seconds: float = 2.0) -> dict:
    return ssdp.locations(ssdp.search(stage.hosts["phone"], PHONE, target, seconds=seconds))


def _found(stage: VLANStage, server) -> str:
    phone = stage.hosts["phone"]
    with stage.hosts["thing"].inside():
        udn = upnp.describe(server.location).udn
    stage.library_location = ssdp.wait_for_answer(phone, PHONE, udn, 20, BOX)
    answers = ssdp.search(phone, PHONE, "ssdp:all", seconds=2.5)
    sources = {answer.source for answer in answers}
    expect(sources == {BOX}, f"answers come from {sources}")
    with phone.inside():
        seen = [upnp.describe(location) for location in set(ssdp.locations(answers).values())]
    stage.light = next((one.location for one in seen if LIGHT in one.device_types), None)
    expect(stage.light, f"no light among {[one.name for one in seen]}")
    leaks = [one.name for one in seen if THING.rpartition(".")[0] in one.xml]
    expect(not leaks, f"addresses of the things' network in the descriptions of {leaks}")
    expect(not [one for one in seen if any(LOCK in kind for kind in one.device_types)], "the lock is shown")
    return f"the phone finds {', '.join(sorted(one.name for one in seen))}, all at {BOX}; no lock"


def _used(stage: VLANStage) -> str:
    phone = stage.hosts["phone"]
    with phone.inside():
        light = upnp.describe(stage.light)
    with Subscriber(phone, PHONE) as ear:
        ear.subscribe(light.service("SwitchPower").events)
        ear.wait(1)
        before = ear.events[0].properties["Status"]
        wanted = "0" if before == "1" else "1"
        asked = time.monotonic()
        phone.run(UPNP_CLIENT, "call-action", stage.light, "SwitchPower/SetTarget", f"newTargetValue={wanted}")
        event = next(one for one in ear.wait(2) if one.seq == 1)
        ear.unsubscribe()
    expect(event.properties.get("Status") == wanted, f"the event tells {event.properties}")
    out = phone.run(UPNP_CLIENT, "call-action", stage.light, "SwitchPower/GetStatus").stdout
    expect(str(int(parameters(out)["ResultStatus"])) == wanted, f"the light says {parameters(out)}")
    return f"async-upnp-client switches the light; the phone hears it {(event.at - asked) * 1000:.0f} ms after it began to ask"


def _streamed(stage: VLANStage) -> str:
    phone = stage.hosts["phone"]
    with phone.inside():
        control = upnp.describe(stage.library_location).control_url("ContentDirectory")
        clip = upnp.find_item(control, "Clip").resources[0]
        photo = upnp.request("GET", upnp.find_item(control, "Photo").resources[0]).body
    expect(photo == (stage.library / media.PHOTO).read_bytes(), "another photograph")
    expect(clip.split("/")[2].startswith(BOX + ":"), f"the film is at {clip}")
    out = phone.run(
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-progress", "-", "-i", clip, "-frames:v", "100", "-f", "null", "-"
    )
    frames = [line for line in out.stdout.splitlines() if line.startswith("frame=")]
    expect(frames and int(frames[-1][6:]) == 100 and not out.stderr.strip(), f"ffmpeg: {out.stderr.strip()[:200]}")
    return f"the photograph is the same, {len(photo)} bytes; ffmpeg decodes 100 frames of the film"


def _refused(stage: VLANStage) -> str:
    with stage.hosts["phone"].inside():
        library = upnp.describe(stage.library_location)
        try:
            upnp.invoke(library, "ContentDirectory", "DestroyObject", ObjectID="64")
            fault = None
        except upnp.UPnPFault as error:
            fault = error
    expect(fault is not None, "DestroyObject was let through")
    return f"DestroyObject: error {fault.code}, {fault.description}"


def _unneeded(stage: VLANStage) -> str:
    """All of that, and no packet had to pass between the two networks, nor anything else to reach the box."""
    counts = [stage.packets("router", "between", name) for name in ("things_began", "phones_began")]
    expect(counts == [0, 0], f"packets that wanted to pass the router: {counts}")
    return "until here the router saw 0 packets that wanted from one network into the other"


def _dropped(stage: VLANStage) -> str:
    thing = stage.hosts["thing"]
    refused = stage.packets("box", "vlan-mode", "things_refused")
    port = int(stage.light.split("/")[2].rpartition(":")[2])
    # To the phone through the router; to what the box serves phones, at either of its addresses.
    for address, to in ((PHONE, 80), (BOX, port), (BOX_THINGS, port)):
        with thing.socket() as out:
            out.settimeout(1.2)
            try:
                out.connect((address, to))
                reached = True
            except OSError:
                reached = False
        expect(not reached, f"the thing reached {address}:{to}")
    with thing.socket(socket.SOCK_DGRAM) as out:
        out.sendto(b"anything", (PHONE, 9))
    began = stage.packets("router", "between", "things_began")
    refused = stage.packets("box", "vlan-mode", "things_refused") - refused
    expect(began >= 2 and refused >= 1, f"dropped: {began} by the router, {refused} by the box")
    return f"the thing's connections to the phone and to the box fail; dropped and counted: {began} by the router, {refused} by the box"


def _stops(stage: VLANStage, box) -> str:
    shown = [one for one in box.json("devices") if one["state"] == "shown on lan"]
    expect(len(shown) >= 4, f"vlan devices lists {shown}")
    with Watch(stage.hosts["phone"], PHONE) as heard:
        since = time.monotonic()
        code = box.stop()
        for one in shown:
            heard.wait("byebye", one["udn"], since, 5, BOX)
    expect(code == 0, f"it ended with {code}")
    expect(not _locations(stage, seconds=1.2), "devices are shown after the end")
    return f"SIGTERM: byebye for {len(shown)} devices, and no answer after it"


@step("VLAN mode with a policy file and both ways: by whom is decided by address, and the file is read again while it runs")
def vlan_policy(lab: Laboratory):
    with VLANStage(lab.binaries, lab.work, lab.logs, lab.library, f"{lab.network.prefix}w-") as stage:
        phone, thing = stage.hosts["phone"], stage.hosts["thing"]
        phone.ip("address", "add", f"{OTHER_PHONE}/24", "dev", "eth0")
        executable = stage.binaries / "latchkey-demo-devices"
        demos = [
            host.start(f"vlan-{name}", executable, "--interface", "eth0", *words, log=lab.logs / f"vlan-{name}.log")
            for host, name, words in ((thing, "things", ()), (phone, "phones", ("--devices", "light", "--seed", "2")))
        ]
        house = lab.work / "house.yaml"
        house.write_text(HOUSE)
        # The state of another run, with the preset of a first start, is not what decides.
        box = stage.box("--both-ways", "--policy", str(house), state="vlan-policy-state")
        try:
            evidence = [_by_address(stage), _back(stage), _read_again(stage, box, house), _audited(stage, box), _unneeded(stage)]
        finally:
            box.stop()
            for demo in demos:
                demo.stop()
    return "\n".join(evidence)


def _mirrored_light(stage: VLANStage, host: str, address: str, source: str) -> str:
    """LOCATION of the one device that the box shows there, which is a light."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        answers = [a for a in ssdp.search(stage.hosts[host], address, LIGHT, seconds=1.3) if a.source == source]
        if answers:
            return answers[0].location
    raise upnp.UPnPFault(0, f"{host} is shown no light by {source}")


def _by_address(stage: VLANStage) -> str:
    phone = stage.hosts["phone"]
    stage.light = _mirrored_light(stage, "phone", PHONE, BOX)
    shown = {a.location for a in ssdp.search(phone, PHONE, "ssdp:all", seconds=2.0) if a.source == BOX}
    expect(shown == {stage.light}, f"the box shows {shown}")
    refused = phone.run("curl", "-sS", "--interface", OTHER_PHONE, "-w", "%{http_code}", stage.light).stdout
    expect(refused.endswith("403"), f"the other phone gets {refused[-200:]!r}")
    phone.run(UPNP_CLIENT, "call-action", stage.light, "SwitchPower/SetTarget", "newTargetValue=1")
    dim = phone.run(UPNP_CLIENT, "call-action", stage.light, "Dimming/SetLoadLevelTarget", check=False).stdout
    expect("Unknown service" in dim and "SwitchPower" in dim, f"what is not permitted is shown: {dim}")
    return f"{PHONE} switches the light and sees no more of it; {OTHER_PHONE} gets {refused.strip()}"


def _back(stage: VLANStage) -> str:
    thing = stage.hosts["thing"]
    location = _mirrored_light(stage, "thing", THING, BOX_THINGS)
    stage.admit(THING, int(location.split("/")[2].rpartition(":")[2]))
    with thing.inside():
        light = upnp.describe(location)
    expect(LAN + "." not in light.xml, "an address of the phones' network is in what the things get")
    with Subscriber(thing, THING) as ear:
        ear.subscribe(light.service("SwitchPower").events)
        before = ear.wait(1)[0].properties["Status"]
        wanted = "0" if before == "1" else "1"
        thing.run(UPNP_CLIENT, "call-action", location, "SwitchPower/SetTarget", f"newTargetValue={wanted}")
        told = next(one for one in ear.wait(2) if one.seq == 1).properties.get("Status")
        ear.unsubscribe()
    expect(told == wanted, f"the event tells {told}")
    return f"the thing finds the phone's light at {BOX_THINGS}, switches it and hears of it"


def _read_again(stage: VLANStage, box, house) -> str:
    house.write_text(HOUSE.replace("permit: everything", "permitt: everything"))
    broken = box.command("vlan", "reload", "--state", box.state, check=False)
    line = HOUSE.splitlines().index("    permit: everything") + 1
    expect(broken.returncode == 1 and f"line {line}, column 5" in broken.stderr, f"a broken file: {broken.stderr}")
    stage.hosts["phone"].run(UPNP_CLIENT, "call-action", stage.light, "SwitchPower/GetStatus")
    house.write_text(HOUSE.replace("permit: [GetStatus, SetTarget, GetTarget, events]", "deny: everything"))
    answers = ssdp.search(stage.hosts["phone"], PHONE, LIGHT, seconds=1.3)
    udn = stage.light_udn = next(a.udn for a in answers if a.source == BOX)
    with Watch(stage.hosts["phone"], PHONE) as heard:
        asked = time.monotonic()
        box.process.send(signal.SIGHUP)
        gone = heard.wait("byebye", udn, asked, 5, BOX)
    expect(box.process.alive, "SIGHUP ended it")
    return f"{broken.stderr.strip().splitlines()[-1].strip()}\nSIGHUP: byebye {gone.at - asked:.2f} s later"


def _audited(stage: VLANStage, box) -> str:
    entries = _values(box.command("audit", "search", "--state", box.state, "--json").stdout)
    decided = [e for e in entries if e.get("rule") == "phone-lamp"]
    expect(decided and all(PHONE not in json.dumps(e) for e in entries), "decisions are missing, or tell a machine")
    versions = _values(box.command("policy", "history", "--state", box.state, "--json").stdout)
    expect([v["version"] for v in versions] == [2, 1], f"versions {versions}")
    why = box.command(
        "policy", "explain", "--state", box.state, "--client", "vlan", "--device", stage.light_udn,
        "--service", "SwitchPower", "--action", "SetTarget", "--argument", "newTargetValue=1", "--via", PHONE,
    ).stdout  # fmt: skip
    expect(why.startswith("denied") and "phone-lamp" in why, f"explained: {why}")
    return f"{len(decided)} entries of the rule in the audit; versions 1 and 2 kept; {why.splitlines()[0]}"

