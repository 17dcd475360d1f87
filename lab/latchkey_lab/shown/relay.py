"""A blind relay: a home that nobody can connect to, reached over one outbound TCP port."""

import contextlib
import http.client
import re
import socket
import threading
import time
import urllib.parse

from .. import media, ssdp, upnp
from ..laboratory import Laboratory
from ..latchkey import Client, Gateway
from ..processes import Process
from ..steps import expect, step
from ..topology import AWAY_WAN

RELAY_ADDRESS = "198.18.0.10"
PORT = 443


class Relay:
    """`latchkey-relay` on a public machine of its own."""

    def __init__(self, lab: Laboratory):
        self.lab, self.host = lab, lab.network.public_host("relay", RELAY_ADDRESS)
        self.process: Process | None = None
        self.starts = 0

    def start(self) -> None:
        self.starts += 1
        self.process = self.host.start(
            f"relay-{self.starts}", self.lab.binaries / "latchkey-relay", "run", "--listen", f"0.0.0.0:{PORT}",
            "--state", self.lab.work / "relay", "--metrics", "127.0.0.1:9464", "--drain", "5",
            log=self.lab.logs / f"relay-{self.starts}.log",
        )  # fmt: skip
        self.process.wait_for("ready", timeout=20)

    @property
    def pin(self) -> str:
        return re.search(r"pin is (\S+)", self.process.output()).group(1)

    def metric(self, name: str) -> int:
        text = self.host.run("curl", "-sSf", "http://127.0.0.1:9464/metrics").stdout
        return int(re.search(rf"^latchkey_relay_{name} (\d+)$", text, re.MULTILINE).group(1))


@contextlib.contextmanager
def _shut_in(lab: Laboratory):
    """Both sites let nothing in, and out nothing but TCP 443."""
    for router in ("home-gw", "away-gw"):
        lab.host(router).nft(
            """
            table ip shut-in {
                chain forward { type filter hook forward priority -10; policy accept;
                    iifname "wan" ct state new drop
                    iifname "wan" ct status dnat drop
                    oifname "wan" meta l4proto != tcp drop
                    oifname "wan" tcp dport != 443 ct direction original drop
                }
            }
            """
        )
    try:
        yield
    finally:
        for router in ("home-gw", "away-gw"):
            lab.host(router).nft("table ip shut-in {}\ndelete table ip shut-in")


class Home:
    """A gateway behind a relay, and a client of it, with states of their own."""

    def __init__(self, lab: Laboratory, relay: Relay):
        self.lab, self.relay = lab, relay
        self.gateway = Gateway(
            lab.binaries, lab.host("home-a"), lab.address("home-a"), lab.work / "gateway-behind-relay", lab.logs
        )
        self.client = Client(
            "roamer", lab.binaries, lab.host("away-c"), lab.address("away-c"), lab.work / "client-roamer", lab.logs
        )

    def log(self, program) -> str:
        return program.process.output()

    def wait_for(self, program, text: str, since: int, timeout: float) -> int:
        """Waits for a line after `since`; answers how long the output is by then."""

        def said():
            return text in self.log(program)[since:]

        self.lab.wait_until(said, timeout, f"“{text}” was not said by {program.process.name}")
        return len(self.log(program))

    def media_url(self, title: str) -> str:
        host, address = self.client.host, self.client.address
        location = ssdp.wait_for_answer(host, address, self.lab.server_udn, 20, source=address)
        with host.inside():
            control = upnp.describe(location).control_url("ContentDirectory")
            return upnp.find_item(control, title, below="64", depth=1).resources[0]


def _home(lab: Laboratory) -> Home:
    """Made once, with the relay; the other clients of the lab are away meanwhile."""
    if not hasattr(lab, "behind_relay"):
        lab.furnish()
        relay = Relay(lab)
        relay.start()
        lab.behind_relay = Home(lab, relay)
    return lab.behind_relay


@step("a home that lets nothing in and out nothing but TCP 443: paired, browsed and played through a blind relay")
def relay_reaches_home(lab: Laboratory):
    lab.pause_clients()
    if "gateway" in lab.__dict__:
        lab.gateway.stop()
    home = _home(lab)
    with _shut_in(lab):
        home.gateway.start("--relay", f"{home.relay.pin}@{RELAY_ADDRESS}", address="192.0.2.77:4433")
        home.wait_for(home.gateway, "clients can also come through the relay", 0, 20)
        code = home.gateway.pair("roamer", "--preset", "full")["code"]
        started = time.monotonic()
        home.client.pair(code)
        paired = time.monotonic() - started
        started = time.monotonic()
        home.client.start()
        home.wait_for(home.client, "connected to", 0, 20)
        connected = time.monotonic() - started
        url = home.media_url("Clip")
        file = lab.work / "relayed.mp4"
        speed = home.client.host.run("curl", "-sSf", "-o", file, "-w", "%{speed_download}", url, timeout=60).stdout
    expect(media.sha256(file) == media.sha256(lab.library / media.CLIP), "the film differs from the file at home")
    said = re.search(r"roamer connected from (\S+):\d+, through the relay (\S+)", home.log(home.gateway))
    expect(said, "the gateway did not say that the client came through the relay")
    expect(said.group(1) == AWAY_WAN, f"the gateway saw {said.group(1)}, and the client came from {AWAY_WAN}")
    expect(home.relay.metric("gateways") == 1, "the relay does not count one gateway")
    return (
        f"paired in {paired:.1f} s, connected {connected:.1f} s after the client's start, "
        f"{float(speed) / 1e6:.0f} MB/s; the gateway saw {said.group(1)}"
    )


@step("the relay restarted while a film is being fetched: the gateway and the client come back by themselves, bytes equal")
def relay_restarted(lab: Laboratory):
    home = _home(lab)
    with _shut_in(lab):
        url = home.media_url("Huge")
        file, size = lab.work / "restarted.mp4", 48 << 20
        since, gateway_since = len(home.log(home.client)), len(home.log(home.gateway))
        # Slowly, so that it is on its way when the relay goes.
        fetch = home.client.host.start(
            "curl-relay", "curl", "-sSf", "--limit-rate", "8M", "-r", f"0-{size - 1}", "-o", file, url,
            log=lab.logs / "curl-relay.log")  # fmt: skip
        lab.wait_until(lambda: file.exists() and file.stat().st_size > 4 << 20, 20, "the film did not begin")
        home.relay.process.kill()
        down = time.monotonic()
        expect(fetch.alive and file.stat().st_size < size // 2, "the film was there before the relay went")
        home.relay.start()
        home.wait_for(home.gateway, "clients can also come through the relay", gateway_since, 30)
        registered = time.monotonic() - down
        home.wait_for(home.client, "connected to", since, 30)
        back = time.monotonic() - down
        lab.wait_until(lambda: not fetch.alive, 60, "the film did not end")
        Process.running.remove(fetch)
    with open(lab.library / "Huge.mp4", "rb") as original:
        expect(file.read_bytes() == original.read(size), "the film that was under way differs")
    return f"registered again {registered:.1f} s and connected again {back:.1f} s after the kill; 48 MiB are whole"


# How many bytes a second are fetched of a film whose path is cut, moved and mended, and how many in all.
_PACE, _LENGTH = 8 << 20, 96 << 20


@contextlib.contextmanager
def _holes(lab: Laboratory, home: Home):
    """A STUN server beside the relay, and routers that are closed as home routers are; both ends know the server."""
    stun = home.relay.host.start(
        "stun", "turnserver", "-n", "--listening-ip", RELAY_ADDRESS, "--no-auth", "--no-tls", "--no-dtls", "--no-cli",
        "--log-file", "stdout", "--pidfile", lab.work / "stun.pid", "--userdb", lab.work / "stun.db",
        log=lab.logs / "stun.log",
    )  # fmt: skip
    for router in ("home-gw", "away-gw"):
        lab.host(router).nft(
            'table ip guard { chain input { type filter hook input priority 0; iifname "wan" ct state new drop; }; }'
        )
    home.gateway.stop()
    home.client.stop()
    home.gateway.start(
        "--relay", f"{home.relay.pin}@{RELAY_ADDRESS}", "--stun", RELAY_ADDRESS, address="192.0.2.77:4433")  # fmt: skip
    home.wait_for(home.gateway, "clients can also come through the relay", 0, 20)
    home.client.start("--stun", RELAY_ADDRESS, "--silence", "4")
    try:
        yield
    finally:
        for router in ("home-gw", "away-gw"):
            lab.host(router).nft("table ip guard {}\ndelete table ip guard")
        stun.stop()
        # The steps that follow want the session on the relay.
        home.client.stop()
        home.gateway.stop()
        home.gateway.start("--relay", f"{home.relay.pin}@{RELAY_ADDRESS}", address="192.0.2.77:4433")
        home.wait_for(home.gateway, "clients can also come through the relay", 0, 20)
        home.client.start()
        home.wait_for(home.client, "connected to", 0, 20)


class _Film(threading.Thread):
    """A film that is read as a player reads it, a little at a time; a program that fetches at a limited rate pauses for seconds
    by itself."""

    def __init__(self, host, url: str):
        super().__init__(daemon=True)
        self._host, self._url = host, urllib.parse.urlsplit(url)
        self.data, self.fault = bytearray(), ""
        #: The longest time without a byte that was waited for, and when it began.
        self.stall = (0.0, 0.0)

    def run(self) -> None:
        try:
            with self._host.inside():
                connection = http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=30)
                connection.connect()
            # What lies in the system's buffers hides a stall.
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
            connection.request("GET", self._url.path, headers={"Range": f"bytes=0-{_LENGTH - 1}"})
            self._read(connection.getresponse())
        except (OSError, http.client.HTTPException) as fault:
            self.fault = repr(fault)

    def _read(self, response) -> None:
        due = time.monotonic()
        while True:
            asked = time.monotonic()
            if not (chunk := response.read1(32 << 10)):
                return
            self.data += chunk
            self.stall = max(self.stall, (time.monotonic() - asked, asked))
            due = max(due, time.monotonic() - 0.2) + len(chunk) / _PACE
            time.sleep(max(0.0, due - time.monotonic()))


@step("a film goes on while its session leaves the relay for a hole in both NATs, loses that, falls back and climbs again: bytes equal")
def relay_left(lab: Laboratory):
    home = _home(lab)
    hole, relay = "through a hole in both NATs", "reached over the relay"
    with _holes(lab, home):
        home.wait_for(home.client, hole, 0, 20)
        url = home.media_url("Huge")
        film = _Film(home.client.host, url)
        film.start()
        lab.wait_until(lambda: len(film.data) > _PACE, 20, "the film did not begin")
        lab.host("home-gw").nft(
            "table ip no-udp { chain forward { type filter hook forward priority -10; meta l4proto udp drop; }; }")
        cut, since = time.monotonic(), len(home.log(home.client))
        try:
            since = home.wait_for(home.client, relay, since, 20)
            fell = time.monotonic() - cut
        finally:
            lab.host("home-gw").nft("table ip no-udp {}\ndelete table ip no-udp")
        mended = time.monotonic()
        home.wait_for(home.client, hole, since, 40)
        climbed = time.monotonic() - mended
        film.join(90)
        expect(not film.is_alive(), "the film did not end")
    with open(lab.library / "Huge.mp4", "rb") as original:
        expect(film.data == original.read(_LENGTH), f"the film that was under way differs, or broke: {film.fault}")
    stall, begun = film.stall
    expect(stall < 4, f"the film stood still for {stall:.1f} s, no less than the silence that is allowed")
    return (
        f"fell back to the relay {fell:.1f} s after UDP was cut (4 s of silence are allowed), climbed again {climbed:.1f} s after it "
        f"was mended; {_LENGTH >> 20} MiB are whole, longest stall {stall:.1f} s, from {begun - cut:.1f} s after the cut"
    )


@step("SIGTERM drains the relay: who plays goes on for the time that was set, nobody new comes in, and it ends with 0")
def relay_drained(lab: Laboratory):
    home = _home(lab)
    with _shut_in(lab):
        expect(home.relay.metric("sessions") >= 1, "no session runs")
        since, gateway_since = len(home.log(home.client)), len(home.log(home.gateway))
        started = time.monotonic()
        code = home.relay.process.stop()
        took = time.monotonic() - started
        expect(code == 0, f"the relay ended with {code}")
        expect(4 <= took <= 9, f"it drained for {took:.1f} s, and 5 s were set")
        home.wait_for(home.gateway, "stops in 5 s at most", 0, 2)
        home.relay.start()
        home.wait_for(home.gateway, "clients can also come through the relay", gateway_since, 40)
        home.wait_for(home.client, "connected to", since, 40)
    return f"ended with 0 after {took:.1f} s; the gateway was told"


@step("a stranger at the relay learns nothing: unknown names, other protocols and a false gateway are turned away")
def relay_strangers(lab: Laboratory):
    home = _home(lab)
    host = home.client.host
    name = "a" * 51 + "q.relay.invalid"
    unknown = host.run(
        "openssl", "s_client", "-connect", f"{RELAY_ADDRESS}:{PORT}", "-servername", name, "-alpn", "latchkey/1",
        check=False, stdin="", timeout=15,
    )  # fmt: skip
    expect("unrecognized name" in unknown.stderr + unknown.stdout, f"an unknown name got {unknown.stderr[-200:]}")
    web = host.run("curl", "-sS", "-m", "10", f"http://{RELAY_ADDRESS}:{PORT}/", check=False)
    expect(web.returncode != 0 and "HTTP" not in web.stdout, "HTTP was answered")
    bare = host.run(
        "openssl", "s_client", "-connect", f"{RELAY_ADDRESS}:{PORT}", "-alpn", "latchkey-register/1", "-ign_eof",
        check=False, stdin="", timeout=15,
    )  # fmt: skip
    expect("certificate required" in bare.stderr + bare.stdout, f"without a certificate: {bare.stderr[-200:]}")
    expect(home.relay.metric("gateways") == 1, "the relay's gateway is gone")
    home.client.stop()
    home.gateway.stop()
    home.relay.process.stop()
    del lab.behind_relay
    if "gateway" in lab.__dict__:
        lab.gateway.start(env=lab.gateway_environment)
    return "three strangers turned away; the gateway stayed registered"
