"""Processes of the lab: each in its own group, with a log, and dead when the lab is."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_TICKS = os.sysconf("SC_CLK_TCK")


class LabError(Exception):
    """The lab itself could not do something; the message says what."""


def _die_with_parent() -> None:
    """Runs in the child: the kernel kills it when the lab ends, however the lab ends."""
    os.setsid()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(*command, timeout: float = 30, check: bool = True, prefix=(), stdin: str | None = None, env=None):
    """Runs a short command to its end and returns it with its output; a failure carries the last lines."""
    words = [str(word) for word in (*prefix, *command)]
    process = subprocess.Popen(
        words,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=_die_with_parent,
        env=None if env is None else os.environ | env,
    )
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        _end_group(process)
        raise LabError(f"no end after {timeout:.0f} s: {' '.join(words[-6:])}") from None
    except BaseException:
        _end_group(process)
        raise
    done = subprocess.CompletedProcess(words, process.returncode, out, err)
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip()[-400:]
        raise LabError(f"`{' '.join(words[-8:])}` ended with {done.returncode}: {said}")
    return done


def _end_group(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(10)


class Process:
    """A long-running process of the lab, with its output in a log file."""

    running: list["Process"] = []

    def __init__(self, name: str, command, log: Path, prefix=(), env=None, cwd=None, talks: bool = False):
        self.name = name
        self.log = log
        self.begins = log.stat().st_size if log.exists() else 0
        with open(log, "ab") as output:
            self._popen = subprocess.Popen(
                [str(word) for word in (*prefix, *command)],
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,
                env=None if env is None else os.environ | env,
                cwd=cwd,
            )
        Process.running.append(self)

    def say(self, line: str) -> None:
        """A line to its standard input; only for one that was started with `talks`."""
        self._popen.stdin.write(line.encode() + b"\n")
        self._popen.stdin.flush()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def output(self) -> str:
        """What it has printed since it started (a restart under the same log begins anew)."""
        with open(self.log, "rb") as file:
            file.seek(self.begins)
            return file.read().decode(errors="replace")

    def wait_for(self, text: str, timeout: float = 20) -> str:
        """Waits for a line that contains `text` and returns it."""
        end = time.monotonic() + timeout
        while True:
            for line in self.output().splitlines():
                if text in line:
                    return line
            if not self.alive:
                raise LabError(f"{self.name} ended with {self._popen.returncode}: {self.output().strip()[-300:]}")
            if time.monotonic() > end:
                raise LabError(f"{self.name} did not print {text!r} in {timeout:.0f} s: {self.output().strip()[-300:]}")
            time.sleep(0.02)

    def send(self, sig: int) -> None:
        """A signal, and no waiting for what comes of it."""
        if self.alive:
            self._popen.send_signal(sig)

    def stop(self, sig: int = signal.SIGTERM, timeout: float = 10) -> int:
        """Ends it, by force if it does not go in time, and returns its exit code."""
        if self.alive:
            self._popen.send_signal(sig)
            try:
                self._popen.wait(timeout)
            except subprocess.TimeoutExpired:
                pass
        self.kill()
        return self._popen.returncode

    def kill(self) -> None:
        """SIGKILL to its whole group, at once."""
        _end_group(self._popen)
        if self._popen.stdin:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()
        if self in Process.running:
            Process.running.remove(self)

    def resident_bytes(self) -> int:
        """Memory that it holds now."""
        return status_bytes(self.pid, "VmRSS")

    def peak_bytes(self) -> int:
        """The most memory that it ever held."""
        return status_bytes(self.pid, "VmHWM")

    def cpu_seconds(self) -> float:
        """User and system time so far, of all its threads and ended children."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(fields[index]) for index in (11, 12, 13, 14)) / _TICKS


def status_bytes(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise LabError(f"/proc/{pid}/status has no {field}")


def stop_all(but=()) -> None:
    """Ends whatever still runs, newest first, except what another lab of this process has started."""
    for process in reversed([process for process in Process.running if process not in but]):
        try:
            process.stop(timeout=3)
        except Exception as error:  # cleaning up goes on, whatever one of them does
            print(f"lab: {process.name}: {error}")
