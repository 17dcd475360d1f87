"""mosquitto with TLS 1.3, and a fan-out through it: what a forwarder is compared with."""

import os
import pwd
import time
from pathlib import Path

from ..namespaces import Namespace
from ..processes import LabError, Process
from .paths import Certificates
from .street import DEVICE, FIRST_CORE, Street

PORT = 8883


class Broker:
    """One mosquitto, which keeps nothing on disk and drops nothing from a queue."""

    def __init__(self, street: Street, folder: Path):
        self.street = street
        self.certificates = Certificates(folder)
        server = self.certificates.pem["server"]
        file = folder / "mosquitto.conf"
        file.write_text(
            f"listener {PORT} {DEVICE}\ncafile {self.certificates.authority}\ncertfile {server}\nkeyfile {server}\n"
            "tls_version tlsv1.3\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nset_tcp_nodelay true\n"
            f"log_type error\nlog_dest stderr\nuser {_owner(folder)}\n"
        )
        self.process: Process = street.device.start(
            "mosquitto", *FIRST_CORE, "mosquitto", "-c", file, log=street.logs / "mosquitto.log"
        )
        _listening(street.device, self.process)

    def fan_out(self, subscribers: int, size: int, in_flight: int, seconds: float) -> dict:
        return self.street.generate(
            "mqtt-fanout", DEVICE, PORT, self.certificates.authority, subscribers, size, in_flight, seconds, self.process.pid,
            timeout=seconds + 60,
        )  # fmt: skip

    def stop(self) -> None:
        self.process.stop()


def _owner(folder: Path) -> str:
    """Whoever may read the folder: mosquitto would give up root, and then could not read its key."""
    return pwd.getpwuid(os.stat(folder).st_uid).pw_name


def _listening(host: Namespace, process: Process) -> None:
    end = time.monotonic() + 10
    while f":{PORT}" not in host.run("ss", "-Htln").stdout:
        if time.monotonic() > end or not process.alive:
            raise LabError(f"mosquitto does not listen: {process.output().strip()[-300:]}")
        time.sleep(0.05)
