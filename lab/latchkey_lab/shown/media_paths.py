"""Media from home: fetched, decoded, played, sought in, and sent to a renderer."""

import hashlib
import json
import socket
import time

from .. import media, upnp
from ..laboratory import Laboratory
from ..steps import expect, step


def media_url(lab: Laboratory, title: str, client=None) -> str:
    """The URL of an item, as an app finds it: search, description, Browse."""
    client = client or lab.laptop
    location = lab.mirror(lab.server_udn, client)
    with client.host.inside():
        control = upnp.describe(location).control_url("ContentDirectory")
        return upnp.find_item(control, title, below="64", depth=1).resources[0]


@step("curl fetches a file whole and in three ranges, and it is the file")
def fetched(lab: Laboratory):
    original = lab.library / media.CLIP
    size, url, host = original.stat().st_size, media_url(lab, "Clip"), lab.laptop.host
    whole = lab.work / "whole.mp4"
    speed = host.run("curl", "-sSf", "-o", whole, "-w", "%{speed_download}", url).stdout
    expect(media.sha256(whole) == media.sha256(original), "the whole file differs")
    third = size // 3
    pieces = b""
    for first, last in ((0, third - 1), (third, 2 * third - 1), (2 * third, size - 1)):
        part = lab.work / "part"
        code = host.run("curl", "-sS", "-r", f"{first}-{last}", "-o", part, "-w", "%{http_code}", url).stdout
        expect(code == "206", f"range {first}-{last} was answered with {code}")
        pieces += part.read_bytes()
    expect(hashlib.sha256(pieces).hexdigest() == media.sha256(original), "the three ranges differ from the file")
    head = host.run("curl", "-sSfI", "-H", "getcontentFeatures.dlna.org: 1", url).stdout.lower()
    expect(f"content-length: {size}" in head, f"HEAD without the length: {head}")
    expect("contentfeatures.dlna.org:" in head, f"HEAD without the DLNA header: {head}")
    return f"{size} bytes, SHA-256 {media.sha256(original)[:16]}… in both; {float(speed) / 1e6:.0f} MB/s; HEAD with DLNA features"


@step("ffmpeg decodes the film from away, every frame")
def decoded(lab: Laboratory):
    out = lab.laptop.host.run(
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-progress", "-", "-i", media_url(lab, "Clip"),
        "-f", "null", "-", timeout=90,
    )  # fmt: skip
    frames = [int(line.partition("=")[2]) for line in out.stdout.splitlines() if line.startswith("frame=")]
    expect(not out.stderr.strip(), f"ffmpeg complained: {out.stderr.strip()[:200]}")
    expect(frames and frames[-1] == 1500, f"{frames[-1:]} frames of 1500")
    return "1500 frames of 60 s, no complaint"


class Player:
    """mpv without a screen, driven through its socket."""

    def __init__(self, lab: Laboratory, url: str):
        self._path = lab.work / "mpv.sock"
        self._path.unlink(missing_ok=True)
        # A small cache, so that a seek must ask the home for it.
        self.process = lab.laptop.host.start(
            "mpv", "mpv", "--no-config", "--no-terminal", "--vo=null", "--ao=null", "--cache=no",
            "--demuxer-max-bytes=262144", "--demuxer-max-back-bytes=0", f"--input-ipc-server={self._path}", url,
            log=lab.logs / "mpv.log",
        )  # fmt: skip

    def ask(self, *command):
        with socket.socket(socket.AF_UNIX) as pipe:
            pipe.settimeout(5)
            pipe.connect(str(self._path))
            pipe.sendall(json.dumps({"command": command, "request_id": 1}).encode() + b"\n")
            for line in pipe.makefile():
                answer = json.loads(line)
                if answer.get("request_id") == 1 and "error" in answer:
                    return answer.get("data")

    def position(self) -> float:
        try:
            return float(self.ask("get_property", "playback-time") or 0)
        except OSError:
            return 0.0


@step("mpv plays the film from away and seeks in it")
def played(lab: Laboratory):
    url = media_url(lab, "Clip")
    before_log = lab.server.log().count("Range Start-End")
    player = Player(lab, url)
    try:
        before = lab.wait_until(lambda: (p := player.position()) > 1 and p, 15, "mpv did not begin to play")
        player.ask("seek", 45, "absolute")
        sought = lab.wait_until(lambda: (p := player.position()) > 44 and p, 10, "mpv did not arrive at 45 s")
        after = lab.wait_until(lambda: (p := player.position()) > sought + 1 and p, 10, "mpv does not go on playing")
    finally:
        player.process.stop()
    ranges = [line.strip() for line in lab.server.log().splitlines() if "Range Start-End" in line][before_log:]
    expect(ranges, "the media server at home saw no Range")
    return f"position {before:.1f} s → seek 45 → {sought:.1f} → {after:.1f} s; at home: {ranges[-1][-60:]}"


@step("the renderer at home plays a home URL that it was told from away")
def rendered(lab: Laboratory):
    url = media_url(lab, "Song")
    location = lab.mirror(lab.renderer.udn)
    with lab.laptop.host.inside():
        renderer = upnp.describe(location)
        upnp.invoke(renderer, "AVTransport", "SetAVTransportURI", InstanceID=0, CurrentURI=url, CurrentURIMetaData="")
        upnp.invoke(renderer, "AVTransport", "Play", InstanceID=0, Speed=1)

        def playing():
            state = upnp.invoke(renderer, "AVTransport", "GetTransportInfo", InstanceID=0)["CurrentTransportState"]
            position = upnp.invoke(renderer, "AVTransport", "GetPositionInfo", InstanceID=0)["RelTime"]
            return state == "PLAYING" and upnp.seconds(position)

        first = lab.wait_until(playing, 15, "the renderer does not play")
        time.sleep(2)
        second = playing()
        told_away = upnp.invoke(renderer, "AVTransport", "GetMediaInfo", InstanceID=0)["CurrentURI"]
        upnp.invoke(renderer, "AVTransport", "Stop", InstanceID=0)
    with lab.host("home-a").inside():
        at_home = upnp.describe(lab.renderer.location)
        told_home = upnp.invoke(at_home, "AVTransport", "GetMediaInfo", InstanceID=0)["CurrentURI"]
    expect(second > first, f"RelTime stands at {first} s")
    expect(told_home.startswith(f"http://{lab.server.address}:"), f"the renderer was given {told_home}")
    expect(told_away == url, f"away, GetMediaInfo says {told_away}, not the URL that was set, {url}")
    return f"RelTime {first:.0f} → {second:.0f} s, PLAYING; the renderer holds {told_home}, away it reads as the mirror's URL"
