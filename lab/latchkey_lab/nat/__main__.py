"""The grid's command line: `make lab NAT=grid`, or `lab/nat --help`."""

import argparse
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
from ..processes import LabError, stop_all
from .grid import Grid, faults, page, table
from .kinds import BY_NAME, KINDS
from .world import World


def arguments() -> argparse.Namespace:
    names = ",".join(BY_NAME)
    parser = argparse.ArgumentParser(prog="lab/nat", description="Every kind of NAT at home against every kind away.")
    parser.add_argument("--bin", type=Path, default=REPOSITORY / ".build/debug", help="where the built programs are")
    parser.add_argument("--home", default=names, help=f"kinds at home, by commas; all without it: {names}")
    parser.add_argument("--away", default=names, help="kinds away")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "lab/out/nat", help="where table, page and logs go")
    parser.add_argument("--no-turn", action="store_true", help="without a TURN server: what is not direct goes over the relay")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, stop_on)
    signal.alarm(LONGEST)
    try:
        require_namespaces()
        find_binaries(options.bin, "latchkey", "latchkey-demo-devices", "latchkey-relay")
        remove_leftovers()
        return measure(options)
    except (LabError, KeyError) as error:
        print(f"lab/nat: {error}", file=sys.stderr)
        return 2


def measure(options) -> int:
    homes, aways = options.home.split(","), options.away.split(",")
    kinds = tuple(kind for kind in KINDS if kind.name in homes + aways)
    work = Path(tempfile.mkdtemp(prefix=f"latchkey-lab-{os.getpid()}-nat-"))
    logs = options.out / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    cells = []
    try:
        with World(f"lk{os.getpid()}-", kinds) as world:
            world.homes = {name: world.homes[name] for name in homes}
            grid = Grid(world, options.bin.resolve(), work, logs, turn=not options.no_turn)
            grid.start_servers()
            grid.start_homes()
            for home in homes:
                for away in aways:
                    cells.append(cell := grid.measure(home, away))
                    best = f", best after {cell.best:.2f} s" if cell.best is not None else ""
                    first = f"first answer after {cell.first:.2f} s by {cell.first_path}" if cell.first is not None else "nothing"
                    print(f"{home:>10} → {away:<10} {cell.path:<8} {first}{best} {cell.fault[-160:]}", flush=True)
            stop_all()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    (options.out / "grid.md").write_text(table(cells) + "\n")
    (options.out / "grid.html").write_text(page(cells))
    print("\n" + table(cells))
    wrong = faults(cells)
    for fault in wrong:
        print(f"not as expected: {fault}")
    print(f"lab/nat: {len(cells)} cells, {len(wrong)} not as expected; {options.out / 'grid.html'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
