"""Latchkey's carriers, direct and through its relay, beside tunnels, relays and packet tunnels of others on the same path.

Every way leads from away-a through both routers to the media server on home-b. Relays stand on a public host of their own. The
client is started anew for each of Latchkey's ways, with the options that leave it that way alone; the gateway stays the same.
"""

import contextlib
import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from .. import media
from ..groups.member import EventLog
from ..home import MINIDLNA_PORT
from ..laboratory import MEDIA_FOLDER, Laboratory
from ..processes import LabError
from ..topology import HOME_WAN, TUNNEL_PORT
from .packet_tunnels import OPENVPN, WIREGUARD, PacketTunnels
from .paths import LOCAL_STUNNEL, STUNNEL_PORT, Certificates, Way, direct, haproxy, stunnel
from .throughput import GIB, Throughput, busy_seconds, fetch, film, play

PUBLIC = "192.0.2.10"
RELAY_PORT, HAPROXY_RELAY_PORT, STUN_PORT, IPERF_PORT = 443, 8443, 3478, 48210
LOCAL_RELAYED = LOCAL_STUNNEL + 10
CEILING = "iperf3, one TCP stream"
TLS, QUIC, PUNCHED = "Latchkey, TLS", "Latchkey, QUIC", "Latchkey, QUIC through holes in both NATs"
RELAYED, RELAYED_STUNNEL = "Latchkey, TLS through latchkey-relay", "stunnel through HAProxy (TCP, by SNI)"


@dataclass
class Carried:
    """A way of Latchkey's: the client's options, whether the gateway's own port is closed to it, and how it must show."""

    name: str
    options: tuple
    closed: bool
    shows: str
    punched: bool = False


OURS = (
    Carried(TLS, ("--carrier", "tls", "--no-direct"), False, "tcp "),
    Carried(QUIC, ("--carrier", "quic", "--no-direct"), False, "quic "),
    Carried(PUNCHED, ("--carrier", "auto"), True, "quic ", punched=True),
    Carried(RELAYED, ("--carrier", "tls", "--no-direct"), True, "through the relay"),
)


def measure(binaries: Path, out: Path, rounds: int, size: int) -> list[Throughput]:
    """The ways in turn, in each round; first of all the ceiling."""
    with Laboratory(binaries, out) as lab:
        lab.furnish = lambda: lab.server
        lab.library = media.make_movie(MEDIA_FOLDER, size)
        scene = Scene(lab)
        results = {name: Throughput(name) for name in scene.names}
        for number in range(rounds):
            for name in scene.names:
                result = results[name]
                scene.play(name, result, size)
                print(f"  round {number + 1}: {name:42} {result.speed[-1]:6.0f} MB/s", flush=True)
    return list(results.values())


class Scene:
    """Everybody's ends, started once; Latchkey's client is started for each of its ways."""

    def __init__(self, lab: Laboratory):
        self.lab = lab
        self.origin = f"{lab.server.address}:{MINIDLNA_PORT}"
        self.public = lab.network.public_host("public", PUBLIC)
        certificates = Certificates(lab.work / "certificates")
        self.fixed = {way.name: way for way in (
            direct(lab, self.origin), stunnel(lab, certificates, self.origin), haproxy(lab, certificates, self.origin),
        )}  # fmt: skip
        self.fixed[RELAYED_STUNNEL] = self._relayed_stunnel(certificates)
        self.tunnels = PacketTunnels(lab, certificates, self.origin)
        self._start_latchkey()
        lab.network.forward(IPERF_PORT, lab.server.address, IPERF_PORT)
        self.iperf = lab.host("home-b").start("iperf3", "iperf3", "-s", "-p", IPERF_PORT, log=lab.logs / "iperf3.log")
        time.sleep(0.5)
        tunnels = self.tunnels.that_run()
        self.names = [CEILING, "direct", TLS, QUIC, PUNCHED, "stunnel", "HAProxy", *tunnels, RELAYED, RELAYED_STUNNEL]

    def play(self, name: str, result: Throughput, size: int) -> None:
        if name == CEILING:
            return self._iperf(result, size)
        if way := self.fixed.get(name):
            return self._fetch(way, self._film_by(way), result, size)
        if name in (OPENVPN, WIREGUARD):
            with self.tunnels.standing(name) as way:
                return self._fetch(way, self._film_by(way), result, size)
        carried = next(one for one in OURS if one.name == name)
        with self._client(carried):
            location = self.lab.mirror(self.lab.server_udn)
            way = Way(name, location.split("/")[2], self.lab.gateway.process, self.lab.laptop.process)
            way.relay = self.relay if name == RELAYED else None
            return self._fetch(way, film(self.lab.laptop.host, location), result, size)

    def _film_by(self, way: Way) -> str:
        return f"http://{way.authority}/{film(self.lab.host('home-a'), self.lab.server.location).split('/', 3)[3]}"

    def _fetch(self, way: Way, url: str, result: Throughput, size: int) -> None:
        fetch(self.lab, url, min(size, 32 << 20))  # does not count: windows open, buffers are made
        play(self.lab, way, url, result, size)

    # The ceiling.

    def _iperf(self, result: Throughput, size: int) -> None:
        own, before, everything = resource.getrusage(resource.RUSAGE_CHILDREN), self.iperf.cpu_seconds(), busy_seconds()
        done = self.lab.host("away-a").run(
            "iperf3", "-c", HOME_WAN, "-p", IPERF_PORT, "--reverse", "--bytes", size, "--json", timeout=120
        )
        used, everything = resource.getrusage(resource.RUSAGE_CHILDREN), busy_seconds() - everything
        result.speed.append(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 8e6)
        spent = {
            "origin": self.iperf.cpu_seconds() - before,
            "curl": used.ru_utime + used.ru_stime - own.ru_utime - own.ru_stime,
            "machine": everything,
        }
        for process, value in spent.items():
            result.cpu.setdefault(process, []).append(value / size * GIB)

    # A relay that others have.

    def _relayed_stunnel(self, certificates: Certificates) -> Way:
        """The stunnel at home is the same; HAProxy finds it by the server name, as a relay finds a gateway."""
        lab = self.lab
        file = lab.work / "haproxy-relay.cfg"
        file.write_text(
            "global\n  nbthread 1\n  maxconn 1000\ndefaults\n  mode tcp\n  timeout connect 10s\n  timeout client 1h\n"
            f"  timeout server 1h\nfrontend relay\n  bind {PUBLIC}:{HAPROXY_RELAY_PORT}\n  tcp-request inspect-delay 5s\n"
            "  tcp-request content accept if { req.ssl_hello_type 1 }\n"
            "  use_backend home if { req.ssl_sni -m end .relay.example }\n"
            f"backend home\n  server one {HOME_WAN}:{STUNNEL_PORT}\n"
        )
        relay = self.public.start("haproxy-relay", "haproxy", "-db", "-f", file, log=lab.logs / "haproxy-relay.log")
        client = lab.work / "stunnel-relayed.conf"
        client.write_text(
            "foreground = yes\npid =\ndebug = err\nsslVersionMin = TLSv1.3\nverifyChain = yes\n"
            "socket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
            f"CAfile = {certificates.authority}\n[bench]\ncert = {certificates.pem['client']}\nclient = yes\n"
            f"sni = home.relay.example\naccept = 127.0.0.1:{LOCAL_RELAYED}\nconnect = {PUBLIC}:{HAPROXY_RELAY_PORT}\n"
        )
        away = lab.host("away-a").start("stunnel-relayed", "stunnel", client, log=lab.logs / "stunnel-relayed.log")
        return Way(RELAYED_STUNNEL, f"127.0.0.1:{LOCAL_RELAYED}", self.fixed["stunnel"].server_end, away, relay)

    # Latchkey.

    def _start_latchkey(self) -> None:
        lab = self.lab
        self.relay = self.public.start(
            "relay", lab.binaries / "latchkey-relay", "run", "--state", lab.work / "relay", "--listen",
            f"{PUBLIC}:{RELAY_PORT}", log=lab.logs / "relay.log",
        )  # fmt: skip
        self.relay.wait_for("ready")
        self.public.start(
            "turnserver", "turnserver", "-n", "--listening-ip", PUBLIC, "--stun-only", "--no-tls", "--no-dtls", "--no-cli",
            "--log-file", "stdout", "--pidfile", lab.work / "turn.pid", "--userdb", lab.work / "turn.db",
            log=lab.logs / "turnserver.log",
        )  # fmt: skip
        for router in ("home-gw", "away-gw"):
            # As a home's router does. If it took what nobody asked for as meant for itself, it would remember that, and give the next
            # packet of the host inside another port.
            lab.host(router).nft(
                'table ip own { chain input { type filter hook input priority 0; iifname "wan" ct state new drop; }\n}'
            )
        lab.gateway.stop()
        lab.gateway.start("--relay", f"{PUBLIC}:{RELAY_PORT}", "--mapping", "off", "--stun", f"{PUBLIC}:{STUN_PORT}", "--json")
        lab.gateway.process.wait_for("relay-registered", timeout=30)
        _ = lab.laptop  # pairs it, with every way in its code
        lab.pause_client("laptop")

    @contextlib.contextmanager
    def _client(self, carried: Carried):
        """The client, on that way and no other."""
        lab = self.lab
        router = lab.host("away-gw")
        router.nft("table ip closed {}\ndelete table ip closed")
        if carried.closed:
            router.nft(
                "table ip closed { chain forward { type filter hook forward priority -10; "
                f"ip daddr {HOME_WAN} meta l4proto {{ tcp, udp }} th dport {TUNNEL_PORT} drop; }}\n}}"
            )
        stun = ("--stun", f"{PUBLIC}:{STUN_PORT}") if carried.punched else ()
        client = lab.client("laptop", options=("--json", *carried.options, *stun))
        try:
            log = EventLog(client.process)
            log.wait("connected", 30)
            if carried.punched:
                log.wait("path", 30, kind="punched")
            self._expect(carried)
            yield
            self._expect(carried)
        finally:
            lab.pause_client("laptop")
            router.nft("table ip closed {}\ndelete table ip closed")

    def _expect(self, carried: Carried) -> None:
        """The gateway says the way that was meant, before and after."""
        sessions = self.lab.gateway.json("sessions")
        if not any(carried.shows in session["peer"] for session in sessions):
            raise LabError(f"{carried.name}: the gateway says {sessions}")
