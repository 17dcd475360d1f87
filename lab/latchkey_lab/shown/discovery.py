"""Programs that know nothing of Latchkey find the home's devices on the away side."""

import json
import urllib.parse

from .. import upnp
from ..laboratory import REPOSITORY, Laboratory
from ..steps import expect, step

UPNP_CLIENT = REPOSITORY / "lab" / ".venv" / "bin" / "upnp-client"


def call_action(lab: Laboratory, location: str, action: str, **arguments) -> dict:
    """async-upnp-client's command line, on the laptop; what it prints, read."""
    words = [f"{name}={value}" for name, value in arguments.items()]
    done = lab.laptop.host.run(UPNP_CLIENT, "call-action", location, action, *words)
    return json.loads(done.stdout)["out_parameters"]


@step("gssdp-discover on the away LAN finds the home's media server and renderer at the client's own address")
def discovered(lab: Laboratory):
    for udn in (lab.server_udn, lab.renderer.udn):
        lab.mirror(udn)
    out = lab.laptop.host.run("gssdp-discover", "-i", "eth0", "--timeout=4", "-t", "ssdp:all").stdout
    found: dict[str, str] = {}
    for part in out.split("USN:")[1:]:
        usn, location = part.split("Location:")
        found[usn.strip()] = location.split()[0]
    targets = [usn for usn in found if usn.startswith(lab.server_udn)]
    expect(lab.server_udn in found and f"{lab.server_udn}::upnp:rootdevice" in found, f"not found: {sorted(found)}")
    expect(lab.renderer.udn in found, "the renderer was not found")
    hosts = {urllib.parse.urlsplit(location).hostname for location in found.values()}
    expect(hosts == {lab.laptop.address}, f"locations at {hosts}, not at the client's own address alone")
    expect(len(targets) == 6, f"minidlna advertises 6 targets, its mirror {len(targets)}: {targets}")
    return f"{len(found)} targets; {lab.server_udn} at {found[lab.server_udn]}"


@step("the description read away is the home's, with every URL at the client's own address")
def described(lab: Laboratory):
    evidence = []
    for udn, at_home in ((lab.server_udn, lab.server.location), (lab.renderer.udn, lab.renderer.location)):
        location = lab.mirror(udn)
        with lab.host("home-a").inside():
            home = upnp.describe(at_home)
        with lab.laptop.host.inside():
            away = upnp.describe(location)
            urls = [url for one in away.services for url in (one.control, one.events, one.scpd)] + away.icons
            for one in away.services:
                expect(upnp.request("GET", one.scpd).status == 200, f"SCPD of {one.type} cannot be read")
            for icon in away.icons:
                expect(upnp.request("GET", icon).status == 200, f"icon {icon} cannot be read")
        expect(away.udn == home.udn and away.device_types == home.device_types, "another device came out")
        expect([one.type for one in away.services] == [one.type for one in home.services], "services differ")
        foreign = [url for url in urls if urllib.parse.urlsplit(url).hostname != lab.laptop.address]
        expect(not foreign, f"URLs elsewhere: {foreign}")
        evidence.append(f"{away.name}: {len(away.services)} services, {len(away.icons)} icons, {len(urls)} URLs")
    return "\n".join(evidence)


@step("async-upnp-client browses the media server's ContentDirectory from away")
def browsed(lab: Laboratory):
    location = lab.mirror(lab.server_udn)
    answer = call_action(
        lab, location, "CD/Browse", ObjectID="64", BrowseFlag="BrowseDirectChildren", Filter="*",
        StartingIndex=0, RequestedCount=10, SortCriteria="",
    )  # fmt: skip
    listing = upnp.read_didl(answer["Result"])
    titles = sorted(item.title for item in listing.items)
    expect(titles == ["Clip", "Huge", "Photo", "Song"], f"titles: {titles}")
    expect(int(answer["TotalMatches"]) == 4, f"TotalMatches {answer['TotalMatches']}")
    urls = [url for item in listing.items for url in item.resources + item.art]
    foreign = [url for url in urls if urllib.parse.urlsplit(url).hostname != lab.laptop.address]
    expect(not foreign, f"URLs elsewhere: {foreign}")
    return f"{', '.join(titles)}; {len(urls)} URLs, all at {lab.laptop.address}"


@step("a light is switched from away, and says so")
def switched(lab: Laboratory):
    location = lab.demo_location("Light")
    with lab.laptop.host.inside():
        light = upnp.describe(location)
        seen = []
        for wanted in ("1", "0", "1"):
            upnp.invoke(light, "SwitchPower", "SetTarget", newTargetValue=wanted)
            seen.append(upnp.invoke(light, "SwitchPower", "GetStatus")["ResultStatus"])
    expect(seen == ["1", "0", "1"], f"status after 1, 0, 1: {seen}")
    return f"{light.name}: SetTarget 1, 0, 1 → GetStatus {', '.join(seen)}"
