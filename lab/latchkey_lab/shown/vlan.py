"""VLAN mode: a network of things whose devices are shown to phones, behind a firewall that drops what they begin."""

import socket
import time

from .. import media, ssdp, upnp
from ..gena import Subscriber
from ..laboratory import Laboratory
from ..ssdp import Watch
from ..steps import expect, step
from ..vlan import BOX, BOX_THINGS, PHONE, THING, VLANStage, parameters
from .discovery import UPNP_CLIENT

LIGHT = "urn:schemas-upnp-org:device:DimmableLight:1"
LOCK = "Lock"


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
