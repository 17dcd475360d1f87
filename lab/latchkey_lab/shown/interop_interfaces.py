"""Several interfaces, and interfaces that change."""

import re
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from .. import ssdp, upnp
from ..interop.audience import LIGHT
from ..interop.control import ChangeLog, OurControlPoint
from ..interop.document import COMES_BACK, INTERFACES, NAMED_ONLY, ON_TWO_LANS, ONE_DEVICE
from ..interop.stage import Stage, light_of
from ..laboratory import Laboratory
from ..steps import expect, step

BOTH = ("--interface", "eth0", "--interface", "eth1")


def _url_hosts(answers: list[ssdp.Message]) -> set[str]:
    return {urllib.parse.urlsplit(answer.location).hostname for answer in answers if answer.kind == "answer"}


@step("our devices on two LANs are found on both, over IPv4 and IPv6, each time at an address of that LAN; our control point on both sees one device")
def interop_two_lans(lab: Laboratory):
    stage = lab.interop
    light = ("--devices", "light")
    demos = [
        stage.demo(*BOTH, *light, name="interop-demo-both"),
        stage.demo("--interface", "eth0", *light, "--seed", "2", name="interop-demo-lan-1"),
        stage.demo("--interface", "eth1", *light, "--seed", "3", name="interop-demo-lan-2"),
    ]
    control = OurControlPoint(stage.program("cp"), *BOTH)
    watch = ChangeLog(control, "interop-watch-two")
    row = stage.table.row(INTERFACES, ON_TWO_LANS)
    one = stage.table.row(INTERFACES, ONE_DEVICE)
    with ThreadPoolExecutor(6) as pool:
        looks = [pool.submit(_hosts, stage, number, way) for number in (1, 2) for way in ("IPv4", "ff02::c", "ff05::c")]
        found = pool.submit(control.values, "search", "upnp:rootdevice", "--timeout", "3")
    for look in looks:
        row.check("shown", look.result)
    one.check("shown", lambda: _each_once(found.result(), watch))
    for demo in demos:
        demo.stop()
    watch.stop()
    return f"{row.finish()}\n{one.finish()}"


def _hosts(stage: Stage, number: int, way: str) -> str:
    """On one LAN: two lights answer, and their URLs lead to our host's own address there, and can be read there."""
    theirs, lan = stage.host("theirs"), stage.lan
    if way == "IPv4":
        wanted, answers = lan.address("ours", number), ssdp.search(theirs, lan.address("theirs", number), LIGHT)
    else:
        wanted = lan.link_local("ours", number) if way == "ff02::c" else lan.ula("ours", number)
        answers = ssdp.search6(theirs, lan.interface(number), LIGHT, way)
    hosts, devices = _url_hosts(answers), {answer.udn for answer in answers if answer.kind == "answer"}
    expect(hosts == {wanted}, f"LAN {number}, {way}: URLs at {sorted(hosts)}, not {wanted}")
    expect(len(devices) == 2, f"LAN {number}, {way}: {len(devices)} lights")
    if not wanted.startswith("fe80"):
        with theirs.inside():
            expect(upnp.describe(answers[0].location).name == "Latchkey demo light", "another device")
    return f"LAN {number}, {way}: {wanted}"


def _each_once(found: list[dict], watch: ChangeLog) -> str:
    """Three lights: on both LANs, on the first, on the second."""
    udns = [device["udn"] for device in found]
    expect(len(udns) == len(set(udns)) == 3, f"a search prints {[device['location'] for device in found]}")
    for udn in udns:
        changes = [change["change"] for change in watch.all(udn)]
        expect(changes == ["appeared"], f"{udn}: {changes}")
    return "3 lights (on both, on LAN 1, on LAN 2), each printed once"


@step("our devices on one of two interfaces are not heard of on the other, and nothing listens at its addresses")
def interop_named_interface_only(lab: Laboratory):
    stage = lab.interop
    theirs, lan = stage.host("theirs"), stage.lan
    row = stage.table.row(INTERFACES, NAMED_ONLY)
    with ssdp.Watch(theirs, lan.address("theirs", 2)) as heard:
        demo = stage.demo("--interface", "eth0", "--devices", "light", name="interop-demo-one")

        def silent():
            answers = ssdp.search(theirs, lan.address("theirs", 2), seconds=1.3) + ssdp.search6(theirs, "eth1", seconds=1.3)
            expect(not answers, f"{len(answers)} answers, such as {answers and answers[0].location}")
            spoken = [message.start for message in heard.messages if message.source == lan.address("ours", 2)]
            expect(not spoken, f"{len(spoken)} announcements")
            return "0 answers and 0 announcements on LAN 2"

        def listening():
            lines = stage.host("ours").run("ss", "-Hlntup").stdout.splitlines()
            mine = [line for line in lines if "latchkey-demo" in line]
            at = {line.split()[4].rpartition(":")[0] for line in mine if line.startswith("tcp")}
            wanted = {lan.address("ours"), f"[{lan.ula('ours')}]", f"[{lan.link_local('ours')}]%eth0"}
            expect(at <= wanted | {f"[{lan.link_local('ours')}%eth0]"} and mine, f"TCP at {sorted(at)}")
            datagrams = {line.split()[4] for line in mine if line.startswith("udp")}
            expect(not any("192.168.48" in one or "fd4c:4b48" in one for one in datagrams), f"UDP at {sorted(datagrams)}")
            return f"TCP at {len(at)} addresses of eth0 alone"

        row.check("shown", silent)
        row.check("shown", listening)
        demo.stop()
    return row.finish()


@step("our devices' interface goes and comes back with another address, and they are announced and used there within seconds")
def interop_interface_comes_back(lab: Laboratory):
    stage = lab.interop
    theirs, lan = stage.host("theirs"), stage.lan
    new = lan.address("ours").rpartition(".")[0] + ".77"
    row = stage.table.row(INTERFACES, COMES_BACK)
    demo = stage.demo("--interface", "eth0", "--devices", "light", name="interop-demo-moves")
    watch = ChangeLog(stage.control, "interop-watch-moves")

    def moved():
        udn = light_of(stage.control.search("upnp:rootdevice", 2))["udn"]
        before = watch.wait(udn, "appeared")
        with ssdp.Watch(theirs, lan.address("theirs")) as heard:
            lan.unplug("ours")
            time.sleep(1)
            known = watch.count(udn)
            plugged = time.monotonic()
            lan.plug_in("ours", address=new)
            alive = heard.wait("alive", udn, plugged, 10, source=new)
            delay = alive.at - plugged
        expect(urllib.parse.urlsplit(alive.location).hostname == new, f"announced at {alive.location}")
        # The path that a control point keeps to may be one of the IPv6 addresses, which came back unchanged.
        changed = watch.wait(udn, "changed", known)
        described = stage.control.describe(alive.location)
        answer = stage.control.invoke(alive.location, "SwitchPower", "GetStatus")
        expect("ResultStatus" in answer, f"{answer}")
        expect(delay < 5, f"announced after {delay:.1f} s")
        expect(changed["bootID"] != before.get("bootID") or changed["location"] != before["location"], f"{changed}")
        return f"announced {delay:.2f} s after the address was there; read and called there ({described})"

    try:
        row.check("shown", moved)
    finally:
        lan.take_ipv4("ours")
        lan.give_ipv4("ours")
    demo.stop()
    watch.stop()
    crashed = re.findall("Fatal error.*", demo.output())
    expect(not crashed, f"{crashed}")
    return row.finish()
