"""What the grid has measured: as a table, as a page, as JSON, and held against what each cell has to reach."""

import datetime
import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from ..processes import LabError
from .kinds import BY_NAME, KINDS

FIRST_ANSWER = 1.5
DIRECT = ("direct", "punched")
#: The better first; a cell is as good as its worst round.
_ORDER = ("direct", "punched", "turn", "relay", "none")


@dataclass
class Round:
    """One client, from its start to the best path that it got; in seconds."""

    first: float | None = None
    first_path: str = "none"
    best: float | None = None
    path: str = "none"
    fault: str = ""

    @property
    def is_direct(self) -> bool:
        return self.path in DIRECT


@dataclass
class Cell:
    """A kind of router at home, a kind away, and every round between them."""

    home: str
    away: str
    rounds: list[Round] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"{self.home} → {self.away}"

    @property
    def path(self) -> str:
        return max((one.path for one in self.rounds), key=_ORDER.index, default="none")

    @property
    def firsts(self) -> list[float]:
        return [one.first for one in self.rounds if one.first is not None]

    @property
    def bests(self) -> list[float]:
        return [one.best for one in self.rounds if one.best is not None]


def pairs(text: str) -> list[Cell]:
    """Cells by their names, such as `port:eim,public:public`."""
    cells = [Cell(*pair.split(":", 1)) for pair in text.split(",") if ":" in pair]
    for name in (name for cell in cells for name in (cell.home, cell.away)):
        if name not in BY_NAME:
            raise LabError(f"there is no kind {name!r}; the kinds are {', '.join(BY_NAME)}")
    return cells


def expected(home: str, away: str) -> str:
    rules = json.loads((Path(__file__).parent / "expectations.json").read_text())
    return "any" if away in rules["any"].get(home, ()) else rules["default"]


def faults(cells: list[Cell]) -> list[str]:
    found = []
    for cell in cells:
        for number, one in enumerate(cell.rounds, 1):
            place = f"{cell.place}, round {number}"
            if one.fault or one.first is None:
                found.append(f"{place}: not connected: {one.fault[-200:]}")
            elif expected(cell.home, cell.away) == "direct" and not one.is_direct:
                found.append(f"{place}: goes by {one.path}, and a direct path is possible")
            elif one.first > FIRST_ANSWER:
                found.append(f"{place}: first answer after {one.first:.2f} s")
    return found


def line(cell: Cell, one: Round) -> str:
    """A round, as it is told while the grid runs."""
    best = f", best after {one.best:.2f} s" if one.best is not None else ""
    first = f"first answer after {one.first:.2f} s by {one.first_path}" if one.first is not None else "nothing"
    return f"{cell.home:>10} → {cell.away:<10} {one.path:<8} {first}{best} {one.fault[-160:]}"


def document(cells: list[Cell]) -> dict:
    """For a program: times in milliseconds, `null` where there was none."""
    return {
        "date": _stamp(),
        "rounds": max((len(cell.rounds) for cell in cells), default=0),
        "cells": [
            {
                "home": cell.home,
                "away": cell.away,
                "expected": expected(cell.home, cell.away),
                "path": cell.path,
                "paths": [one.path for one in cell.rounds],
                "first": _summary([one.first for one in cell.rounds]),
                "best": _summary([one.best for one in cell.rounds]),
                "faults": [one.fault for one in cell.rounds if one.fault],
            }
            for cell in cells
        ],
    }


def _summary(seconds: list[float | None]) -> dict:
    known = [one for one in seconds if one is not None]
    return {
        "median": _milliseconds(median(known) if known else None),
        "worst": _milliseconds(max(known, default=None)),
        "all": [_milliseconds(one) for one in seconds],
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def table(cells: list[Cell]) -> str:
    kinds = [kind.name for kind in KINDS if any(cell.away == kind.name for cell in cells)]
    lines = ["| home \\ away | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for kind in KINDS:
        row = {cell.away: cell for cell in cells if cell.home == kind.name}
        if row:
            lines.append(f"| **{kind.name}** | " + " | ".join(_text(row[away]) if away in row else "" for away in kinds) + " |")
    return "\n".join(lines)


def _text(cell: Cell) -> str:
    """`punched: 40, best 310 ms`; of several rounds the median and, in brackets, the worst."""
    if not cell.firsts:
        return "**none**"
    text = f"{cell.path}: {_times(cell.firsts)}"
    if cell.bests and median(cell.bests) > median(cell.firsts) + 0.01:
        text += f", best {_times(cell.bests)}"
    return text + " ms"


def _times(seconds: list[float]) -> str:
    middle, worst = f"{median(seconds) * 1000:.0f}", f"{max(seconds) * 1000:.0f}"
    return middle if len(seconds) == 1 else f"{middle} ({worst})"


def _stamp() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def page(cells: list[Cell]) -> str:
    """The same as HTML, a colour for each path."""
    colours = {"direct": "#9fd89f", "punched": "#c6e8a5", "turn": "#f4e09a", "relay": "#f3c08c", "none": "#ef9a9a"}
    kinds = [kind for kind in KINDS if any(cell.away == kind.name for cell in cells)]
    rows = []
    for kind in KINDS:
        row = {cell.away: cell for cell in cells if cell.home == kind.name}
        if not row:
            continue
        fields = "".join(
            f'<td style="background:{colours[row[away.name].path]}">{_text(row[away.name])}</td>' if away.name in row else "<td></td>"
            for away in kinds
        )
        rows.append(f"<tr><th>{kind.words}</th>{fields}</tr>")
    heads = "".join(f"<th>{kind.words}</th>" for kind in kinds)
    rounds = max((len(cell.rounds) for cell in cells), default=0)
    several = f"; the median of {rounds} rounds, the worst in brackets" if rounds > 1 else ""
    return (
        "<!doctype html><meta charset=utf-8><title>NAT grid</title><style>body{font-family:sans-serif}"
        "td,th{border:1px solid #999;padding:4px 8px;font-size:90%}table{border-collapse:collapse}</style>"
        f"<h1>Home (rows) reached from away (columns)</h1><p>{_stamp()}: the path in the end, milliseconds from the first packet "
        f"to the gateway's first answer, and to the best path{several}.</p>"
        f"<table><tr><th></th>{heads}</tr>{''.join(rows)}</table>"
    )
