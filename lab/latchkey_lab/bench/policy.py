"""What a decision of the policy costs, on one core, beside PyCasbin: the programs measure, this makes the table."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..laboratory import REPOSITORY
from ..processes import LabError, run

SIZES = ((10, 3000), (1000, 300), (10_000, 60))
KINDS = ("control", "event", "media", "action", "service", "discover")
SHAPES = {
    "list": "a rule for each client and device",
    "rooms": "groups, rooms, patterns of names, types, times",
    "limits": "limits on arguments",
    "mixed": "a third of each",
    "overlapping": "the worst: every rule speaks of the call",
}


@dataclass(frozen=True)
class Row:
    """Nanoseconds."""

    shape: str
    kind: str
    rules: int
    clients: int
    permitted: int
    median: int
    p99: int
    longest: int


@dataclass(frozen=True)
class Peer:
    rules: int
    median: int
    p99: int
    longest: int


def measure(binaries: Path, decisions: int = 20_000) -> tuple[list[Row], list[Peer]]:
    program = binaries / "policy-bench"
    python = REPOSITORY / "lab/.venv/bin/python"
    if not os.access(program, os.X_OK):
        raise LabError(f"{program} is not built: run `make bench`, which does")
    rows, peers = [], []
    for rules, asked in SIZES:
        for line in run(program, str(rules), str(decisions), timeout=900).stdout.splitlines():
            shape, kind, *numbers = line.split()
            if shape not in SHAPES:
                raise LabError(line)
            rows.append(Row(shape, kind, *(int(number) for number in numbers)))
        peer = run(python, REPOSITORY / "Benchmarks/Peers/casbin-policy.py", str(rules), str(asked), timeout=900).stdout
        _, _, *numbers = peer.split()
        peers.append(Peer(rules, *(int(number) for number in numbers)))
    return rows, peers


def table(rows: list[Row], peers: list[Peer]) -> str:
    lines = [
        "### A decision: µs of one core, p50 / p99",
        "",
        "| rules | clients | shape | a call | an event | content | an action seen | a service seen | a device seen |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for rules, _ in SIZES:
        for shape in SHAPES:
            mine = {row.kind: row for row in rows if (row.rules, row.shape) == (rules, shape)}
            cells = [f"{_micro(mine[kind].median)} / {_micro(mine[kind].p99)}" for kind in KINDS]
            lines.append(f"| {rules:,} | {mine['control'].clients:,} | {SHAPES[shape]} | " + " | ".join(cells) + " |")
    lines += ["", "| rules | PyCasbin, a call: p50 / p99 | the same calls here | ratio of medians |", "|---|---|---|---|"]
    for peer in peers:
        own = next(row for row in rows if (row.rules, row.shape, row.kind) == (peer.rules, "list", "control"))
        lines.append(
            f"| {peer.rules:,} | {_micro(peer.median)} / {_micro(peer.p99)} | {_micro(own.median)} / {_micro(own.p99)} "
            f"| {peer.median / own.median:,.0f} |"
        )
    usual = [row for row in rows if row.rules == 1000 and row.shape != "overlapping"]
    longest = max(row.longest for row in usual)
    lines += ["", f"The longest of all decisions at 1,000 rules but those of the worst shape: {_micro(longest)} µs."]
    return "\n".join(lines)


def _micro(nanoseconds: int) -> str:
    return f"{nanoseconds / 1000:,.1f}" if nanoseconds < 100_000 else f"{nanoseconds / 1000:,.0f}"
