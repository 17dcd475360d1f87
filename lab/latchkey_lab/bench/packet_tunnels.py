"""Packet tunnels on the path of the others: OpenVPN, and WireGuard as a program, because not every kernel has it.

They carry the media server's plain HTTP from away-a to home-a, which routes it on to home-b, as for somebody who reaches a home by a
VPN. Each stands only while it is measured: another way must not find it and go through it.
"""

import contextlib
import os
import shutil
import time
from pathlib import Path

from ..laboratory import Laboratory
from ..processes import LabError, Process, run
from ..topology import HOME_WAN
from .paths import Certificates, Way

OPENVPN_PORT, WIREGUARD_PORT = 48203, 48204
OPENVPN, WIREGUARD = "OpenVPN", "WireGuard (wireguard-go)"


class PacketTunnels:
    """What both need: their ports passed on, home-a as a router, and home-b's way back."""

    def __init__(self, lab: Laboratory, certificates: Certificates, origin: str):
        self.lab, self.certificates, self.origin = lab, certificates, origin
        lab.host("home-a").sysctl("net.ipv4.ip_forward", 1)
        for port in (OPENVPN_PORT, WIREGUARD_PORT):
            lab.network.forward(port, lab.address("home-a"), port)
        for network in ("10.88.1", "10.88.2"):
            lab.host("home-b").ip("route", "add", f"{network}.0/24", "via", lab.address("home-a"))

    def that_run(self) -> list[str]:
        """The names of those that this machine can run; for the others a line says why not."""
        names = []
        for name in (OPENVPN, WIREGUARD):
            try:
                with self.standing(name):
                    names.append(name)
            except LabError as error:
                print(f"  left out: {name}: {error}", flush=True)
        return names

    @contextlib.contextmanager
    def standing(self, name: str):
        """The tunnel, from its first packet to its last."""
        ends: list[Process] = []
        try:
            (self._openvpn if name == OPENVPN else self._wireguard)(ends)
            yield Way(name, self.origin, *ends)
        finally:
            for end in reversed(ends):
                end.stop()

    def _openvpn(self, ends: list[Process]) -> None:
        """UDP, TLS 1.3 for the keys, AES-256-GCM for the packets, everything else as OpenVPN has it by itself."""
        _require("openvpn")
        common = f"dev tun\nproto udp4\ntls-version-min 1.3\ndata-ciphers AES-256-GCM\nverb 1\nca {self.certificates.authority}\n"
        for end, host, own in (
            ("server", "home-a", f"server 10.88.1.0 255.255.255.0\ntopology subnet\ndh none\nlport {OPENVPN_PORT}\n"),
            ("client", "away-a", f"client\nnobind\nremote {HOME_WAN} {OPENVPN_PORT}\nroute {self._server}\n"),
        ):
            file, pem = self.lab.work / f"openvpn-{end}.conf", self.certificates.pem[end]
            file.write_text(f"{common}{own}cert {pem}\nkey {pem}\n")
            log = self.lab.logs / f"openvpn-{end}.log"
            ends.append(self.lab.host(host).start(f"openvpn-{end}", "openvpn", "--config", file, log=log))
            ends[-1].wait_for("Initialization Sequence Completed", 15)

    def _wireguard(self, ends: list[Process]) -> None:
        """ChaCha20-Poly1305, the one that WireGuard has, with the MTU that fits into 1,500 bytes."""
        _require("wireguard-go", "wg")
        keys = {end: run("wg", "genkey").stdout.strip() for end in ("server", "client")}
        for end, other, host, number, own, peer in (
            ("server", "client", "home-a", 1, f"ListenPort = {WIREGUARD_PORT}\n", "AllowedIPs = 10.88.2.2/32\n"),
            ("client", "server", "away-a", 2, "", f"AllowedIPs = 0.0.0.0/0\nEndpoint = {HOME_WAN}:{WIREGUARD_PORT}\n"),
        ):
            place, device = self.lab.host(host), f"lk{os.getpid()}{end[0]}"
            log = self.lab.logs / f"wireguard-{end}.log"
            ends.append(place.start(f"wireguard-{end}", "wireguard-go", "-f", device, log=log, env={"LOG_LEVEL": "error"}))
            _wait_for_file(ends[-1], Path(f"/var/run/wireguard/{device}.sock"))
            public = run("wg", "pubkey", stdin=keys[other]).stdout.strip()
            file = self.lab.work / f"wireguard-{end}.conf"
            file.write_text(f"[Interface]\nPrivateKey = {keys[end]}\n{own}[Peer]\nPublicKey = {public}\n{peer}")
            place.run("wg", "setconf", device, file)
            place.ip("address", "add", f"10.88.2.{number}/24", "dev", device)
            place.ip("link", "set", device, "mtu", "1420", "up")
        self.lab.host("away-a").ip("route", "add", self._server, "dev", f"lk{os.getpid()}c")

    @property
    def _server(self) -> str:
        return self.origin.split(":")[0]


def _require(*programs: str) -> None:
    for program in programs:
        if not shutil.which(program):
            raise LabError(f"there is no {program} here")
    if not os.access("/dev/net/tun", os.W_OK):
        raise LabError("this machine has no /dev/net/tun")


def _wait_for_file(process: Process, file: Path) -> None:
    end = time.monotonic() + 10
    while not file.exists():
        if not process.alive or time.monotonic() > end:
            raise LabError(f"{process.name} does not stand: {process.output().strip()[-300:]}")
        time.sleep(0.02)
