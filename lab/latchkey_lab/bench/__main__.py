"""The benchmark's command line: `lab/bench --help`."""

import argparse
import os
import signal
import sys
from pathlib import Path

from .. import media
from ..__main__ import stop_on
from ..laboratory import MEDIA_FOLDER, REPOSITORY, Laboratory
from ..latchkey import find_binaries
from ..namespaces import remove_leftovers, require_namespaces
from ..processes import LabError
from . import latency, memory, report, throughput
from .paths import all_ways

GIB = 1 << 30


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="lab/bench",
        description="Measures Latchkey against stunnel and HAProxy on one path, and writes docs/performance.md.",
    )
    parser.add_argument("--bin", type=Path, default=REPOSITORY / ".build-release/release", help="the release build")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of 1 GiB for each way")
    parser.add_argument("--requests", type=int, default=1000, help="Browse requests for each way")
    parser.add_argument("--only", choices=("throughput", "latency", "memory"), action="append", default=[])
    parser.add_argument("--size", type=int, default=GIB, help="bytes of the film")
    parser.add_argument("--dry", action="store_true", help="print the tables, write nothing")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    require_namespaces()
    find_binaries(options.bin, "latchkey")
    remove_leftovers()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on)
    wanted = options.only or ["throughput", "latency", "memory"]
    conditions = report.conditions("make bench")
    out = REPOSITORY / "lab/out/bench"
    out.mkdir(parents=True, exist_ok=True)
    with Laboratory(options.bin.resolve(), out) as lab:
        lab.furnish = lambda: lab.server
        lab.library = media.make_movie(MEDIA_FOLDER, options.size)
        ways = all_ways(lab)
        moved, asked, idle = [], [], []
        if "latency" in wanted:
            print("Browse latency …", flush=True)
            asked = latency.measure(lab, ways, options.requests)
        if "throughput" in wanted:
            print("media throughput …", flush=True)
            moved = throughput.measure(lab, ways, options.rounds, options.size)
        if "memory" in wanted:
            print("idle sessions …", flush=True)
            for way in ways[1:3]:
                for end in way.ends:
                    end.stop()
            idle = memory.measure(lab)
    text = conditions + "\n\n" + report.tables(moved, asked, idle, options.size)
    print("\n" + text)
    if not options.dry:
        report.write(text)
        print(f"\nwritten to {os.path.relpath(report.PAGE)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"bench: {error}")
