"""The ways from the away LAN to the media server that are compared.

Every one of them leads from away-a through both routers; each tunnel ends on home-a, with TLS 1.3 and mutual P-256
certificates, and its two ends are processes that can be weighed.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

from ..home import MINIDLNA_PORT
from ..laboratory import Laboratory
from ..processes import Process, run
from ..topology import HOME_WAN

DIRECT_PORT, STUNNEL_PORT, HAPROXY_PORT = 48200, 48201, 48202
LOCAL_STUNNEL, LOCAL_HAPROXY = 9201, 9202


@dataclass
class Way:
    """One way: where an app on away-a asks, and the processes that carry it."""

    name: str
    authority: str
    server_end: Process | None = None
    client_end: Process | None = None
    relay: Process | None = None
    ends: list = field(init=False)

    def __post_init__(self):
        self.ends = [end for end in (self.server_end, self.client_end) if end]


class Certificates:
    """An authority and one certificate for each end."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = folder / "ca.pem"
        key = folder / "ca.key"
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        run("openssl", "req", "-x509", *curve, "-keyout", key, "-out", self.authority, "-subj", "/CN=bench", "-days", "2")
        self.pem = {}
        for end in ("server", "client"):
            request, certificate, end_key = folder / f"{end}.csr", folder / f"{end}.crt", folder / f"{end}.key"
            run("openssl", "req", *curve, "-keyout", end_key, "-out", request, "-subj", f"/CN={end}")
            run("openssl", "x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", key, "-CAcreateserial",
                "-out", certificate, "-days", "2")  # fmt: skip
            self.pem[end] = folder / f"{end}.pem"
            self.pem[end].write_text(certificate.read_text() + end_key.read_text())


def direct(lab: Laboratory, origin: str) -> Way:
    """The router forwards straight to the media server: the same wires, and no tunnel."""
    host, port = origin.split(":")
    lab.network.forward(DIRECT_PORT, host, int(port))
    return Way("direct", f"{HOME_WAN}:{DIRECT_PORT}")


def stunnel(lab: Laboratory, certificates: Certificates, origin: str, log: str = "stunnel") -> Way:
    lab.network.forward(STUNNEL_PORT, lab.address("home-a"), STUNNEL_PORT)
    common = "foreground = yes\npid =\ndebug = err\nsslVersionMin = TLSv1.3\nverifyChain = yes\n"
    common += "socket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
    ends = []
    for end, host, service in (
        ("server", "home-a", f"accept = {lab.address('home-a')}:{STUNNEL_PORT}\nconnect = {origin}\n"),
        ("client", "away-a", f"client = yes\naccept = 127.0.0.1:{LOCAL_STUNNEL}\nconnect = {HOME_WAN}:{STUNNEL_PORT}\n"),
    ):
        file = lab.work / f"{log}-{end}.conf"
        file.write_text(f"{common}CAfile = {certificates.authority}\n[bench]\ncert = {certificates.pem[end]}\n{service}")
        ends.append(lab.host(host).start(f"stunnel-{end}", "stunnel", file, log=lab.logs / f"{log}-{end}.log"))
    return Way("stunnel", f"127.0.0.1:{LOCAL_STUNNEL}", *ends)


def haproxy(lab: Laboratory, certificates: Certificates, origin: str, log: str = "haproxy") -> Way:
    lab.network.forward(HAPROXY_PORT, lab.address("home-a"), HAPROXY_PORT)
    common = (
        "global\n  maxconn 5000\n  ssl-default-bind-options ssl-min-ver TLSv1.3\n  ssl-default-server-options ssl-min-ver TLSv1.3\n"
        "defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 1h\n  timeout server 1h\n"
    )
    tls = f"ca-file {certificates.authority} verify required"
    ends = []
    for end, host, listen, server in (
        ("server", "home-a", f"{lab.address('home-a')}:{HAPROXY_PORT} ssl crt {certificates.pem['server']} {tls}", origin),
        ("client", "away-a", f"127.0.0.1:{LOCAL_HAPROXY}",
         f"{HOME_WAN}:{HAPROXY_PORT} ssl crt {certificates.pem['client']} {tls}"),
    ):  # fmt: skip
        file = lab.work / f"{log}-{end}.cfg"
        file.write_text(f"{common}listen bench\n  bind {listen}\n  server far {server}\n")
        ends.append(lab.host(host).start(f"haproxy-{end}", "haproxy", "-db", "-f", file, log=lab.logs / f"{log}-{end}.log"))
    return Way("HAProxy", f"127.0.0.1:{LOCAL_HAPROXY}", *ends)


def latchkey(lab: Laboratory) -> Way:
    location = lab.mirror(lab.server_udn)
    return Way("Latchkey", location.split("/")[2], lab.gateway.process, lab.laptop.process)


def all_ways(lab: Laboratory) -> list[Way]:
    origin = f"{lab.server.address}:{MINIDLNA_PORT}"
    certificates = Certificates(lab.work / "certificates")
    ways = [direct(lab, origin), stunnel(lab, certificates, origin), haproxy(lab, certificates, origin), latchkey(lab)]
    time.sleep(0.5)
    return ways
