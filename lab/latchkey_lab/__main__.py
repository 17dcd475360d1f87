"""The lab's command line: `lab/run --help`."""

import argparse
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import (
    shown,  # noqa: F401  (its import fills the list of steps)
    steps,
)
from .laboratory import REPOSITORY, Laboratory
from .latchkey import find_binaries
from .namespaces import remove_leftovers, require_namespaces
from .processes import LabError
from .shell import prompt

LONGEST = 55 * 60  # seconds; a run takes about 35 minutes


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="lab/run",
        description="Shows, in network namespaces, what Latchkey promises: a line and its evidence for each step.",
        epilog="examples: lab/run --only media --only events; lab/run --only tunnel-cut --keep -v",
    )
    parser.add_argument("--bin", type=Path, default=REPOSITORY / ".build/debug", help="where the built program is")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="steps whose name or sentence has it")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME",
                        help="leave out the steps whose name is NAME or begins with it")
    parser.add_argument("--list", action="store_true", help="name the steps and end")
    parser.add_argument("--keep", action="store_true", help="keep logs, states and captures, and say where")
    parser.add_argument("--shell", action="store_true", help="no steps: start everything and open a prompt away")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "lab/out", help="where the report goes")
    parser.add_argument("--write", action="store_true", help="put the results of interoperation into docs/interop.md")
    parser.add_argument("-v", "--verbose", action="store_true", help="a failed step tells where in the lab it failed")
    return parser.parse_args()


def facts(binaries: Path) -> dict:
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True)
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        "commit": commit.stdout.strip(),
        "machine": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "build": binaries.name,
    }


def stop_on(number, _frame):
    """Leaves through the `with` that removes everything."""
    for later in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(later, signal.SIG_IGN)
    reason = f"longer than {LONGEST // 60} minutes" if number == signal.SIGALRM else signal.Signals(number).name
    raise SystemExit(f"lab: stopped ({reason}); everything is removed")


def main() -> int:
    options = arguments()
    chosen = [one for one in steps.select(options.only) if not one.name.startswith(tuple(options.skip))]
    if options.list:
        for one in chosen:
            print(f"{one.name:24} {one.sentence}")
        return 0
    require_namespaces()
    find_binaries(options.bin)
    remove_leftovers()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, stop_on)
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    with Laboratory(options.bin.resolve(), options.out, keep=options.keep) as lab:
        if options.shell:
            return prompt(lab)
        signal.alarm(LONGEST)
        lab.captures_wanted = any(one.name == "no-address-leaves" for one in chosen)
        lab.writes_interop = options.write
        outcomes = steps.perform(chosen, lab, options.verbose)
    signal.alarm(0)
    steps.write_report(options.out, outcomes, facts(options.bin))
    print(steps.summary(outcomes))
    return 1 if not outcomes or any(not outcome.ok for outcome in outcomes) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"lab: {error}")
