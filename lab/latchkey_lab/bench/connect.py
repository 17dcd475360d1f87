"""Time to connect: every kind of NAT at home against every other away, as `lab/nat` measures it, in several rounds."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from ..laboratory import REPOSITORY
from ..processes import LabError

#: Seconds that a cell has for its best path: the slowest one takes less than three.
SETTLING = 4


def measure(binaries: Path, out: Path, rounds: int) -> dict:
    """The grid's own document; what it prints is passed on."""
    file = out / "connect.json"
    file.unlink(missing_ok=True)
    # It sets up and takes down a laboratory of its own.
    done = subprocess.run(
        [sys.executable, "-m", "latchkey_lab.nat", "--bin", binaries, "--rounds", str(rounds), "--settling", str(SETTLING),
         "--json", file, "--out", out / "nat"], cwd=REPOSITORY / "lab",
    )  # fmt: skip
    if not file.exists():
        raise LabError(f"lab/nat ended with {done.returncode} and left no results")
    return json.loads(file.read_text())


def table(document: dict) -> str:
    cells = {(cell["home"], cell["away"]): cell for cell in document["cells"]}
    homes, aways = (list(dict.fromkeys(pair[index] for pair in cells)) for index in (0, 1))
    lines = [
        f"### Time to connect, {document['rounds']} rounds: the path in the end; ms to the first answer, median (worst), "
        "and to the best path",
        "",
        "| home \\ away | " + " | ".join(aways) + " |",
        "|---" * (len(aways) + 1) + "|",
    ]
    lines += [f"| **{home}** | " + " | ".join(_cell(cells.get((home, away))) for away in aways) + " |" for home in homes]
    lines += ["", _summary(document["cells"])]
    return "\n".join(lines)


def _cell(cell: dict | None) -> str:
    if cell is None:
        return ""
    if cell["first"]["median"] is None:
        return "**none**"
    text = f"{cell['path']}: {_times(cell['first'])}"
    if cell["best"]["median"] is not None and cell["best"]["median"] > cell["first"]["median"] + 10:
        text += f", best {_times(cell['best'])}"
    return text + "".join(f"; {len(cell['faults'])} not connected" for _ in cell["faults"][:1])


def _times(times: dict) -> str:
    return f"{times['median']:.0f} ({times['worst']:.0f})"


def _summary(cells: list[dict]) -> str:
    sentences = []
    for path in ("direct", "punched", "turn", "relay"):
        there = [cell for cell in cells if cell["path"] == path]
        firsts, bests = ([cell[key] for cell in there if cell[key]["median"] is not None] for key in ("first", "best"))
        if firsts:
            sentences.append(
                f"{path}: {len(firsts)} cells, first answer {median(one['median'] for one in firsts):.0f} ms "
                f"(worst {max(one['worst'] for one in firsts):.0f}), best path {median(one['median'] for one in bests):.0f} ms "
                f"(worst {max(one['worst'] for one in bests):.0f})"
            )
    missing = sum(len(cell["faults"]) for cell in cells)
    tries = sum(len(cell["paths"]) for cell in cells)
    return f"Medians over the cells: {'; '.join(sentences)}. Not connected: {missing} of {tries} times."
