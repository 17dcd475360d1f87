"""Several UPnP programs on one host, all on port 1900."""

from .. import ssdp
from ..interop.control import ChangeLog, OurControlPoint
from ..interop.document import SHARED_PORT
from ..interop.peers import GMediaRender, MiniDLNA, Python
from ..laboratory import Laboratory
from ..steps import expect, step

DEMO_KINDS = ("DimmableLight", "DigitalSecurityCamera", "DoorLock", "HVAC_ZoneThermostat")


@step("minidlna, gmediarender, our devices and our control point share port 1900 of one host, and all are seen")
def interop_shared_port(lab: Laboratory):
    stage = lab.interop
    control = OurControlPoint(stage.program("all"), "--interface", "eth0")
    watch = ChangeLog(control, "interop-watch-shared")
    server = MiniDLNA(*stage.place("all"), library=stage.library)
    renderer = GMediaRender(*stage.place("all"))
    elsewhere = Python(*stage.place("python"))
    for peer in (server, renderer, elsewhere):
        peer.start()
    demo = stage.demo("--interface", "eth0", host="all", name="interop-demo-shared")
    rows = {name: stage.table.row(SHARED_PORT, name) for name in SHARED_PORT.rows}
    answered, seen = SHARED_PORT.columns[:2]
    types = {"minidlna": ("MediaServer",), "gmediarender": ("MediaRenderer",), "our devices": DEMO_KINDS}
    theirs, address = stage.host("theirs"), stage.lan.address("all")

    def answering(to: str) -> set[str]:
        heard = ssdp.search(theirs, stage.lan.address("theirs"), "ssdp:all", seconds=2.5, to=to)
        return {message.usn.split("device:")[1].split(":")[0] for message in heard if "device:" in message.usn}

    everyone = lab.wait_until(
        lambda: (found := answering(ssdp.GROUP)) >= {kind for kinds in types.values() for kind in kinds} and found,
        12, "not all programs of the host answer a search",
    )  # fmt: skip
    for name, kinds in types.items():
        rows[name].check(answered, lambda kinds=kinds: ", ".join(sorted(everyone & set(kinds))))

        def visible(kinds=kinds):
            for kind in kinds:
                lab.wait_until(
                    lambda kind=kind: any(f":{kind}:" in change.get("type", "") for change in watch.all()), 5, f"no {kind}"
                )
            return f"{len(kinds)} devices"

        rows[name].check(seen, visible)
        rows[name].cannot(SHARED_PORT.columns[2], "A device, which looks for nobody.")
    own = rows["our control point"]
    for column in (answered, seen):
        own.cannot(column, "A control point, which answers nobody.")

    def sees():
        names = {change["name"] for change in watch.all() if "name" in change}
        wanted = {server.friendly_name, renderer.friendly_name, elsewhere.friendly_name, "Latchkey demo light"}
        expect(wanted <= names, f"missing: {sorted(wanted - names)}")
        return f"{len(names)} devices, {elsewhere.friendly_name} on another host among them"

    own.check(SHARED_PORT.columns[2], sees)
    unicast = answering(address)
    expect(demo.alive, demo.output()[-300:])
    for peer in (server, renderer, elsewhere):
        peer.stop()
    demo.stop()
    watch.stop()
    text = "\n".join(f"{row.peer}: {row.finish()}" for row in rows.values())
    return f"{text}\na search sent to {address} alone is answered by: {', '.join(sorted(unicast)) or 'nobody'}"
