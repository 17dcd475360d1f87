"""What a hosted device costs: actions and answers to searches, per second and per CPU second, and memory."""

import time
import urllib.parse
from pathlib import Path

from .street import LOAD, Contender, Samples, Street, contenders, weigh

SERVICE = "urn:schemas-upnp-org:service:SwitchPower:1"
ENVELOPE = (
    '<?xml version="1.0"?>\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>{body}</s:Body></s:Envelope>\n'
)
ACTION = f'<u:GetStatus xmlns:u="{SERVICE}"></u:GetStatus>'
# name, connections, whether they are kept
CALLS = (("keep1", 1, "keep"), ("keep8", 8, "keep"), ("new8", 8, "new"))
# name, target, searches a second; a light answers ssdp:all with 4 datagrams
SEARCHES = (("root", "upnp:rootdevice", 2000), ("all", "ssdp:all", 1000))


def measure(street: Street, rounds: int, seconds: float) -> list[Samples]:
    ways = contenders(street)
    results = {way.name: Samples(way.name) for way in ways}
    defaults = Samples("Latchkey, its own limits")
    body = street.logs / "GetStatus.xml"
    body.write_text(ENVELOPE.format(body=ACTION))
    for number in range(rounds):
        for way in ways:
            _round(street, way, results[way.name], body, seconds, f"{way.name}-{number + 1}")
            print(f"  round {number + 1}: {_line(results[way.name])}", flush=True)
    shy = Contender(defaults.name, (*ways[-1].command[:-1], "default"))
    shy.start(street, "defaults")
    try:
        time.sleep(2)
        _searches(street, shy, defaults, seconds)
    finally:
        shy.process.stop()
    return [*results.values(), defaults]


def _round(street: Street, way: Contender, result: Samples, body: Path, seconds: float, log: str) -> None:
    way.start(street, log)
    try:
        time.sleep(2)  # its first announcements are over
        for key, value in weigh(way.process).items():
            result.add(f"idle {key}", value)
        for name, connections, manner in CALLS:
            call(street, way, result, name, body, f"{SERVICE}#GetStatus", "ResultStatus", connections, manner, seconds)
        _searches(street, way, result, seconds)
        for key, value in weigh(way.process).items():
            result.add(f"loaded {key}", value)
    finally:
        way.process.stop()


def call(
    street: Street, way: Contender, result: Samples, name: str, body: Path, action: str, expected: str,
    connections: int, manner: str, seconds: float,
) -> None:  # fmt: skip
    """Calls an action in a closed loop, and notes what the device spent on it."""
    url = urllib.parse.urlsplit(way.control)
    before = way.process.cpu_seconds()
    got = street.generate(
        "soap-load", url.hostname, url.port, url.path, action, body, expected, connections, manner, seconds,
        timeout=seconds + 20,
    )  # fmt: skip
    spent = way.process.cpu_seconds() - before
    result.add(f"{name} rate", got["answers"] / got["seconds"])
    result.add(f"{name} per cpu", got["answers"] / max(spent, 0.01))
    result.add(f"{name} p50", got["p50"])
    result.add(f"{name} errors", got["errors"])
    result.add(f"{name} connections", got["connections"])


def _searches(street: Street, way: Contender, result: Samples, seconds: float) -> None:
    for name, target, rate in SEARCHES:
        before = way.process.cpu_seconds()
        got = street.generate("search-load", LOAD, target, rate, rate * 3, seconds, timeout=seconds + 20)
        spent = way.process.cpu_seconds() - before
        expected = got["searches"] * (1 if name == "root" else 4)
        result.add(f"{name} rate", got["answers"] / seconds)
        result.add(f"{name} per cpu", got["answers"] / max(spent, 0.01))
        result.add(f"{name} lost", 100 * (1 - got["answers"] / max(1, expected)))


def _line(result: Samples) -> str:
    names = [name for name, *_ in CALLS] + [name for name, *_ in SEARCHES]
    figures = ", ".join(f"{name} {result.figures[f'{name} per cpu'][-1]:.0f}" for name in names)
    return f"{result.name:9} per CPU-s: {figures}"
