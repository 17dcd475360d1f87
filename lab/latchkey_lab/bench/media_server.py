"""Browse of a folder with songs: the media server of Examples/ beside minidlna, which serve the same files."""

import os
import shutil
import time
from pathlib import Path

from .. import media, upnp
from ..home import MINIDLNA_PORT
from ..laboratory import MEDIA_FOLDER
from ..processes import LabError
from .host import ENVELOPE, call
from .street import DEVICE, Contender, Samples, Street, weigh

SONGS = 20
SERVICE = "urn:schemas-upnp-org:service:ContentDirectory:1"
CALLS = (("keep8", 8, "keep"), ("new8", 8, "new"))


def measure(street: Street, rounds: int, seconds: float) -> list[Samples]:
    folder = _songs(street.logs.parent / "songs")
    configuration = street.logs.parent / "minidlna.conf"
    database = street.logs.parent / "minidlna-db"
    configuration.write_text(
        f"network_interface=bench0\nport={MINIDLNA_PORT}\nmedia_dir={folder}\nfriendly_name=Bench\n"
        f"db_dir={database}\nlog_dir={database}\ninotify=no\nlog_level=general=error\n"
    )
    ours = Contender("Latchkey", (street.ours, "media-server", "bench0", folder), service="ContentDirectory")
    results = [Samples("minidlna"), Samples("Latchkey")]
    for number in range(rounds):
        shutil.rmtree(database, ignore_errors=True)
        database.mkdir()
        theirs = Contender("minidlna", ("minidlnad", "-f", configuration, "-S", "-P", database / "pid"))
        theirs.process = street.device.start("minidlna", *theirs.command, log=street.logs / "minidlna.log")
        _measured(street, theirs, results[0], seconds, lambda: _control_of_minidlna(street, theirs))
        ours.start(street, f"media-server-{number + 1}")
        _measured(street, ours, results[1], seconds, lambda: None)
        for one in results:
            print(f"  round {number + 1}: {one.name:9} {one.figures['keep8 per cpu'][-1]:.0f} Browse per CPU-s", flush=True)
    return results


def _measured(street: Street, way: Contender, result: Samples, seconds: float, ready) -> None:
    try:
        ready()
        container = _container(street, way.control)
        body = street.logs / f"Browse-{way.name}.xml"
        fields = {
            "ObjectID": container, "BrowseFlag": "BrowseDirectChildren", "Filter": "*", "StartingIndex": 0,
            "RequestedCount": SONGS, "SortCriteria": "",
        }  # fmt: skip
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
        body.write_text(ENVELOPE.format(body=f'<u:Browse xmlns:u="{SERVICE}">{inner}</u:Browse>'))
        for name, connections, manner in CALLS:
            expected = f"<NumberReturned>{SONGS}<"
            call(street, way, result, name, body, f"{SERVICE}#Browse", expected, connections, manner, seconds)
        for key, value in weigh(way.process).items():
            result.add(f"loaded {key}", value)
    finally:
        way.process.stop()


def _songs(folder: Path) -> Path:
    library = media.make(MEDIA_FOLDER)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "Songs").mkdir(parents=True)
    for number in range(SONGS):
        os.link(library / media.SONG, folder / "Songs" / f"Song {number + 1:02}.mp3")
    return folder


def _control_of_minidlna(street: Street, way: Contender) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            with street.load.inside():
                way.control = upnp.describe(f"http://{DEVICE}:{MINIDLNA_PORT}/rootDesc.xml").control_url("ContentDirectory")
            _container(street, way.control)
            return
        except (OSError, LookupError, LabError, upnp.UPnPFault):
            if time.monotonic() > end:
                raise LabError("minidlna did not read its folder in 20 s") from None
            time.sleep(0.2)


def _container(street: Street, control: str) -> str:
    """The folder with all the songs; minidlna shows them under several."""
    waiting = ["64" if ":8200/" in control else "0"]
    with street.load.inside():
        while waiting:
            identifier = waiting.pop(0)
            listing = upnp.browse(control, identifier)
            if len(listing.items) == SONGS:
                return identifier
            waiting += [one for one, _ in listing.containers]
    raise LabError("the folder with the songs is not shown")
