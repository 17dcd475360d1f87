"""How long a control point takes to know a street of devices, and what one of them weighs."""

import os
import subprocess
import threading
import time

from ..laboratory import REPOSITORY
from ..processes import LabError
from .street import PEERS, Samples, Street, weigh

FIRST = "10.20.1.0"  # the first device's address


def measure(street: Street, rounds: int, devices: int) -> list[Samples]:
    # Each device has an address of its own, as in a home.
    for number in range(devices):
        street.device.ip("address", "add", f"10.20.{1 + number // 256}.{number % 256}/32", "dev", "bench0")
    ways = {
        "gupnp": (street.peers / "gupnp-control-point", "bench1", devices),
        "Latchkey": (street.ours, "control-point", "bench1", devices),
    }
    python = REPOSITORY / "lab/.venv/bin/python"
    if os.access(python, os.X_OK):
        ways["async-upnp-client"] = (python, PEERS / "async-control-point.py", "bench1", devices)
    results = {name: Samples(name) for name in ways}
    for number in range(rounds):
        for name, command in ways.items():
            result = results[name]
            try:
                _round(street, command, result, devices)
            except LabError as error:
                # A stack that loses an answer and does not ask again is not the end of the others.
                result.add("incomplete", 1)
                print(f"  round {number + 1}: {error}", flush=True)
                continue
            print(
                f"  round {number + 1}: {name:17} {result.figures['ms'][-1]:6.0f} ms, "
                f"{result.figures['rss each'][-1]:.1f} KiB each",
                flush=True,
            )
    return list(results.values())


def _round(street: Street, command: tuple, result: Samples, devices: int) -> None:
    """Starts on an empty street, so that what it weighs without devices is known; then they move in, and it searches."""
    log = street.logs / f"control-point-{result.name}.log"
    with open(log, "w") as errors:
        process = subprocess.Popen(
            [*street.load.enter, *(str(word) for word in command)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
    swarm = None
    try:
        _expect(process, "ready")
        time.sleep(1)
        before, cpu = weigh(process), _cpu_milliseconds(process)
        swarm = street.device.start(
            "swarm", street.peers / "device-swarm", "bench0", FIRST, devices, log=street.logs / "swarm.log"
        )
        swarm.wait_for("ready")
        process.stdin.write("go\n")
        process.stdin.flush()
        line = _expect(process, "complete")
        time.sleep(1)
        after = weigh(process)
        result.add("ms", float(line.partition("ms=")[2]))
        result.add("cpu ms", _cpu_milliseconds(process) - cpu)
        for key in ("rss", "pss"):
            result.add(f"{key} each", (after[key] - before[key]) / devices)
            result.add(key, after[key])
    finally:
        process.kill()
        process.wait(10)
        process.stdin.close()
        process.stdout.close()
        if swarm:
            swarm.stop()


def _expect(process: subprocess.Popen, word: str, timeout: float = 60) -> str:
    """The next line with that word; the process ends when it does not come in time."""
    watchdog = threading.Timer(timeout, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            if word in line:
                return line.strip()
    finally:
        watchdog.cancel()
    raise LabError(f"{process.args[-3]} did not print {word!r} in {timeout:.0f} s, or ended")


def _cpu_milliseconds(process: subprocess.Popen) -> float:
    with open(f"/proc/{process.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
