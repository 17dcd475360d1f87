"""The tables that compare Latchkey's UPnP with other stacks."""

from ..processes import run
from . import media_server
from .host import CALLS, SEARCHES
from .street import Samples

CALL_NAMES = {"keep1": "1 kept connection", "keep8": "8 kept connections", "new8": "a new connection each, 8 at a time"}


def version(package: str) -> str:
    """The packaged version, without the distribution's own parts."""
    done = run("dpkg-query", "-W", "-f", "${Version}", package, check=False)
    return "of an unknown version" if done.returncode else done.stdout.split(":")[-1].split("-")[0]


def host_tables(results: list[Samples], rounds: int, seconds: float) -> str:
    peers = f"libupnp {version('libupnp-dev')}, gupnp {version('libgupnp-1.6-dev')}"
    full = [one for one in results if "keep1 rate" in one.figures]
    lines = [
        f"### A hosted light beside {peers}: GetStatus, {rounds} rounds of {seconds:g} s, the stacks in turn, medians",
        "",
        "| stack | " + " | ".join(f"{CALL_NAMES[name]}: calls/s | per CPU-s | p50 ms" for name, *_ in CALLS) + " |",
        "|---|" + "---|" * (3 * len(CALLS)),
    ]
    for one in full:
        cells = []
        for name, _, manner in CALLS:
            note = " (closes after each)" if manner == "keep" and one.median(f"{name} connections") > 100 else ""
            cells += [f"{_thousands(one.median(f'{name} rate'))}{note}", _thousands(one.median(f"{name} per cpu")),
                      f"{one.median(f'{name} p50'):.2f}"]  # fmt: skip
        lines.append(f"| {one.name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "### The same light asked by M-SEARCH, MX 1, from a port of its own each",
        "",
        "| stack | " + " | ".join(f"{target} at {rate}/s: answers/s | lost % | answers per CPU-s" for _, target, rate in SEARCHES)
        + " |",
        "|---|" + "---|" * (3 * len(SEARCHES)),
    ]
    for one in results:
        cells = []
        for name, *_ in SEARCHES:
            cells += [_thousands(one.median(f"{name} rate")), f"{one.median(f'{name} lost'):.1f}",
                      _thousands(one.median(f"{name} per cpu"))]  # fmt: skip
        lines.append(f"| {one.name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "### Memory of the light's process, MiB",
        "",
        "| stack | idle: resident | proportional | after the load: resident | proportional |",
        "|---|---|---|---|---|",
    ]
    for one in full:
        cells = [f"{one.median(key) / 1024:.1f}" for key in ("idle rss", "idle pss", "loaded rss", "loaded pss")]
        lines.append(f"| {one.name} | " + " | ".join(cells) + " |")
    lines += ["", "Ratios to the better of the two, per CPU second: " + ", ".join(_ratios(full)) + "."]
    return "\n".join(lines)


def _ratios(results: list[Samples]) -> list[str]:
    ours = next(one for one in results if one.name == "Latchkey")
    others = [one for one in results if one is not ours]
    names = {name: CALL_NAMES[name] for name, *_ in CALLS} | {name: target for name, target, _ in SEARCHES}
    return [
        f"{words} {ours.median(f'{name} per cpu') / max(one.median(f'{name} per cpu') for one in others):.2f}"
        for name, words in names.items()
    ]


def media_server_table(results: list[Samples], rounds: int, seconds: float) -> str:
    lines = [
        f"### Browse of {media_server.SONGS} songs, all their properties, {rounds} rounds of {seconds:g} s in turn, medians",
        "",
        "| server | " + " | ".join(f"{CALL_NAMES[name]}: calls/s | per CPU-s" for name, *_ in media_server.CALLS)
        + " | after the load, MiB: resident | proportional |",
        "|---|" + "---|" * (2 * len(media_server.CALLS) + 2),
    ]
    for one in results:
        cells = [_thousands(one.median(f"{name} {what}")) for name, *_ in media_server.CALLS for what in ("rate", "per cpu")]
        cells += [f"{one.median(key) / 1024:.1f}" for key in ("loaded rss", "loaded pss")]
        lines.append(f"| {_titled(one)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _titled(one: Samples) -> str:
    return f"minidlna {version('minidlna')}" if one.name == "minidlna" else "Latchkey (Examples/MediaServer)"


def control_point_table(results: list[Samples], rounds: int, devices: int) -> str:
    lines = [
        f"### A control point and {devices} root devices, {rounds} rounds, the stacks in turn, medians",
        "",
        "| stack | ms from the search to the last description | CPU ms | KiB per device: resident | proportional "
        "| process, MiB |",
        "|---|---|---|---|---|---|",
    ]
    for one in results:
        incomplete = len(one.figures.get("incomplete", []))
        name = f"{one.name} (in {incomplete} rounds not complete within a minute)" if incomplete else one.name
        if "ms" not in one.figures:
            lines.append(f"| {name} |" + " – |" * 5)
            continue
        lines.append(
            f"| {name} | {one.median('ms'):.0f} | {one.median('cpu ms'):.0f} | {one.median('rss each'):.1f} "
            f"| {one.median('pss each'):.1f} | {one.median('rss') / 1024:.1f} |"
        )
    return "\n".join(lines)


def _thousands(value: float) -> str:
    return f"{value:,.0f}"
