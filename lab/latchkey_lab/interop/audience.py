"""Control points of others, all watching and using our devices at the same time."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ..processes import LabError, Process
from .peers import VENV
from .stage import Stage

UPNP_CLIENT = VENV / "bin" / "upnp-client"
LIGHT = "urn:schemas-upnp-org:device:DimmableLight:1"


@dataclass
class Heard:
    """What each program printed, from our devices' start until after their byebyes."""

    light: str
    udn: str
    lights: list = field(default_factory=list)
    said: dict = field(default_factory=dict)

    def lines(self, name: str, start: str = "") -> list[str]:
        return [line for line in self.said[name].splitlines() if line.startswith(start)]

    def line(self, name: str, start: str) -> str:
        """The first line that begins so; what else was said when there is none."""
        for line in self.lines(name, start):
            return line
        raise LookupError(f"{name} never said {start!r}, but: {self.said[name][-400:]!r}")


def locations(demo: Process, kind: str = "light") -> list[str]:
    """LOCATIONs of a demonstration device, one for each address that it is served at."""
    return [line.split("=", 1)[1] for line in demo.output().splitlines() if line.startswith(f"{kind} location=")]


def location(demo: Process, address: str, kind: str = "light") -> str:
    """Its LOCATION at one address, waited for: the addresses of an interface are taken up one after another."""
    return demo.wait_for(f"{kind} location=http://{address}:").partition("=")[2]


def perform(stage: Stage) -> Heard:
    """Starts everybody, then our devices; lets them be used, and stops them."""
    host, address = stage.host("theirs"), stage.lan.address("theirs")

    def start(name: str, *command) -> Process:
        return host.start(f"interop-{name}", *command, log=stage.logs / f"interop-{name}.log")

    long = {
        "gssdp-discover": start("gssdp", "stdbuf", "-oL", "gssdp-discover", "-i", "eth0", "-m", "all"),
        "gupnp-event-dumper": start("dumper", "gupnp-event-dumper"),
        "gupnp": start("gupnp-cp", stage.compiled("gupnp-control-point.c", "gupnp-1.6"), address, 60),
        "libupnp": start("libupnp-cp", stage.compiled("libupnp-control-point.c", "libupnp"), "eth0", 60),
        "advertisements": start("advertisements", UPNP_CLIENT, "advertisements", "--bind", address),
    }
    for name in ("gupnp", "libupnp"):
        long[name].wait_for("ready")
    time.sleep(0.5)
    demo = stage.demo("--interface", "eth0")
    light = location(demo, stage.lan.address("ours"))
    heard = Heard(light, "")
    long["subscribe"] = start("subscribe", UPNP_CLIENT, "subscribe", light, "SwitchPower")

    def short(*command) -> str:
        done = host.run(*command, check=False, timeout=40)
        return done.stdout + done.stderr

    def client(*words) -> str:
        return short(UPNP_CLIENT, *words)

    with ThreadPoolExecutor(4) as pool:
        waiting = {
            "search": pool.submit(client, "search", "--bind", address, "--search_target", LIGHT),
            "upnpc -s": pool.submit(short, "upnpc", "-m", "eth0", "-s"),
            "upnpc -l": pool.submit(short, "upnpc", "-m", "eth0", "-l"),
            "actions": pool.submit(lambda: [
                client("call-action", light, "SwitchPower/SetTarget", "newTargetValue=1"),
                client("call-action", light, "SwitchPower/GetStatus"),
                client("call-action", light, "Dimming/SetLoadLevelTarget", "newLoadlevelTarget=30"),
                client("call-action", light, "Dimming/SetLoadLevelTarget", "newLoadlevelTarget=500"),
            ]),
        }  # fmt: skip
        heard.said = {name: future.result() for name, future in waiting.items()}
    wait_for_text(long["gupnp"], "called SetTarget")
    wait_for_text(long["libupnp"], "event 1 ")
    heard.said["still there after upnpc"] = "yes" if demo.alive else demo.output()
    heard.lights = locations(demo)
    demo.stop()
    wait_for_end(long["gupnp"], long["libupnp"])
    heard.said |= {name: process.output() for name, process in long.items()}
    heard.udn = heard.line("gupnp", "gone").split()[1] if "gone" in heard.said["gupnp"] else ""
    for process in long.values():
        process.kill()
    return heard


def wait_for_text(process: Process, text: str) -> None:
    """A moment for the slow; what never comes is a fault that its own row tells."""
    with contextlib.suppress(LabError):
        process.wait_for(text, timeout=8)


def wait_for_end(*processes: Process, timeout: float = 5) -> None:
    """They end by themselves when the device has gone; one that does not is judged by what it printed."""
    end = time.monotonic() + timeout
    while any(process.alive for process in processes) and time.monotonic() < end:
        time.sleep(0.05)

