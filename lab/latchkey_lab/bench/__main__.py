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
from . import carriers, carriers_report, connect, control_point, group, group_live, group_report, host, latency, media_server
from . import memory, peer_report, policy, relay, relay_memory, report, throughput
from .paths import all_ways
from .street import Street

GIB = 1 << 30
TUNNEL = ("throughput", "latency", "memory")
LIVE = ("group-fans", "group-evictions", "group-registrations", "group-crowd")
RELAY = ("relay-passing", "relay-memory")
PARTS = (*TUNNEL, "carriers", "host", "media-server", "control-point", "group", "channels", *LIVE, "policy", *RELAY, "connect")
WHOLES = {"tunnel": TUNNEL, "group-live": LIVE, "relay": RELAY}


def parts(text: str) -> list[str]:
    """Names of parts, separated by commas; `tunnel`, `group-live` and `relay` stand for several."""
    names = [one for name in text.split(",") for one in WHOLES.get(name, (name,))]
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"there is no part {name!r}; choose from {', '.join((*WHOLES, *PARTS))}")
    return names


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="lab/bench",
        description="Measures Latchkey beside others in the same run, and writes docs/performance.md: "
        "the tunnel beside stunnel and HAProxy, a hosted device beside libupnp and gupnp, a control point beside gupnp, "
        "the carriers beside OpenVPN, WireGuard and iperf3, a secure group's key tree beside the paper's, its channels, its forwarder beside "
        "mosquitto, a policy's decisions beside PyCasbin, a relay beside HAProxy, and the time to connect through every kind of NAT.",
    )
    parser.add_argument("--bin", type=Path, default=REPOSITORY / ".build-release/release", help="the release build")
    parser.add_argument("--only", type=parts, action="extend", default=[], help=f"parts, by commas: {', '.join((*WHOLES, *PARTS))}")
    parser.add_argument("--rounds", type=int, default=7, help="rounds for each way")
    parser.add_argument("--requests", type=int, default=1000, help="Browse requests for each way")
    parser.add_argument("--size", type=int, default=GIB, help="bytes of the film")
    parser.add_argument("--seconds", type=float, default=4, help="seconds of each load on a hosted device")
    parser.add_argument("--devices", type=int, default=200, help="devices for a control point")
    parser.add_argument("--changes", type=int, default=200, help="how often a single join or eviction is measured")
    parser.add_argument("--evictions", type=int, default=150, help="evictions from a group under loss")
    parser.add_argument("--crowd", type=int, default=1000, help="members that register, and from which one is evicted")
    parser.add_argument("--waiting", type=int, default=10_000, help="gateways that wait at a relay")
    parser.add_argument("--sessions", type=int, default=1000, help="idle sessions that pass through a relay")
    parser.add_argument("--note", default="", help="a word on the machine for the conditions, such as “all builds at rest”")
    parser.add_argument("--dry", action="store_true", help="print the tables, write nothing")
    return parser.parse_args()


def tunnel(options: argparse.Namespace, wanted: list[str], out: Path) -> str:
    find_binaries(options.bin, "latchkey")
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
    return report.tables(moved, asked, idle, options.size)


def live_group(part: str, options: argparse.Namespace, out: Path) -> str:
    binaries, place = options.bin.resolve(), out / "group-live"
    if part == "group-fans":
        rounds = min(options.rounds, 3)
        with Street(binaries, out, "group-bench") as street:
            fans = group_live.fans(street, place, rounds, options.seconds)
        return group_report.fan_table(fans, rounds, options.seconds)
    find_binaries(binaries, "latchkey")
    if part == "group-evictions":
        evicted = [group_live.evictions(binaries, place, count, loss) for count, loss in ((30, 0), (options.evictions, 5))]
        return group_report.eviction_table(evicted)
    if part == "group-registrations":
        entered = [group_live.registrations(binaries, place, count) for count in (100, options.crowd)]
        return group_report.registration_table(entered)
    return group_report.crowd_table([group_live.crowd(binaries, place, options.crowd)])


def main() -> int:
    options = arguments()
    require_namespaces()
    remove_leftovers()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on)
    wanted = options.only or list(PARTS)
    out = REPOSITORY / "lab/out/bench"
    out.mkdir(parents=True, exist_ok=True)
    words = [word for word in sys.argv[3:] if word not in ("--note", options.note)]
    command = "make bench" + (f" ARGS='{' '.join(words)}'" if words else "")

    def keep(section: str, conditions: str, text: str) -> None:
        text = f"{conditions}\n\n{text}"
        print("\n" + text, flush=True)
        if not options.dry:
            report.write(section, text)
            print(f"\nwritten to {os.path.relpath(report.PAGE)}", flush=True)

    if any(name in TUNNEL for name in wanted):
        conditions = report.conditions(command, options.note)
        keep("bench", conditions, tunnel(options, wanted, out))
    if "carriers" in wanted:
        print("carriers …", flush=True)
        find_binaries(options.bin, "latchkey", "latchkey-relay")
        conditions = report.conditions(command, options.note)
        results = carriers.measure(options.bin.resolve(), out, options.rounds, options.size)
        keep("carriers", conditions, carriers_report.table(results, options.size))
    if "host" in wanted:
        print("a hosted device …", flush=True)
        conditions = report.conditions(command, options.note)
        with Street(options.bin.resolve(), out) as street:
            results = host.measure(street, options.rounds, options.seconds)
        keep("host", conditions, peer_report.host_tables(results, options.rounds, options.seconds))
    if "media-server" in wanted:
        print("a media server …", flush=True)
        conditions = report.conditions(command, options.note)
        with Street(options.bin.resolve(), out) as street:
            results = media_server.measure(street, options.rounds, options.seconds)
        keep("media-server", conditions, peer_report.media_server_table(results, options.rounds, options.seconds))
    if "control-point" in wanted:
        print("a control point …", flush=True)
        conditions = report.conditions(command, options.note)
        with Street(options.bin.resolve(), out) as street:
            results = control_point.measure(street, options.rounds, options.devices)
        keep("control-point", conditions, peer_report.control_point_table(results, options.rounds, options.devices))
    if "group" in wanted:
        print("a group's key tree …", flush=True)
        conditions = report.conditions(command, options.note)
        keep("group", conditions, group.trees(group.measure_trees(options.bin.resolve(), options.changes)))
    if "channels" in wanted:
        print("a group's channels …", flush=True)
        conditions = report.conditions(command, options.note)
        keep("channels", conditions, group.channels(group.measure_channels(options.bin.resolve())))
    for part in LIVE:
        if part in wanted:
            print(f"a group on a network: {part} …", flush=True)
            conditions = report.conditions(command, options.note)
            keep(part, conditions, live_group(part, options, out))
    if "policy" in wanted:
        print("a policy's decisions …", flush=True)
        conditions = report.conditions(command, options.note)
        keep("policy", conditions, policy.table(*policy.measure(options.bin.resolve())))
    if "relay-passing" in wanted:
        print("what a relay passes …", flush=True)
        find_binaries(options.bin, "latchkey-relay")
        conditions = report.conditions(command, options.note)
        with relay.Place(options.bin.resolve(), out) as place:
            passed = relay.measure_passing(place, options.rounds, options.size)
        keep("relay-passing", conditions, relay.passing_table(passed, options.size))
    if "relay-memory" in wanted:
        print("what a relay holds …", flush=True)
        find_binaries(options.bin, "latchkey-relay")
        conditions = report.conditions(command, options.note)
        with relay.Place(options.bin.resolve(), out) as place:
            held = relay_memory.measure(place, options.waiting, options.sessions)
        keep("relay-memory", conditions, relay_memory.table(held))
    if "connect" in wanted:
        print("time to connect …", flush=True)
        find_binaries(options.bin)
        conditions = report.conditions(command, options.note)
        keep("connect", conditions, connect.table(connect.measure(options.bin.resolve(), out, min(options.rounds, 3))))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"bench: {error}")
