"""The peers that stand in the home: a media server, a renderer, and the demonstration devices."""

import shutil
import time
from pathlib import Path

from .namespaces import Namespace
from .processes import LabError, Process
from .upnp import UPnPFault, describe, find_item

MINIDLNA_PORT = 8200
RENDERER_UUID = "5a1d7a30-0c6b-4d2e-9f3a-1a7c4e00c0de"


class MediaServer:
    """minidlna over a folder of generated media."""

    def __init__(self, host: Namespace, address: str, library: Path, work: Path, name: str = "Lab Library"):
        self.host, self.address, self.name = host, address, name
        self.location = f"http://{address}:{MINIDLNA_PORT}/rootDesc.xml"
        self.folder = work / f"minidlna-{host.name}"
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "db").mkdir(parents=True)
        self.configuration = self.folder / "minidlna.conf"
        self.configuration.write_text(
            f"network_interface=eth0\nport={MINIDLNA_PORT}\nmedia_dir={library}\nfriendly_name={name}\n"
            f"db_dir={self.folder}/db\nlog_dir={self.folder}\ninotify=no\nnotify_interval=300\n"
            "log_level=general,artwork,database,inotify,scanner,metadata,ssdp,tivo=warn,http=debug\n"
        )
        self.last_title = max(file.stem for file in library.iterdir())
        self.process: Process | None = None

    def start(self) -> None:
        self.process = self.host.start(
            "minidlna", "minidlnad", "-f", self.configuration, "-S", "-P", self.folder / "pid",
            log=self.folder / "output.log",
        )  # fmt: skip
        end = time.monotonic() + 20
        while not self._scanned():
            if time.monotonic() > end or not self.process.alive:
                raise LabError(f"minidlna did not start: {self.process.output()[-300:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """SIGTERM: it says byebye."""
        self.process.stop()

    def log(self) -> str:
        file = self.folder / "minidlna.log"
        return (file.read_text(errors="replace") if file.exists() else "") + self.process.output()

    def _scanned(self) -> bool:
        with self.host.inside():
            try:
                control = describe(self.location).control_url("ContentDirectory")
                # It reads the folder in order of names, so the last one tells that the scan is over.
                return bool(find_item(control, self.last_title, below="64", depth=1))
            except (OSError, LookupError, UPnPFault):
                return False


class Renderer:
    """gmediarender, which plays into nothing, in real time."""

    def __init__(self, host: Namespace, address: str, work: Path, name: str = "Lab Renderer"):
        self.host, self.address, self.name, self.work = host, address, name, work
        self.udn = f"uuid:{RENDERER_UUID}"
        self.process: Process | None = None

    def start(self) -> None:
        self.process = self.host.start(
            "gmediarender", "gmediarender", "-f", self.name, "-u", RENDERER_UUID, "-I", "eth0", "-p", "49494",
            "--gstout-audiopipe=fakesink sync=true", "--gstout-videosink=fakesink",
            log=self.work / "gmediarender.log",
        )  # fmt: skip
        self.location = f"http://{self.address}:49494/description.xml"

    def stop(self) -> None:
        self.process.stop()
