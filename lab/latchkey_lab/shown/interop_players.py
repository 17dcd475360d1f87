"""Our media with players that others wrote."""

import json
import time
from dataclasses import dataclass, field

from .. import upnp
from ..interop import audience, players
from ..interop.document import OUR_MEDIA
from ..interop.peers import GMediaRender, package_version, python_version
from ..interop.stage import Stage
from ..interop.table import Row
from ..laboratory import REPOSITORY, Laboratory
from ..namespaces import Namespace
from ..processes import Process
from ..steps import Skipped, expect, step
from .interop_devices import BROWSE

NAME = "Interop media"
PLAYERS = {
    "async-upnp-client": lambda: python_version("async-upnp-client"),
    "mpv": lambda: package_version("mpv"),
    "vlc": lambda: package_version("vlc-bin"),
    "gmediarender": lambda: package_version("gmediarender"),
}


@step("mpv and VLC play the stream of our camera, whose URL they were told by an action")
def interop_camera_players(lab: Laboratory):
    stage = lab.interop
    host = stage.host("theirs")
    demo = stage.demo("--interface", "eth0", "--devices", "camera", name="interop-camera")
    camera = audience.location(demo, stage.lan.address("ours"), "camera")
    action = "DigitalSecurityCameraMotionImage/GetDefaultVideoURL"
    answer = json.loads(host.run(audience.UPNP_CLIENT, "call-action", camera, action).stdout)
    url = answer["out_parameters"]["RetVideoURL"]
    rows = [
        stage.table.row(OUR_MEDIA, "mpv, camera", package_version("mpv")),
        stage.table.row(OUR_MEDIA, "vlc, camera", package_version("vlc-bin")),
    ]
    vlc = players.vlc(host, stage.work, stage.logs, "camera", url)
    rows[0].check("played", lambda: players.mpv(host, url))
    rows[1].check("played", lambda: vlc.wait_for("Received first picture", 15).partition("debug: ")[2])
    vlc.kill()
    demo.stop()
    for row in rows:
        for column in ("found", "browsed"):
            row.cannot(column, "A player of URLs.")
    return "\n".join(f"{row.peer}: {row.finish()}" for row in rows)


@step("async-upnp-client, mpv, VLC and gmediarender find, browse and play what our media server has")
def interop_media_server(lab: Laboratory):
    program = REPOSITORY / ".build-examples" / "debug" / "media-server"
    if not program.exists():
        raise Skipped("Examples/ is not built here: make examples")
    stage = lab.interop
    host = stage.host("theirs")
    server = stage.host("ours").start(
        "interop-media-server", program, stage.library, "--name", NAME, "--interface", "eth0",
        "--identity", stage.work / "media-server.udn", log=stage.logs / "interop-media-server.log",
    )  # fmt: skip
    rows = {name: stage.table.row(OUR_MEDIA, f"{name}, media server") for name in PLAYERS}
    for name, version in PLAYERS.items():
        rows[name].version = version()
    vlc = players.vlc(host, stage.work, stage.logs, "discovery", "--services-discovery", "upnp")
    media = Media()
    _browsed_by_client(rows["async-upnp-client"], stage, media)
    _played_by_mpv(rows["mpv"], host, media)
    _played_by_vlc(rows["vlc"], stage, vlc, media)
    _played_by_renderer(rows["gmediarender"], stage, media)
    expect(server.alive, f"the media server ended: {server.output()[-300:]}")
    server.stop()
    return "\n".join(f"{row.peer}: {row.finish()}" for row in rows.values())


@dataclass
class Media:
    """What the media server turned out to have: URLs of its files by title."""

    location: str = ""
    urls: dict = field(default_factory=dict)


def _browsed_by_client(row: Row, stage: Stage, media: Media) -> None:
    host, address = stage.host("theirs"), stage.lan.address("theirs")

    def found():
        words = ("search", "--bind", address, "--search_target", "urn:schemas-upnp-org:device:MediaServer:1")
        out = host.run(audience.UPNP_CLIENT, *words).stdout
        (answer,) = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        media.location = answer["LOCATION"]
        return answer["ST"]

    def listing(object_id: str) -> upnp.Listing:
        words = [f"{name}={value}" for name, value in {"ObjectID": object_id, **BROWSE}.items()]
        out = host.run(audience.UPNP_CLIENT, "call-action", media.location, "ContentDirectory/Browse", *words).stdout
        return upnp.read_didl(json.loads(out)["out_parameters"]["Result"])

    def browsed():
        waiting = ["0"]
        while waiting and len(media.urls) < 8:
            found = listing(waiting.pop(0))
            waiting += [identifier for identifier, _ in found.containers]
            for item in found.items:
                media.urls.setdefault(item.title, item.resources[0])
        expect({"Clip", "Song", "Photo"} <= {title.split(".")[0] for title in media.urls}, f"{sorted(media.urls)}")
        return f"{len(media.urls)} items"

    row.check("found", found)
    row.check("browsed", browsed)
    row.cannot("played", "A control point, which plays nothing.")


def _url(media: Media, title: str) -> str:
    for name, url in media.urls.items():
        if name.split(".")[0] == title:
            return url
    raise LookupError(f"no {title} among {sorted(media.urls)}")


def _played_by_mpv(row: Row, host: Namespace, media: Media) -> None:
    row.check("played", lambda: players.mpv(host, _url(media, "Clip")))
    for column in ("found", "browsed"):
        row.cannot(column, "A player of URLs.")


def _played_by_vlc(row: Row, stage: Stage, vlc: Process, media: Media) -> None:
    """VLC looks for servers with libupnp; a person would open the folder that it then shows."""
    row.check("found", lambda: vlc.wait_for(f"Adding server '{NAME}'", 15).partition("debug: ")[2])
    vlc.kill()
    opened = players.vlc(stage.host("theirs"), stage.work, stage.logs, "media", _url(media, "Clip"))
    row.check("played", lambda: opened.wait_for("Received first picture", 20).partition("debug: ")[2])
    opened.kill()
    row.cannot("browsed", "Its list of servers is for a screen; the film is opened by its URL.")


def _played_by_renderer(row: Row, stage: Stage, media: Media) -> None:
    renderer = GMediaRender(*stage.place("gmediarender"))
    renderer.start()
    control = stage.control

    def played():
        found = {}
        for seconds in (2, 4):
            found |= {one["name"]: one["location"] for one in control.search("upnp:rootdevice", seconds).values()}
            if renderer.friendly_name in found:
                break
        place = (found[renderer.friendly_name], "AVTransport")
        song = _url(media, "Song")
        control.invoke(*place, "SetAVTransportURI", InstanceID=0, CurrentURI=song, CurrentURIMetaData="")
        control.invoke(*place, "Play", InstanceID=0, Speed=1)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            position = control.invoke(*place, "GetPositionInfo", InstanceID=0)
            if upnp.seconds(position["RelTime"]) >= 1:
                return f"{position['RelTime']} of {position['TrackDuration']}"
            time.sleep(0.3)
        raise LookupError(f"it does not play: {position}")

    row.check("played", played)
    renderer.kill()
    for column in ("found", "browsed"):
        row.cannot(column, "A renderer plays the URL that it is given.")
