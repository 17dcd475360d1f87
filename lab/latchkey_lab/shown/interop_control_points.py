"""Our devices with control points that others wrote, all of which watch at the same time."""

import json

from ..interop import audience
from ..interop.document import OUR_DEVICES
from ..interop.peers import package_version, python_version
from ..interop.table import Row
from ..laboratory import Laboratory
from ..steps import expect, step

NO_CALLS = "It calls no actions."
# 3 for the root device, 1 for each of its two services (UDA 2.0 table 1-1).
LIGHT_TARGETS = 5


def _tried(lab: Laboratory, name: str, version: str) -> tuple[Row, audience.Heard]:
    stage = lab.interop
    heard = stage.__dict__.get("audience") or audience.perform(stage)
    stage.__dict__["audience"] = heard
    return stage.table.row(OUR_DEVICES, name, version), heard


@step("gssdp-discover finds every target of our light at its URL, and sees all of them go")
def interop_gssdp_discover(lab: Laboratory):
    row, heard = _tried(lab, "gssdp-discover", package_version("gupnp-tools"))
    parts = heard.said["gssdp-discover"].split("resource ")

    def targets(word: str) -> set[str]:
        lines = [part.splitlines() for part in parts if part.startswith(word)]
        return {line[1].split("USN:")[1].strip() for line in lines if heard.udn in line[1]}

    def found():
        there = targets("available")
        expect(len(there) == LIGHT_TARGETS, f"{len(there)} targets: {sorted(there)}")
        at = {part.split("Location:")[1].split()[0] for part in parts if part.startswith("available") and heard.udn in part}
        expect(at == {heard.light}, f"at {at}, not {heard.light}")
        return f"{len(there)} targets"

    def gone():
        left = targets("available") - targets("unavailable")
        expect(not left, f"still there: {sorted(left)}")
        return f"{len(targets('unavailable'))} byebyes"

    row.check("found", found)
    row.check("byebye", gone)
    for column in ("described", "action", "fault", "events"):
        row.cannot(column, "It does discovery alone.")
    return row.finish()


@step("gupnp-event-dumper finds our devices, reads them, subscribes to every service and is told what changes")
def interop_gupnp_event_dumper(lab: Laboratory):
    row, heard = _tried(lab, "gupnp-event-dumper", package_version("gupnp-tools"))
    events = [line.split("|")[1:] for line in heard.lines("gupnp-event-dumper") if line.count("|") >= 4]

    def dumped():
        light = [event[2:] for event in events if event[0] == heard.udn]
        expect(["LoadLevelStatus", "30"] in light, f"of the light: {light}")
        expect({"TRUE", "FALSE"} == {value for name, value in light if name == "Status"}, f"of the light: {light}")
        return f"{len(events)} changes of {len({(event[0], event[1]) for event in events})} services"

    # It can subscribe only to what it has found and read.
    for column in ("found", "described", "events"):
        row.check(column, dumped)
    for column in ("action", "fault"):
        row.cannot(column, NO_CALLS)
    row.cannot("byebye", "It does not tell of them.")
    return row.finish()


def scripted(row: Row, heard: audience.Heard, name: str) -> str:
    """What the two control points in C print, in the same words."""

    def found():
        at = heard.line(name, "found").split()[1]
        expect(at in heard.lights, f"at {at}, not among {heard.lights}")
        return at

    def described():
        read = heard.line(name, "introspected")
        expect(read == "introspected 3 actions, 2 variables", read)
        expect(heard.line(name, "described") == "described Latchkey demo light", "another name")
        return read

    def called():
        return f"{heard.line(name, 'called GetStatus')}, {heard.line(name, 'called SetTarget')}"

    def events():
        lines = heard.lines(name, "event ")
        expect({line[-1] for line in lines} == {"0", "1"}, f"{lines}")
        return ", ".join(lines[:2])

    row.check("found", found)
    row.check("described", described)
    row.check("action", called)
    row.check("fault", lambda: heard.line(name, "fault Explode 401"))
    row.check("events", events)
    row.check("byebye", lambda: heard.line(name, f"gone {heard.udn}"))
    return row.finish()


@step("a control point on GUPnP finds, reads, switches and hears our light, is refused, and sees it go")
def interop_gupnp_control_point(lab: Laboratory):
    row, heard = _tried(lab, "gupnp control point", package_version("libgupnp-1.6-0"))
    return scripted(row, heard, "gupnp")


@step("a control point on libupnp finds, reads, switches and hears our light, is refused, and sees it go")
def interop_libupnp_control_point(lab: Laboratory):
    row, heard = _tried(lab, "libupnp control point", package_version("libupnp13"))
    return scripted(row, heard, "libupnp")


@step("async-upnp-client finds, reads, switches, dims and hears our light, is refused, and sees it go")
def interop_async_upnp_client(lab: Laboratory):
    row, heard = _tried(lab, "async-upnp-client", python_version("async-upnp-client"))
    switched, status, dimmed, refused = heard.said["actions"]

    def found():
        (answer,) = [json.loads(line) for line in heard.lines("search", "{")]
        expect(answer["LOCATION"] == heard.light and answer["_udn"] == heard.udn, f"{answer}")
        return answer["ST"]

    def called():
        done = [json.loads(text) for text in (switched, status, dimmed)]
        expect(done[1]["out_parameters"] == {"ResultStatus": True}, f"{done[1]}")
        return ", ".join(one["action"] for one in done)

    def described():
        # The names of actions and their types come from the service descriptions that it reads first.
        return f"types from the description: {json.loads(dimmed)['in_parameters']}"

    def fault():
        expect("upnp error: 60" in refused, refused[-300:])
        return refused.strip().splitlines()[-1].partition("status: ")[2]

    def events():
        values = [json.loads(line)["state_variables"] for line in heard.lines("subscribe", "{")]
        expect(values and "Status" in values[0], f"{values}")
        return f"{len(values)}: {values[0]}"

    def byebye():
        gone = [json.loads(line) for line in heard.lines("advertisements", "{") if '"ssdp:byebye"' in line]
        seen = {one["USN"] for one in gone if one["_udn"] == heard.udn}
        expect(len(seen) == LIGHT_TARGETS, f"{sorted(seen)}")
        return f"{len(seen)} byebyes"

    for column, look in zip(OUR_DEVICES.columns, (found, described, called, fault, events, byebye)):
        row.check(column, look)
    return row.finish()


@step("upnpc lists our devices, reads them, and finds that none is a gateway")
def interop_upnpc(lab: Laboratory):
    row, heard = _tried(lab, "upnpc", package_version("miniupnpc"))

    def found():
        for run in ("upnpc -s", "upnpc -l"):
            expect(f"desc: {heard.light}" in heard.said[run], f"{run}: {heard.said[run][-300:]}")
        return f"{heard.said['upnpc -s'].count('desc: ')} devices"

    def read():
        for run in ("upnpc -s", "upnpc -l"):
            expect("No valid UPNP Internet Gateway Device found" in heard.said[run], heard.said[run][-300:])
        expect(heard.said["still there after upnpc"] == "yes", heard.said["still there after upnpc"])
        return "none is a gateway"

    row.check("found", found)
    row.check("described", read)
    for column in ("action", "fault", "events", "byebye"):
        row.cannot(column, "It uses gateways only, and says that ours are none.")
    return row.finish()
