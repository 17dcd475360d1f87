"""What the reachability steps share: the network, a router that maps ports, a gateway and a client."""

import contextlib
import http.server
import ipaddress
import json
import re
import shutil
import socket
import ssl
import threading
import time
from functools import cached_property
from pathlib import Path

from .. import ssdp, upnp
from ..latchkey import Client, Gateway
from ..namespaces import Namespace
from ..processes import LabError, Process, run
from ..steps import Skipped
from .lan import SERVER, ReachLan


class Router:
    """miniupnpd on the home's router; which of its protocols are on is its owner's choice."""

    def __init__(self, host: Namespace, work: Path, logs: Path):
        self.host, self.work, self.logs = host, work, logs
        self.process: Process | None = None
        self.starts = 0
        host.nft(
            """
            table inet upnp {
                chain forward { type filter hook forward priority 0; policy accept;
                    jump pinholes
                    meta nfproto ipv6 iifname "wan" ct state new,invalid drop
                }
                chain prerouting { type nat hook prerouting priority -100; jump inward; }
                chain postrouting { type nat hook postrouting priority 100; jump outward; }
                chain pinholes { }
                chain inward { }
                chain outward { }
            }
            """
        )

    def start(self, *settings: str, upnp: bool = True, natpmp: bool = True, igd1: bool = False) -> None:
        self.stop()
        self.starts += 1
        words = {True: "yes", False: "no"}
        file = self.work / f"miniupnpd-{self.starts}.conf"
        file.write_text(
            f"ext_ifname=wan\nlistening_ip=br-lan\nenable_natpmp={words[natpmp]}\nenable_upnp={words[upnp]}\n"
            f"force_igd_desc_v1={words[igd1]}\nsecure_mode=yes\nsystem_uptime=no\nfriendly_name=Lab router\n"
            "uuid=6c61622d-6967-6400-0000-000000000077\nnotify_interval=60\nmin_lifetime=10\n"
            "upnp_table_name=upnp\nupnp_nat_table_name=upnp\nupnp_forward_chain=pinholes\nupnp_nat_chain=inward\n"
            f"upnp_nat_postrouting_chain=outward\nlease_file={self.work}/leases-{self.starts}\n"
            + "".join(f"{line}\n" for line in settings)
            + "allow 1024-65535 0.0.0.0/0 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n"
        )
        self.process = self.host.start(
            "miniupnpd", "miniupnpd", "-d", "-f", file, "-P", self.work / f"miniupnpd-{self.starts}.pid",
            log=self.logs / "reach-miniupnpd.log",
        )  # fmt: skip
        self.process.wait_for("Listening for NAT-PMP" if natpmp else "HTTP listening on")

    def pinholes(self) -> list[str]:
        """The rules that open the IPv6 firewall, as the kernel has them: `tcp 48100 2001:db8:77::10`."""
        rules = run("nft", "list", "chain", "inet", "upnp", "pinholes", prefix=self.host.enter).stdout
        return sorted(" ".join(found) for found in _pinholes(rules))

    def stop(self) -> None:
        if self.process:
            self.process.stop()
            self.process = None

    def forget(self) -> None:
        """As a restart of the whole router: every mapping is gone."""
        for chain in ("inward", "outward", "pinholes"):
            run("nft", "flush", "chain", "inet", "upnp", chain, prefix=self.host.enter)

    def mappings(self) -> list[str]:
        """The rules that pass a port on, as the kernel has them: `tcp 48100 192.168.77.10:48100`."""
        rules = run("nft", "list", "chain", "inet", "upnp", "inward", prefix=self.host.enter).stdout
        # miniupnpd writes the protocol as a number out of the IP header.
        found = re.findall(r"(?:@nh,72,8|ip protocol|meta l4proto) (\w+).* dport (\d+).*dnat.* to ([\d.]+:\d+)", rules)
        names = {"0x6": "tcp", "6": "tcp", "0x11": "udp", "17": "udp"}
        return sorted(f"{names.get(protocol, protocol)} {port} {target}" for protocol, port, target in found)


def _pinholes(rules: str) -> list[tuple[str, str, str]]:
    """Protocol, port and address of each rule: miniupnpd writes both as bytes of the IPv6 header."""
    found = re.findall(r"dport (\d+) @nh,192,128 0x(\w+) @nh,48,8 (\w+) accept", rules)
    names = {"0x6": "tcp", "0x11": "udp"}
    return [(names.get(protocol, protocol), port, str(ipaddress.IPv6Address(int(address, 16)))) for port, address, protocol in found]


class NameServer:
    """BIND with one zone that a key may change."""

    def __init__(self, host: Namespace, work: Path, logs: Path):
        self.host, self.folder = host, work / "bind"
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.key_file = self.folder / "latchkey.key"
        self.key_file.write_text(run("tsig-keygen", "-a", "hmac-sha256", "latchkey").stdout)
        (self.folder / "lab.example.zone").write_text(
            "$TTL 60\n@ IN SOA ns.lab.example. admin.lab.example. 1 3600 600 86400 60\n"
            f"@ IN NS ns.lab.example.\nns IN A {SERVER}\n"
        )
        (self.folder / "named.conf").write_text(
            f'include "{self.key_file}";\n'
            f'options {{ directory "{self.folder}"; listen-on port 53 {{ {SERVER}; }}; listen-on-v6 {{ none; }};\n'
            f'  pid-file "{self.folder}/named.pid"; session-keyfile "{self.folder}/session.key"; recursion no;\n'
            "  dnssec-validation no; };\n"
            'zone "lab.example" { type primary; file "lab.example.zone"; allow-update { key "latchkey"; }; };\n'
        )
        self.process = host.start(
            "named", "named", "-g", "-c", self.folder / "named.conf", log=logs / "reach-named.log"
        )
        self.process.wait_for("running")

    def dig(self, name: str, kind: str) -> str:
        return self.host.run("dig", f"@{SERVER}", "+short", "+time=2", name, kind).stdout


class ReachGateway(Gateway):
    """A gateway that was told nothing of where it is reached."""

    def begin(self, *options, env=None) -> None:
        self.process = self._start(
            "reach-gateway", "gateway", "run", "--state", self.state, "--interface", "eth0",
            "--listen", "0.0.0.0:48100", "--name", "Lab home", *options, env=env,
        )  # fmt: skip
        self.process.wait_for("ready", timeout=30)


class ReachStage:
    """Built when the first step about reachability asks for it."""

    def __init__(self, binaries: Path, work: Path, logs: Path, prefix: str):
        self.binaries, self.work, self.logs = binaries, work / "reach", logs
        self.work.mkdir()
        self.lan = ReachLan(prefix)
        self._clients = 0

    def host(self, name: str) -> Namespace:
        return self.lan.host[name]

    @cached_property
    def router(self) -> Router:
        return Router(self.host("router"), self.work, self.logs)

    @cached_property
    def name_server(self) -> NameServer:
        if not shutil.which("named"):
            raise Skipped("there is no BIND here (Debian: bind9)")
        return NameServer(self.host("server"), self.work, self.logs)

    @contextlib.contextmanager
    def push_server(self):
        """A topic in the manner of ntfy; yields its URL."""
        messages: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                messages.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self._answer("{}")

            def do_GET(self):
                lines = [{"event": "open"}, *({"event": "message", "message": text} for text in messages)]
                self._answer("".join(json.dumps(line) + "\n" for line in lines))

            def _answer(self, text: str):
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        with self.host("server").inside():
            server = upnp.Server((SERVER, 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://{SERVER}:{server.port}/home"
        finally:
            server.shutdown()
            server.server_close()

    @contextlib.contextmanager
    def dyndns_server(self):
        """A dyndns2 server over HTTPS; yields its URL, what it was asked, what it answers, and its authority's file."""
        asked: list[str] = []
        answers = ["good"]
        certificate, key = self.work / "dyn.pem", self.work / "dyn.key"
        run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=dyn.lab.example", "-addext", f"subjectAltName=IP:{SERVER}", "-keyout", key, "-out", certificate,
        )  # fmt: skip

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                text = answers[0] if self.headers["Authorization"] == "Basic YW5uOnNlY3JldA==" else "badauth"
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with self.host("server").inside():
            server = upnp.Server((SERVER, 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"https://{SERVER}:{server.port}/nic/update", asked, answers, certificate
        finally:
            server.shutdown()
            server.server_close()

    @cached_property
    def devices(self) -> Process:
        return self.host("devices").start(
            "reach-devices", self.binaries / "latchkey-demo-devices", "--interface", "eth0",
            log=self.logs / "reach-devices.log",
        )  # fmt: skip

    @cached_property
    def gateway(self) -> ReachGateway:
        _ = self.devices
        return ReachGateway(
            self.binaries, self.host("gateway"), self.lan.address("gateway"), self.work / "gateway", self.logs
        )

    @contextlib.contextmanager
    def served(self, *options, env=None):
        """The gateway runs; at the end it is stopped, and the router forgets what a failed step has left there."""
        try:
            self.gateway.begin(*options, env=env)
            yield self.gateway.process
        finally:
            self.gateway.stop()
            if self.router.process:
                self.router.stop()
            self.router.forget()

    def forget_what_worked(self) -> None:
        """As a gateway that has never mapped anything."""
        (self.gateway.state / "mapping.json").unlink(missing_ok=True)

    def fresh_client(self) -> Client:
        """A client that is paired by what the gateway itself says of its addresses."""
        self._clients += 1
        name = f"laptop{self._clients}"
        client = Client(
            name, self.binaries, self.host("client"), self.lan.address("client"), self.work / name, self.logs
        )
        client.pair(self.gateway.pair(name, "--preset", "full")["code"])
        return client

    def light(self, client: Client, timeout: float = 20) -> upnp.Description:
        """The home's light, as an app on the client's host finds it."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for answer in ssdp.search(client.host, client.address, "ssdp:all", seconds=1.3):
                if answer.source == client.address and re.search(r":device:\w*Light", answer.usn):
                    with client.host.inside():
                        return upnp.describe(answer.location)
        raise LabError(f"no light is mirrored in {timeout:.0f} s: {client.process.output()[-300:]}")

    def switch_over_both(self, client) -> None:
        """Starts a client over TLS alone, then over QUIC alone, and switches the light by each."""
        for carrier, path in (("tls", "tcp"), ("quic", "udp")):
            client.start("--carrier", carrier)
            client.process.wait_for(f"the home is reached directly ({path} ", timeout=20)
            self.switch(client)
            client.stop()

    def switch(self, client: Client, timeout: float = 20) -> None:
        """Switches the light on and off from afar, and looks each time."""
        light = self.light(client, timeout)
        with client.host.inside():
            for target in ("1", "0"):
                upnp.invoke(light, "SwitchPower", "SetTarget", newTargetValue=target)
                status = upnp.invoke(light, "SwitchPower", "GetStatus")["ResultStatus"]
                if status != target:
                    raise LabError(f"the light is {status} after it was set to {target}")

    def connects(self, address: str, port: int) -> bool:
        """Whether a host of the internet gets a TCP connection."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.host("server").socket(family=family) as line:
            line.settimeout(1)
            try:
                line.connect((address, port))
                return True
            except OSError:
                return False

    def codes_addresses(self) -> list[str]:
        """What the gateway says of where it is reached."""
        status = self.gateway.command("gateway", "status", "--state", self.gateway.state, "--json").stdout
        return json.loads(status.splitlines()[0])["details"].get("addresses", "").split()
