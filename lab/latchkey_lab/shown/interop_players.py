"""Our media with players that others wrote."""

import json

from ..interop import audience, players
from ..interop.document import OUR_MEDIA
from ..interop.peers import package_version
from ..laboratory import Laboratory
from ..steps import Skipped, step

MEDIA_SERVER = "latchkey-media-server"


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


@step("others' control points and players find, browse and play our media server")
def interop_media_server(lab: Laboratory):
    if not (lab.binaries / MEDIA_SERVER).exists():
        raise Skipped(f"{MEDIA_SERVER} of Examples/ is not built")
    raise Skipped("the media server is there and this step is not written")
