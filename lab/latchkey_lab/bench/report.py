"""The tables, in docs/performance.md between markers; what stands outside them is written by people."""

import os
import platform
import subprocess
import time
from pathlib import Path

from ..laboratory import REPOSITORY
from .latency import Latency
from .memory import Idle
from .throughput import Throughput

PAGE = REPOSITORY / "docs" / "performance.md"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True).stdout.strip()


def conditions(command: str, note: str = "") -> str:
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    commit = _git("rev-parse", "--short", "HEAD") + (" with changes" if _git("status", "--porcelain", "-uno") else "")
    noted = f", {note}" if note else ""
    return (
        f"Measured {time.strftime('%Y-%m-%d %H:%M')} on {os.cpu_count()} × {model}, Linux {platform.release()}; "
        f"release build of commit {commit}{noted}; load before {load}; command: `{command}`."
    )


def tables(throughput: list[Throughput], latency: list[Latency], idle: list[Idle], size: int) -> str:
    parts = []
    if throughput:
        parts.append(_throughput(throughput, size))
    if latency:
        parts.append(_latency(latency))
    if idle:
        parts.append(_idle(idle))
    return "\n\n".join(parts)


def _throughput(results: list[Throughput], size: int) -> str:
    direct = next(result for result in results if result.name == "direct")
    lines = [
        f"### Media: {size / (1 << 30):g} GiB from minidlna to curl, {len(direct.speed)} rounds, the ways in turn",
        "",
        "| way | MB/s best (median) | of direct, medians | CPU-s per GiB: server end | client end | both ends | origin | curl "
        "| peak MiB server / client end |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        peak = " / ".join(f"{result.peak[name] / (1 << 20):.0f}" for name in ("server end", "client end") if name in result.peak)
        server, client = result.cpu_median("server end"), result.cpu_median("client end")
        lines.append(
            f"| {result.name} | {result.best():.0f} ({result.median():.0f}) | {result.median() / direct.median():.2f} "
            f"| {server:.2f} | {client:.2f} | {server + client:.2f} | {result.cpu_median('origin'):.2f} "
            f"| {result.cpu_median('curl'):.2f} | {peak or '–'} |"
        )
    return "\n".join(lines)


def _latency(results: list[Latency]) -> str:
    direct = results[0].percentile(0.5)
    lines = [
        f"### Control: one Browse of minidlna, {len(results[0].seconds)} requests, a new connection each",
        "",
        "| way | p50 ms | p99 ms | p50 of direct |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.percentile(0.5):.2f} | {one.percentile(0.99):.2f} | {one.percentile(0.5) / direct:.1f} |"
        for one in results
    ]
    return "\n".join(lines)


def _idle(results: list[Idle]) -> str:
    def shown(value: float | None) -> str:
        return "not measured" if value is None else f"{value:.1f}"

    lines = [
        "### Memory: KiB per idle session (resident memory, growth divided by sessions)",
        "",
        "| way | sessions | server end | client end |",
        "|---|---|---|---|",
    ]
    lines += [f"| {one.name} | {one.sessions} | {shown(one.server)} | {shown(one.client)} |" for one in results]
    return "\n".join(lines)


def write(section: str, text: str) -> None:
    """Puts the tables between the section's markers, which are added at the end of the page where there are none."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    page = PAGE.read_text() if PAGE.exists() else "# Performance\n"
    if begin not in page:
        page += f"\n{begin}\n{end}\n"
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")
