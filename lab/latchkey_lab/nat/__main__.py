"""The grid's command line: `make lab NAT=grid`, or `lab/nat --help`."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from ..__main__ import LONGEST, stop_on
from ..laboratory import REPOSITORY
from ..latchkey import find_binaries
from ..namespaces import remove_leftovers, require_namespaces
from ..processes import LabError
from .grid import SETTLING, run
from .kinds import IPV4
from .results import Cell, document, faults, page, pairs, table


def arguments() -> argparse.Namespace:
    names = ",".join(IPV4)
    parser = argparse.ArgumentParser(prog="lab/nat", description="Every kind of NAT at home against every kind away.")
    parser.add_argument("--bin", type=Path, default=REPOSITORY / ".build/debug", help="where the built programs are")
    parser.add_argument("--home", default=names, help=f"kinds at home, by commas; all without it: {names}")
    parser.add_argument("--away", default=names, help="kinds away")
    parser.add_argument("--cells", help="just these, such as port:eim,ipv6:ipv6, in place of --home and --away")
    parser.add_argument("--rounds", type=int, default=1, help="so often, one round over all cells after the other")
    parser.add_argument("--settling", type=float, default=SETTLING, help=f"seconds that a cell has for its best path; {SETTLING:.0f} without it")
    parser.add_argument("--json", type=Path, help="a file for the results: each cell's median, worst and every time, in milliseconds")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "lab/out/nat", help="where table, page and logs go")
    parser.add_argument("--no-turn", action="store_true", help="without a TURN server: what is not direct goes over the relay")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, stop_on)
    signal.alarm(LONGEST * options.rounds)
    try:
        require_namespaces()
        find_binaries(options.bin, "latchkey", "latchkey-demo-devices", "latchkey-relay")
        remove_leftovers()
        return measure(options)
    except LabError as error:
        print(f"lab/nat: {error}", file=sys.stderr)
        return 2


def wanted(options) -> list[Cell]:
    """Those that were named; else all of the kinds at home with all away, and the one of IPv6."""
    if options.cells:
        return pairs(options.cells)
    chosen = [f"{home}:{away}" for home in options.home.split(",") for away in options.away.split(",")]
    return pairs(",".join(chosen + (["ipv6:ipv6"] if len(chosen) == len(IPV4) ** 2 else [])))


def measure(options) -> int:
    cells = wanted(options)
    work = Path(tempfile.mkdtemp(prefix=f"latchkey-lab-{os.getpid()}-nat-"))
    logs = options.out / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    try:
        run(
            cells, f"lk{os.getpid()}-", options.bin.resolve(), work, logs, options.rounds, not options.no_turn,
            options.settling, tell=lambda text: print(text, flush=True),
        )  # fmt: skip
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(document(cells), indent=2) + "\n")
    (options.out / "grid.md").write_text(table(cells) + "\n")
    (options.out / "grid.html").write_text(page(cells))
    print("\n" + table(cells))
    wrong = faults(cells)
    for fault in wrong:
        print(f"not as expected: {fault}")
    print(f"lab/nat: {len(cells)} cells, {options.rounds} rounds, {len(wrong)} not as expected; {options.out / 'grid.html'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
