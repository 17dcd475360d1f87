"""The tunnel over QUIC: what is fetched goes on while the client changes networks."""

import hashlib
import time
import urllib.request

from .. import media
from ..capture import Capture
from ..laboratory import REPOSITORY, Laboratory
from ..processes import run
from ..steps import expect, step
from ..topology import AWAY_WAN, HOME_WAN, TUNNEL_PORT
from .media_paths import media_url

_OTHER_WAN = "203.0.113.77"


@step("a film over QUIC goes on byte for byte while the client gets another address, and its site another public one")
def quic_roams(lab: Laboratory):
    client = lab.client("wanderer", "away-c", options=("--carrier", "quic"))
    host, plan = lab.host("away-c"), lab.plan
    url = media_url(lab, "Huge", client)
    lab.network.host["away-gw"].ip("address", "add", f"{_OTHER_WAN}/24", "dev", "wan")
    capture = Capture(lab.host("inet"), lab.work / "quic.pcap", f"udp and port {TUNNEL_PORT}", "to-away")
    other = f"{plan.away}.31"

    def another_address():
        """The host goes out from another address; the old one stays, because the app is connected to it."""
        host.ip("address", "add", f"{other}/24", "dev", "eth0")
        host.ip("route", "replace", "default", "via", f"{plan.away}.1", "src", other)

    def another_site():
        lab.network.renumber("away-gw", plan.away, _OTHER_WAN)

    def first_site():
        lab.network.renumber("away-gw", plan.away, AWAY_WAN)

    moves = [another_address, another_site, first_site]
    received, longest, done = hashlib.sha256(), 0.0, 0
    # More than fits into every buffer on the way.
    size = 240 << 20
    asking = urllib.request.Request(url, headers={"Range": f"bytes=0-{size - 1}"})
    try:
        with host.inside(), urllib.request.urlopen(asking, timeout=20) as answer:
            while True:
                asked = time.monotonic()
                part = answer.read(size // 120)
                longest = max(longest, time.monotonic() - asked)
                if not part:
                    break
                received.update(part)
                done += len(part)
                if moves and done > size * (4 - len(moves)) // 5:
                    moves.pop(0)()
                # About 12 s for the whole film.
                time.sleep(0.1)
    finally:
        first_site()
        host.ip("route", "replace", "default", "via", f"{plan.away}.1")
        host.run("ip", "address", "del", f"{other}/24", "dev", "eth0", check=False)
    seen = capture.stop()
    expect(done == size, f"{done} of {size} bytes came")
    with (lab.library / media.HUGE).open("rb") as film:
        original = hashlib.sha256(film.read(size))
    expect(received.digest() == original.digest(), "the film differs")
    lines = run("tcpdump", "-nr", seen, "src", "net", "203.0.113.0/24").stdout.splitlines()
    sources = {".".join(line.split()[2].split(".")[:4]) for line in lines}
    ports = {line.split()[2] for line in lines}
    expect({AWAY_WAN, _OTHER_WAN} <= sources, f"the internet saw {sorted(sources)} alone")
    expect(longest < 5, f"a read took {longest:.1f} s")
    return f"{size} bytes equal; from {len(ports)} addresses and ports of {len(sources)} public addresses; longest read {longest * 1000:.0f} ms"


@step("an independent QUIC stack shakes hands with the gateway, and is told in words why it may not come in")
def quic_stranger(lab: Laboratory):
    _ = lab.gateway
    host, key, certificate = lab.host("away-b"), lab.work / "stranger.key", lab.work / "stranger.pem"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=stranger")  # fmt: skip
    python, peer = REPOSITORY / "lab/.venv/bin/python", REPOSITORY / "lab/peers/quic_stranger.py"

    def received(protocol: str) -> tuple[str, str]:
        out = host.run(python, peer, HOME_WAN, TUNNEL_PORT, protocol, certificate, key).stdout
        return tuple(out.strip().split(" ", 1))

    code, session = received("latchkey-quic/1")
    expect(code == "7", f"the close has the code {code}")
    expect("paired" in session or "known" in session or "certificate" in session, f"the sentence is {session}")
    code, pairing = received("latchkey-quic-pair/1")
    expect(code == "7" and "pairing code" in pairing, f"{code}: {pairing}")
    code, other = received("h3")
    expect(code != "7", "a protocol of others was let through the handshake")
    return f"aioquic: “{session}”; “{pairing}”; for h3: {other or code}"
