"""Our forwarder under load: `group-bench` plays the roles, each in a process of its own, and the wire lies between."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from ..namespaces import Namespace
from ..processes import LabError
from .street import FIRST_CORE, LAST_CORE, Street

CLIENTS = 32  # a client has a limit on its requests, so that many share the load
HOLD, GO = 0.04, 0.04  # seconds


class Role:
    """One process of `group-bench`: it prints a line of JSON when it is ready, and one for each line that it is told."""

    def __init__(self, program: Path, host: Namespace, log: Path, *words, before: tuple = ()):
        with open(log, "a") as errors:
            self._process = subprocess.Popen(
                [*host.enter, *before, str(program), *(str(word) for word in words)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        self._name, self._log = words[0], log
        self.ready = self._line(120)

    def ask(self, *words, timeout: float = 30) -> dict:
        self._process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self._process.stdin.flush()
        return self._line(timeout)

    def _line(self, timeout: float) -> dict:
        watchdog = threading.Timer(timeout, self._process.kill)
        watchdog.start()
        try:
            for line in self._process.stdout:
                if line.startswith("{"):
                    return json.loads(line)
        finally:
            watchdog.cancel()
        raise LabError(f"group-bench {self._name} ended, or said nothing for {timeout:.0f} s: {self._log.read_text()[-300:]}")

    def suspend(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    @contextlib.contextmanager
    def held(self):
        """Meanwhile the process stands still every other moment, so that it finds as much to do as a busy one."""
        over = threading.Event()

        def hold():
            while not over.is_set():
                self._process.send_signal(signal.SIGSTOP)
                time.sleep(HOLD)
                self._process.send_signal(signal.SIGCONT)
                time.sleep(GO)

        holding = threading.Thread(target=hold, daemon=True)
        holding.start()
        try:
            yield
        finally:
            over.set()
            holding.join()

    def end(self) -> None:
        self._process.kill()
        self._process.wait(10)
        self._process.stdin.close()
        self._process.stdout.close()


class Fanned:
    """A controller on one host, servers and clients on the other, registered and ready.

    One server answers each request, and only then is the next one sent: without that, receivers that share the sender's
    cores drop what they have no time for, and nothing is measured but that. `asleep`: the receivers' process is stopped once
    they have registered, and the forwarder is held every other 40 ms: clients on the same two cores cannot ask as fast as it
    relays, so that it would never be busy. What is left is the forwarder by itself, as busy as it can be, and a message
    counts as delivered to every socket on the link into which it went.
    """

    def __init__(self, street: Street, receivers: int, asleep: bool = False, signatures: str = "burst"):
        self._receivers, self._asleep = receivers, asleep
        answers = "none" if asleep else "one"
        roster = street.logs / f"group-bench-{os.getpid()}-{receivers}.roster"
        log = street.logs / "group-bench.log"
        self._roles: list[Role] = []
        try:
            self._controller = self._role(
                street.ours, street.device, log, "controller", "--interface", "bench0", "--roster", roster,
                "--servers", receivers, "--clients", CLIENTS, "--signatures", signatures, before=FIRST_CORE,
            )  # fmt: skip
            common = ("--interface", "bench1", "--roster", roster, "--controller", self._controller.ready["keyManager"])
            # Those who check signatures may have all cores; clients alone would only disturb a busy forwarder's.
            apart = LAST_CORE if asleep else ()
            self._servers, self._client = (
                self._role(street.ours, street.load, log, role, *common, "--answers", answers, before=apart)
                for role in ("servers", "client")
            )
            time.sleep(3)  # the directory reaches the clients, the certificates the servers
            if asleep:
                self._servers.suspend()
        except BaseException:
            self.end()
            raise

    def _role(self, *words, before: tuple = ()) -> Role:
        role = Role(*words, before=before)
        self._roles.append(role)
        return role

    def fan_out(self, size: int, in_flight: int, seconds: float) -> dict:
        """In the words of the broker's load, so that both are reckoned alike: the CPU is that of the whole controller."""
        heard = {} if self._asleep else self._servers.ask("report")
        before = self._controller.ask("report")
        with self._controller.held() if self._asleep else contextlib.nullcontext():
            told = self._client.ask("run", max(1, round(seconds)), size, in_flight, timeout=seconds + 60)
        after = self._controller.ask("report")
        heard = {"deliveries": told["messages"] * self._receivers} if self._asleep else self._servers.ask("report")
        time.sleep(1.5)  # what is remembered and under way is not the next one's
        return {
            "messages": told["messages"], "deliveries": heard["deliveries"], "lost": told["lost"], "seconds": told["seconds"],
            "brokerCPU": after["process_seconds"] - before["process_seconds"],
            "forwarderCPU": after["forwarder_seconds"] - before["forwarder_seconds"],
            "p50": heard.get("latency_ms_p50"), "p99": heard.get("latency_ms_p99"),
        }  # fmt: skip

    def end(self) -> None:
        for role in reversed(self._roles):
            role.end()
