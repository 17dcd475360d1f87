"""IPv6 alone: the hosts have no IPv4 address."""

import json
from concurrent.futures import ThreadPoolExecutor

from ..interop import audience
from ..interop.control import ChangeLog
from ..interop.document import IPV6
from ..interop.peers import Rygel, package_version, python_version
from ..interop.stage import Stage, light_of
from ..interop.table import Row
from ..laboratory import Laboratory
from ..steps import expect, step
from .interop_control_points import scripted
from .interop_devices import BROWSE

CHECKED_BEFORE = "Our command refuses, before it sends, what the service description does not allow."


@step("over IPv6 alone our control point finds and uses our devices and Rygel, and others' control points use our devices")
def interop_ipv6(lab: Laboratory):
    stage = lab.interop
    with stage.lan.without_ipv4("ours", "cp", "theirs", "rygel"):
        return _all(stage)


def _all(stage: Stage) -> str:
    theirs, lan = stage.host("theirs"), stage.lan
    rows = {name: stage.table.row(IPV6, name) for name in IPV6.rows}
    watch = ChangeLog(stage.control, "interop-watch-ipv6")
    rygel = Rygel(*stage.place("rygel"), library=stage.library)
    rygel.start()
    program = stage.compiled("gupnp-control-point.c", "gupnp-1.6")
    gupnp = {
        name: theirs.start(f"interop-gupnp-{name}", program, address, 60, log=stage.logs / f"interop-gupnp-{name}.log")
        for name, address in (("link-local", f"{lan.link_local('theirs')}%eth0"), ("ula", lan.ula("theirs")))
    }
    for process in gupnp.values():
        process.wait_for("ready")
    demo = stage.demo("--interface", "eth0", name="interop-demo-ipv6")
    heard = audience.Heard("", light_of(stage.control.search("upnp:rootdevice", 3))["udn"])

    with ThreadPoolExecutor(3) as pool:
        uses = [
            pool.submit(_our_pair, rows["our control point, our devices"], stage, watch, heard.udn),
            pool.submit(_rygel, rows["our control point, rygel"], stage, rygel),
            pool.submit(_async, rows["async-upnp-client, our devices"], stage, heard),
        ]
    for use in uses:
        use.result()
    for process in gupnp.values():
        audience.wait_for_text(process, "event Status 1")

    known, heard.lights = watch.count(heard.udn), audience.locations(demo)
    demo.stop()
    row = rows["our control point, our devices"]
    row.check("byebye", lambda: watch.wait(heard.udn, "disappeared", known, 8)["reason"])
    known = watch.count(_udn_of(watch, rygel))
    row = rows["our control point, rygel"]

    def rygel_gone():
        rygel.stop()
        return watch.wait(_udn_of(watch, rygel), "disappeared", known, 8)["reason"]

    row.check("byebye", rygel_gone)
    audience.wait_for_end(*gupnp.values())
    heard.said |= {name: process.output() for name, process in gupnp.items()}
    for process in (*gupnp.values(), watch.process, rygel.process):
        process.kill()
    row = rows["gupnp control point, our devices"]
    row.version = package_version("libgupnp-1.6-0")
    for name in gupnp:
        _found_by_gupnp(row, heard, name)
        scripted(row, heard, name)
    return "\n".join(f"{row.peer}: {row.finish()}" for row in rows.values())


def _udn_of(watch: ChangeLog, rygel: Rygel) -> str:
    for change in watch.all():
        if change.get("name") == rygel.friendly_name:
            return change["udn"]
    raise LookupError(f"no {rygel.friendly_name} among {[change.get('name') for change in watch.all()]}")


def _at_ipv6(location: str) -> str:
    expect(location.startswith("http://["), f"at {location}")
    return location


def _our_pair(row: Row, stage: Stage, watch: ChangeLog, udn: str) -> None:
    control = stage.control

    def switched():
        control.invoke(udn, "SwitchPower", "SetTarget", newTargetValue=1)
        answer = control.invoke(udn, "SwitchPower", "GetStatus")
        expect(answer == {"ResultStatus": True}, f"{answer}")
        return "SetTarget, GetStatus"

    row.check("found", lambda: _at_ipv6(watch.wait(udn, "appeared")["location"]))
    row.check("described", lambda: control.describe(udn))
    row.check("action", switched)
    row.cannot("fault", CHECKED_BEFORE)
    row.check("events", lambda: str(control.first_event(udn, "SwitchPower")))


def _rygel(row: Row, stage: Stage, rygel: Rygel) -> None:
    control, found = stage.control, {}
    row.version = rygel.version()

    def find():
        for seconds in (2, 4):
            for device in control.search("upnp:rootdevice", seconds).values():
                if device["name"] == rygel.friendly_name:
                    found.update(device)
                    return _at_ipv6(device["location"])
        raise LookupError(f"no {rygel.friendly_name}")

    def browsed():
        answer = control.invoke(found["udn"], "ContentDirectory", "Browse", ObjectID="0", **BROWSE)
        return f"Browse: {answer['NumberReturned']} containers"

    row.check("found", find)
    row.check("described", lambda: control.describe(found["udn"]))
    row.check("action", browsed)
    row.check("fault", lambda: control.fault(701, found["udn"], "ContentDirectory", "Browse", ObjectID="nosuch", **BROWSE))
    row.check("events", lambda: ", ".join(control.first_event(found["udn"], "ContentDirectory")))


def _found_by_gupnp(row: Row, heard: audience.Heard, name: str) -> None:
    start = {"link-local": "found http://[fe80", "ula": "found http://[fd4c"}[name]
    row.check("found", lambda: heard.line(name, start))


def _async(row: Row, stage: Stage, heard: audience.Heard) -> None:
    host, lan = stage.host("theirs"), stage.lan
    row.version = python_version("async-upnp-client")
    found: dict[str, str] = {}

    def client(*words):
        return host.run(audience.UPNP_CLIENT, *words, check=False, timeout=15)

    def find(scope: str, own: str):
        def look():
            done = client("search", "--bind", f"{own}%2", "--target", f"{scope}%2", "--search_target", audience.LIGHT)
            answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            mine = [one["_location_original"] for one in answers if one["_udn"] == heard.udn]
            expect(mine, f"no answer over {scope}: {done.stderr[-300:]}")
            found[scope] = mine[0]
            return f"{scope}: {mine[0]}"

        return look

    def call(action: str, **arguments):
        words = [f"{name}={value}" for name, value in arguments.items()]
        return client("call-action", found["FF05::C"], action, *words)

    def switched():
        done = call("SwitchPower/GetStatus")
        expect("ResultStatus" in done.stdout, done.stderr[-300:])
        return "GetStatus"

    def dimmed():
        done = call("Dimming/SetLoadLevelTarget", newLoadlevelTarget=30)
        expect('"newLoadlevelTarget": 30' in done.stdout, done.stderr[-300:])
        return "types from the description"

    def refused():
        done = call("Dimming/SetLoadLevelTarget", newLoadlevelTarget=500)
        expect("upnp error: 60" in done.stderr, done.stderr[-300:])
        return done.stderr.strip().splitlines()[-1].partition("status: ")[2]

    row.check("found", find("FF02::C", lan.link_local("theirs")))
    row.check("found", find("FF05::C", lan.ula("theirs")))
    row.check("described", dimmed)
    row.check("action", switched)
    row.check("fault", refused)
    row.cannot("events", "Its command subscribes over IPv4 only.")
    row.cannot("byebye", "Seen over IPv4 above.")
