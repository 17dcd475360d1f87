"""A secure group's key tree and channels, on one core, without a network: the programs measure, this makes the tables."""

import json
import os
import re
from pathlib import Path

from ..processes import LabError, run

ROW = re.compile(r"suite (\d+)\s+(.+): ([\d.]+) us, (\d+)/s")


def measure_trees(binaries: Path, rounds: int) -> dict:
    answer = run(binaries / "latchkey", "bench", "group", "--json", "--rounds", str(rounds), timeout=3600)
    return json.loads(answer.stdout)


def measure_channels(binaries: Path) -> list[tuple[str, ...]]:
    program = binaries / "channel-bench"
    if not os.access(program, os.X_OK):
        raise LabError(f"{program} is not built: run `make bench`, which does")
    return [match.groups() for match in ROW.finditer(run(program, timeout=900).stdout)]


def trees(report: dict) -> str:
    lines = [
        "### A group's key tree",
        "",
        f"Timed: {report['timed']}",
        "",
        "| members | operation | median | fastest | unsigned | each event | octets | packets | records | KDF calls | a member "
        "| plain LKH, d=2 / d=4, encryptions |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in report["measurements"]:
        what = one["operation"] if one["events"] == 1 else f"{one['events']:,} {one['operation']}"
        plain = "–" if one.get("plainBinary") is None else f"{_count(one['plainBinary'])} / {_count(one.get('plainQuaternary'))}"
        member = "–" if one.get("memberMicroseconds") is None else _time(one["memberMicroseconds"])
        lines.append(
            f"| {one['members']:,} | {what} | {_time(one['microseconds'])} | {_time(one['fastest'])} | {_time(one['unsigned'])} "
            f"| {_time(one['microseconds'] / one['events'])} | {one['bytes']:,} | {_count(one['packets'])} "
            f"| {_count(one['records'])} | {_count(one['derivations'])} | {member} | {plain} |"
        )
    lines += ["", "| members | secrets, MiB | of these locked in memory | counts, MiB | filled in s |", "|---|---|---|---|---|"]
    lines += [
        f"| {one['members']:,} | {one['secrets'] / (1 << 20):.1f} | {one['locked'] / (1 << 20):.1f} "
        f"| {one['counts'] / (1 << 20):.1f} | {one['fillSeconds']:.1f} |"
        for one in report["memory"]
    ]
    lines += ["", "Cited, not measured here:", "", "| what | members | octets | time | source |", "|---|---|---|---|---|"]
    lines += [f"| {one['what']} | {one['members']:,} | {one['bytes']} | {one['time']} | {one['source']} |" for one in report["cited"]]
    return "\n".join(lines)


def channels(rows: list[tuple[str, ...]]) -> str:
    lines = [
        "### A group's channels: time of one core for each message, medians of five",
        "",
        "| what | AES-256-GCM (suite 1) | ChaCha20-Poly1305 (suite 2) |",
        "|---|---|---|",
    ]
    names = dict.fromkeys(name for _, name, _, _ in rows)
    figures = {(suite, name): f"{time} µs, {int(rate):,}/s" for suite, name, time, rate in rows}
    lines += [f"| {name} | {figures.get(('1', name), '–')} | {figures.get(('2', name), '–')} |" for name in names]
    return "\n".join(lines)


def _count(number: float | None) -> str:
    if number is None:
        return "–"
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.1f}"


def _time(microseconds: float) -> str:
    if microseconds < 1_000:
        return f"{microseconds:.1f} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.1f} ms"
    return f"{microseconds / 1_000_000:.2f} s"
