"""Network namespaces: made, entered, wired and removed."""

import contextlib
import ctypes
import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

from .processes import LabError, Process, run

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
KEPT = "kept-on-purpose"
_OURS = re.compile(r"^lk(\d+)-")


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    """One host of the lab."""

    def __init__(self, prefix: str, name: str, ipv6: bool = False):
        self.name = name
        self.full_name = prefix + name
        run("ip", "netns", "add", self.full_name)
        # Frames that a bridge only forwards must not run through its router's NAT rules. Where nobody
        # speaks IPv6, a link-local address would only add traffic to every capture; where it is spoken,
        # an address is to be good at once, without the second in which it is looked for elsewhere.
        for key, value in (
            ("net.bridge.bridge-nf-call-iptables", 0),
            ("net.bridge.bridge-nf-call-ip6tables", 0),
            ("net.bridge.bridge-nf-call-arptables", 0),
            ("net.ipv6.conf.all.disable_ipv6", 0 if ipv6 else 1),
            ("net.ipv6.conf.default.disable_ipv6", 0 if ipv6 else 1),
            ("net.ipv6.conf.all.accept_dad", 0),
            ("net.ipv6.conf.default.accept_dad", 0),
        ):
            self.sysctl(key, value, required=False)
        self.ip("link", "set", "lo", "up")

    @property
    def enter(self) -> tuple:
        """The words before a command that make it run here."""
        return ("ip", "netns", "exec", self.full_name)

    def run(self, *command, **options):
        return run(*command, prefix=self.enter, **options)

    def start(self, name: str, *command, log: Path, **options) -> Process:
        return Process(name, command, log, prefix=self.enter, **options)

    def ip(self, *words) -> str:
        return run("ip", "-n", self.full_name, *words).stdout

    def sysctl(self, key: str, value, required: bool = True) -> None:
        with self.inside():
            path = Path("/proc/sys") / key.replace(".", "/")
            try:
                path.write_text(str(value))
            except OSError:
                if required:
                    raise

    def nft(self, rules: str) -> None:
        """Loads nftables rules; a syntax error loads nothing and is an error here."""
        run("nft", "-f", "-", prefix=self.enter, stdin=rules)

    @contextlib.contextmanager
    def inside(self):
        """This thread stands in the namespace: sockets made within stay there for good."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.full_name}", os.O_RDONLY)
        try:
            _setns(there)
            yield self
        finally:
            _setns(home)
            os.close(there)
            os.close(home)

    def socket(self, kind=socket.SOCK_STREAM, family=socket.AF_INET) -> socket.socket:
        with self.inside():
            return socket.socket(family, kind)

    def remove(self) -> None:
        """Removes it, and ends what still runs inside: only processes that the lab put there."""
        pids = run("ip", "netns", "pids", self.full_name, check=False).stdout.split()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        run("ip", "netns", "delete", self.full_name, check=False)


def wire(one: Namespace, its_end: str, other: Namespace, other_end: str) -> None:
    """A cable between two namespaces; neither end is ever in the machine's own."""
    run(
        "ip", "link", "add", its_end, "netns", one.full_name, "type", "veth",
        "peer", "name", other_end, "netns", other.full_name,
    )  # fmt: skip
    one.ip("link", "set", its_end, "up")
    other.ip("link", "set", other_end, "up")


def remove_leftovers() -> None:
    """Removes what labs left that were killed too hard to clean up; what a person kept with --keep stays."""
    for entry in sorted(Path("/run/netns").glob("lk*-*")) if Path("/run/netns").exists() else []:
        found = _OURS.match(entry.name)
        if found and not Path(f"/proc/{found[1]}").exists():
            run("ip", "netns", "delete", entry.name, check=False)
    for folder in Path(tempfile.gettempdir()).glob("latchkey-lab-*"):
        found = re.match(r"latchkey-lab-(\d+)", folder.name)
        if found and not Path(f"/proc/{found[1]}").exists() and not (folder / KEPT).exists():
            shutil.rmtree(folder, ignore_errors=True)


def require_namespaces() -> None:
    """A sentence, where this machine cannot make namespaces."""
    if os.geteuid():
        raise LabError("the lab makes network namespaces: run it as root, for example `sudo make lab`")
    probe = f"lk{os.getpid()}-probe"
    if run("ip", "netns", "add", probe, check=False).returncode:
        raise LabError("this machine lets not even root make a network namespace (a container without CAP_SYS_ADMIN?)")
    run("ip", "netns", "delete", probe)


class Stage:
    """Built at entry and removed at exit, also where building fails half-way."""

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self
