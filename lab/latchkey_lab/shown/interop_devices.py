"""Our control point with devices that others wrote."""

import time

from ..interop.control import OurControlPoint
from ..interop.document import OTHERS_DEVICES
from ..interop.lan import IGD_WAN
from ..interop.peers import Peer
from ..interop.stage import Stage
from ..interop.table import Row
from ..laboratory import Laboratory
from ..steps import expect, step

BROWSE = {
    "BrowseFlag": "BrowseDirectChildren",
    "Filter": "*",
    "StartingIndex": 0,
    "RequestedCount": 10,
    "SortCriteria": "",
}
NO_BOOTID = "A restart cannot be told from a renewal: UDA 1.0, no BOOTID, the same URL, no byebye before it starts again."


class Tried:
    """A peer, its row, and our control point on its LAN."""

    def __init__(self, stage: Stage, name: str):
        self.stage, self.name = stage, name
        self.peer: Peer = stage.peers[name]
        self.row: Row = stage.table.row(OTHERS_DEVICES, name, self.peer.version())
        self.control: OurControlPoint = stage.control
        self.udn = self.location = ""
        self.row.check("found", self._find)
        self.row.check("described", lambda: self.control.describe(self.location))

    def _find(self) -> str:
        device = self.stage.found.get(self.peer.friendly_name)
        expect(device, f"{self.peer.friendly_name} did not answer: {self.peer.process.output()[-200:]}")
        self.udn, self.location = device["udn"], device["location"]
        return device["type"]

    def check(self, column: str, look) -> None:
        self.row.check(column, look)

    def invoke(self, service: str, action: str, **arguments) -> dict:
        return self.control.invoke(self.location, service, action, **arguments)

    def fault(self, code: int, service: str, action: str, **arguments) -> None:
        self.row.check("fault", lambda: self.control.fault(code, self.location, service, action, **arguments))

    def first_event(self, service: str, variable: str) -> None:
        def look():
            properties = self.control.first_event(self.location, service)
            expect(variable in properties, f"no {variable} in {sorted(properties)}")
            return f"{service}: {', '.join(sorted(properties))}"

        self.row.check("events", look)

    def byebye(self) -> None:
        """Stopped by its user, and started again."""
        watch = self.stage.watch

        def look():
            watch.wait(self.udn, "appeared")
            known = watch.count(self.udn)
            self.peer.stop()
            gone = watch.wait(self.udn, "disappeared", known, timeout=8)
            expect(gone["reason"] == "byebye", f"gone by {gone['reason']}")
            self.peer.start()
            watch.wait(self.udn, "appeared", known)
            return f"{gone['reason']}, and back"

        self.row.check("byebye", look)

    def restart(self, restarted) -> None:
        """Killed and started again; `restarted` says whether a change of the device tells so."""
        watch = self.stage.watch

        def look():
            before = watch.all(self.udn)[-1]
            known = watch.count(self.udn)
            self.peer.kill()
            time.sleep(1.1)  # miniupnpd's BOOTID is the time in seconds
            self.peer.start()
            return restarted(watch, before, known)

        self.row.check("restart", look)

    def restart_by_bootid(self) -> None:
        def restarted(watch, before, known):
            change = watch.wait(self.udn, "changed", known, where=lambda one: one.get("bootID") != before.get("bootID"))
            expect("bootID" in change, "no BOOTID")
            return "another BOOTID"

        self.restart(restarted)

    def restart_by_byebye(self) -> None:
        def restarted(watch, before, known):
            watch.wait(self.udn, "disappeared", known)
            watch.wait(self.udn, "appeared", known)
            return "byebye, then alive"

        self.restart(restarted)


@step("our control point uses minidlna: found, read, browsed, refused, seen to go and to restart")
def interop_minidlna(lab: Laboratory):
    tried = Tried(lab.interop, "minidlna")

    def browsed():
        answer = tried.invoke("ContentDirectory", "Browse", ObjectID="0", **BROWSE)
        expect(answer["NumberReturned"] >= 1 and "<DIDL-Lite" in answer["Result"], f"{answer}")
        return f"Browse: {answer['NumberReturned']} containers"

    tried.check("action", browsed)
    tried.fault(701, "ContentDirectory", "Browse", ObjectID="nosuch", **BROWSE)
    tried.row.cannot("events", "It accepts subscriptions and sends nobody an event, GUPnP's control point neither.")
    tried.byebye()
    tried.restart_by_byebye()
    return tried.row.finish()


@step("our control point uses gmediarender (libupnp): volume set and read back, and told by an event")
def interop_gmediarender(lab: Laboratory):
    tried = Tried(lab.interop, "gmediarender")
    channel = {"InstanceID": 0, "Channel": "Master"}

    def volume():
        tried.invoke("RenderingControl", "SetVolume", **channel, DesiredVolume=37)
        answer = tried.invoke("RenderingControl", "GetVolume", **channel)
        expect(answer["CurrentVolume"] == 37, f"{answer}")
        return "SetVolume, GetVolume"

    tried.check("action", volume)
    tried.fault(501, "AVTransport", "Play", InstanceID=0, Speed=1)
    tried.first_event("RenderingControl", "LastChange")
    tried.byebye()
    tried.row.cannot("restart", NO_BOOTID)
    return tried.row.finish()


@step("our control point uses Rygel (GUPnP): found, read, browsed, refused, heard, seen to go and to restart")
def interop_rygel(lab: Laboratory):
    tried = Tried(lab.interop, "rygel")

    def browsed():
        answer = tried.invoke("ContentDirectory", "Browse", ObjectID="0", **BROWSE)
        expect(answer["NumberReturned"] >= 1 and "<DIDL-Lite" in answer["Result"], f"{answer}")
        return f"Browse: {answer['NumberReturned']} containers"

    tried.check("action", browsed)
    tried.fault(701, "ContentDirectory", "Browse", ObjectID="nosuch", **BROWSE)
    tried.first_event("ContentDirectory", "SystemUpdateID")
    tried.byebye()
    tried.restart_by_byebye()
    return tried.row.finish()


@step("our control point uses miniupnpd: an address asked for, a port mapped, seen to go and to restart by BOOTID")
def interop_miniupnpd(lab: Laboratory):
    tried = Tried(lab.interop, "miniupnpd")
    entry = {"NewRemoteHost": "", "NewExternalPort": 5555, "NewProtocol": "TCP"}

    def mapped():
        address = tried.invoke("WANIPConnection", "GetExternalIPAddress")["NewExternalIPAddress"]
        expect(address == IGD_WAN, f"its address is {address}")
        tried.invoke(
            "WANIPConnection", "AddPortMapping", **entry, NewInternalPort=8080,
            NewInternalClient=lab.interop.lan.address("cp"), NewEnabled=1, NewPortMappingDescription="interop",
            NewLeaseDuration=600,
        )  # fmt: skip
        there = tried.invoke("WANIPConnection", "GetSpecificPortMappingEntry", **entry)
        expect(there["NewInternalPort"] == 8080 and there["NewEnabled"] is True, f"{there}")
        tried.invoke("WANIPConnection", "DeletePortMapping", **entry)
        return "GetExternalIPAddress, AddPortMapping, GetSpecificPortMappingEntry, DeletePortMapping"

    tried.check("action", mapped)
    tried.fault(714, "WANIPConnection", "GetSpecificPortMappingEntry", **entry)
    tried.first_event("WANIPConnection", "ExternalIPAddress")
    tried.byebye()
    tried.restart_by_bootid()
    return tried.row.finish()


@step("our control point uses a device on async-upnp-client's server: all of it, a restart by BOOTID too")
def interop_python_server(lab: Laboratory):
    tried = Tried(lab.interop, "async-upnp-client")

    def switched():
        tried.invoke("SwitchPower", "SetTarget", newTargetValue=1)
        expect(tried.invoke("SwitchPower", "GetStatus")["ResultStatus"] is True, "it is not on")
        return "SetTarget, GetStatus"

    tried.check("action", switched)
    tried.fault(501, "SwitchPower", "SetTarget", newTargetValue=1)
    tried.first_event("SwitchPower", "Status")
    tried.byebye()
    tried.restart_by_bootid()
    return tried.row.finish()


def _light(tried: Tried, refusal: int) -> None:
    def switched():
        tried.invoke("SwitchPower", "SetTarget", newTargetValue=1)
        expect(tried.invoke("SwitchPower", "GetStatus")["ResultStatus"] is True, "it is not on")
        return "SetTarget, GetStatus"

    tried.check("action", switched)
    tried.fault(refusal, "SwitchPower", "Explode")
    tried.first_event("SwitchPower", "Status")
    tried.byebye()


@step("our control point uses a light on libupnp: found, read, switched, refused, heard, seen to go")
def interop_libupnp_device(lab: Laboratory):
    tried = Tried(lab.interop, "libupnp light")
    # libupnp makes 501 of every error that comes without a sentence.
    _light(tried, 501)
    tried.row.cannot("restart", NO_BOOTID)
    return tried.row.finish()


@step("our control point uses a light on GUPnP: found, read, switched, refused, heard, seen to go and to restart")
def interop_gupnp_device(lab: Laboratory):
    tried = Tried(lab.interop, "gupnp light")
    _light(tried, 401)
    tried.restart_by_byebye()
    text = tried.row.finish()
    lab.interop.end_peers()
    return text
