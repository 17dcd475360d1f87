"""`latchkey member run`, and what it says."""

import datetime
import json
import threading
import time
from pathlib import Path

from ..namespaces import Namespace
from ..processes import LabError, Process


class EventLog:
    """The JSON lines of a process, each read once."""

    def __init__(self, process: Process):
        self._process, self._read, self._events = process, 0, []
        self._lock = threading.Lock()

    def all(self) -> list[dict]:
        with self._lock:
            with open(self._process.log, "rb") as file:
                file.seek(self._process.begins + self._read)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            for line in whole.splitlines():
                if line.startswith(b"{"):
                    self._events.append(json.loads(line))
            return list(self._events)

    def named(self, name: str, since: int = 0, **fields: str) -> list[dict]:
        return [
            event
            for event in self.all()[since:]
            if event["event"] == name and all(event.get(key) == value for key, value in fields.items())
        ]

    def count(self) -> int:
        return len(self.all())

    def wait(self, name: str, timeout: float = 20, since: int = 0, **fields: str) -> dict:
        """The first such event at or behind a place in the log."""
        end = time.monotonic() + timeout
        while True:
            if found := self.named(name, since, **fields):
                return found[0]
            if not self._process.alive:
                raise LabError(f"{self._process.name} ended: {self._process.output().strip()[-300:]}")
            if time.monotonic() > end:
                said = [event["event"] for event in self.all()[since:]][-8:]
                wanted = " ".join([name, *(f"{key}={value}" for key, value in fields.items())])
                raise LabError(f"{self._process.name}: no event {wanted!r} in {timeout:.0f} s; its last: {', '.join(said)}")
            time.sleep(0.02)


def moment(event: dict) -> float:
    """When an event was printed, in seconds of the wall clock."""
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


class Member:
    """One device that knows its id and its code, and nothing else."""

    def __init__(self, binaries: Path, host: Namespace, name: str, code: str, folder: Path, logs: Path):
        self.executable, self.host, self.name, self.logs = binaries / "latchkey", host, name, logs
        folder.mkdir(parents=True, exist_ok=True)
        self.password = folder / f"{name}.code"
        self.password.write_text(code + "\n")
        self.password.chmod(0o600)
        self.keep = folder / f"{name}.kept"
        self.said = 0
        self.process: Process | None = None
        self.log: EventLog | None = None
        self.offers: tuple = ()

    def start(self, *options, offers=(), talks: bool = False) -> None:
        """It is not waited for."""
        self.offers = tuple(offers)
        self.said = 0
        words = [word for offer in offers for word in ("--offer", offer)]
        # A crash must show in the log; its backtrace with all symbols takes half a minute and is not needed.
        crash = {"SWIFT_BACKTRACE": "enable=yes,color=no,interactive=no,timeout=10s"}
        self.process = self.host.start(
            f"member-{self.name}", self.executable, "member", "run", "--id", self.name, "--password-file", self.password,
            "--interface", "eth0", "--json", *words, *(("--stdin",) if talks else ()), *options,
            log=self.logs / f"member-{self.name}.log", env=crash, talks=talks,
        )  # fmt: skip
        self.log = EventLog(self.process)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    def registered(self, timeout: float = 30) -> dict:
        return self.log.wait("registered", timeout)

    @property
    def epoch(self) -> int:
        """The newest that it has said; 0 before the first."""
        epochs = self.log.named("epoch")
        return int(epochs[-1]["epoch"]) if epochs else 0

    def ask(self, service: str, text: str, timeout: float = 10) -> list[dict]:
        """A request to its end: its answers, or an empty list when it was refused. Only for one that talks."""
        outcome = self.asked(service, text, timeout)
        return outcome if isinstance(outcome, list) else []

    def say(self, service: str, text: str) -> str:
        """A request, not waited for; the number by which its events call it."""
        self.process.say(f"{service} {text}")
        self.said += 1
        return str(self.said)

    def asked(self, service: str, text: str, timeout: float = 10, all_arrive: bool = True):
        """The answers, or the event that ended it otherwise (`refused`, `timed-out`).

        Where nothing is lost, the client has as many answers as COMPLETE says; it is an error otherwise.
        """
        since, number = self.log.count(), self.say(service, text)
        end = time.monotonic() + timeout
        while True:
            events = [event for event in self.log.all()[since:] if event.get("request") == number]
            last = next((event for event in events if event["event"] in ("completed", "refused", "timed-out")), None)
            if last and last["event"] != "completed":
                return last
            if last:
                answers = [one for one in events if one["event"] == "answer"]
                if all_arrive and len(answers) != int(last["answers"]):
                    raise LabError(f"{self.name}: {len(answers)} answers, and COMPLETE says {last['answers']}")
                return answers
            if not self.alive:
                raise LabError(f"{self.process.name} ended: {self.process.output().strip()[-300:]}")
            if time.monotonic() > end:
                raise LabError(f"{self.name}: a request to {service} has no end after {timeout:.0f} s; {events[-4:]}")
            time.sleep(0.02)

    def stop(self) -> int:
        """SIGTERM: it leaves."""
        return self.process.stop()

    def kill(self) -> None:
        self.process.kill()
