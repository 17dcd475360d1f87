"""Memory of sessions that are open and idle, at either end."""

import time
from dataclasses import dataclass

from ..laboratory import Laboratory
from ..latchkey import Gateway
from ..processes import LabError, Process
from .paths import Certificates, haproxy, stunnel

IDLE_PORT = 8090
KIB = 1024


@dataclass
class Idle:
    """KiB of resident memory per session; None where the end cannot be measured."""

    name: str
    sessions: int
    server: float | None
    client: float | None


def measure(lab: Laboratory, counts=(32, 1000)) -> list[Idle]:
    results = []
    _origin(lab)
    certificates = Certificates(lab.work / "idle-certificates")
    origin = f"{lab.server.address}:{IDLE_PORT}"
    for count in counts:
        for make in (stunnel, haproxy):
            way = make(lab, certificates, origin, f"idle-{make.__name__}-{count}")
            time.sleep(0.5)
            results.append(_proxied(lab, way, count))
            for end in way.ends:
                end.stop()
        results.append(_latchkey(lab, count))
    return results


def _origin(lab: Laboratory) -> Process:
    """Takes connections and waits: nginx, which holds many for little."""
    folder = lab.work / "idle-origin"
    folder.mkdir()
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        "events { worker_connections 4096; }\n"
        f"http {{ access_log off; client_header_timeout 1h;\n{paths}"
        f"server {{ listen {lab.server.address}:{IDLE_PORT}; root {folder}; }} }}\n"
    )
    return lab.server.host.start("nginx", "nginx", "-c", folder / "nginx.conf", log=lab.logs / "nginx.log")


def _proxied(lab: Laboratory, way, count: int) -> Idle:
    host, port = way.authority.split(":")
    before = [end.resident_bytes() for end in way.ends]
    connections = []
    try:
        for _ in range(count):
            connection = lab.laptop.host.socket()
            connection.settimeout(10)
            connection.connect((host, int(port)))
            connections.append(connection)
            if len(connections) % 50 == 0:
                time.sleep(0.1)  # the listen queue is finite
        _established(lab, count, int(port))
        growth = [(end.resident_bytes() - start) / count / KIB for end, start in zip(way.ends, before)]
    finally:
        for connection in connections:
            connection.close()
    return Idle(way.name, count, *growth)


def _established(lab: Laboratory, count: int, port: int) -> None:
    """Waits until the origin holds that many connections: then every TLS session behind them is up."""
    end = time.monotonic() + 60
    while True:
        out = lab.server.host.run("ss", "-Htn", "state", "established", f"sport = :{IDLE_PORT}").stdout
        if len(out.splitlines()) >= count:
            time.sleep(1)
            return
        if time.monotonic() > end:
            raise LabError(f"{len(out.splitlines())} of {count} sessions through port {port} in a minute")
        time.sleep(0.2)


def _latchkey(lab: Laboratory, count: int) -> Idle:
    """`latchkey away bench-sessions` opens that many sessions from one process, says ready, and holds them."""
    gateway: Gateway = lab.gateway
    lab.pause_client("laptop")
    gateway.stop()
    gateway.start("--max-sessions", str(count + 8))
    time.sleep(2)
    before = gateway.process.resident_bytes()
    opener = lab.laptop_program.host.start(
        "bench-sessions", gateway.executable, "away", "bench-sessions", "--state", lab.laptop_state, "--count", count,
        log=lab.logs / f"bench-sessions-{count}.log",
    )  # fmt: skip
    try:
        opener.wait_for("ready", 120)
        time.sleep(2)
        server = (gateway.process.resident_bytes() - before) / count / KIB
        line = next((line for line in opener.output().splitlines() if line.startswith("base-rss-kib=")), None)
        base = int(line.partition("=")[2]) * KIB if line else None
        client = (opener.resident_bytes() - base) / count / KIB if base else None
        return Idle("Latchkey", count, server, client)
    except LabError as error:
        print(f"  Latchkey's idle sessions were not measured: {error}")
        return Idle("Latchkey", count, None, None)
    finally:
        opener.kill()
        gateway.stop()
        gateway.start()
