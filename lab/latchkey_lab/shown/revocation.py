"""Revocation, measured: through a saturated link, against a peer that never reads or closes, with a TLS ticket taken
before; the audit log that tells of it; and certificates that renew themselves."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import sqlite3
import ssl
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ..laboratory import Laboratory
from ..latchkey import Client
from ..processes import LabError, run
from ..steps import Skipped, expect, step
from ..topology import HOME_WAN, TUNNEL_PORT
from .media_paths import media_url

_LIMIT = 1.0
# Seconds of a certificate that is renewed again and again, and how often somebody is killed meanwhile.
RENEWED_LIFE = 10
RENEWAL_KILLS = 12


def _open_streams(lab: Laboratory) -> int:
    """Connections on which the gateway's kernel could still send anything: FIN-WAIT-2 and TIME-WAIT cannot."""
    return len([line for line in _sockets(lab) if not line.startswith(("LISTEN", "TIME-WAIT", "FIN-WAIT-2"))])


def _sockets(lab: Laboratory) -> list[str]:
    return run("ss", "-tanH", f"sport = :{TUNNEL_PORT}", prefix=lab.host("home-a").enter).stdout.splitlines()


def _alone(lab: Laboratory, name: str) -> Client:
    """A client of its own, with every other one paused, so that the gateway's connections are its."""
    lab.pause_clients()
    lab.wait_until(lambda: _open_streams(lab) == 0, 20, "the other clients' connections do not end")
    return lab.client(name, "away-c")


def _begin_stream(client: Client, url: str) -> socket.socket:
    """An app that asks for a file and reads its beginning only."""
    authority, _, path = url.removeprefix("http://").partition("/")
    host, _, port = authority.rpartition(":")
    app = client.host.socket()
    app.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    app.settimeout(10)
    app.connect((host, int(port)))
    app.sendall(f"GET /{path} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    expect(b" 200 " in app.recv(1024), "the stream did not begin")
    return app


def _revoke_and_measure(lab: Laboratory, name: str) -> tuple[float, float]:
    """When the command had answered, and when the last connection was gone, from the moment it was typed."""
    before = _open_streams(lab)
    expect(before > 0, "no connection stands, so that nothing would be shown")
    asked = time.monotonic()
    process = lab.host("home-a").start(
        f"revoke-{name}", lab.gateway.executable, "gateway", "revoke", name, "--state", lab.gateway.state,
        log=lab.logs / f"revoke-{name}.log",
    )  # fmt: skip
    gone = answered = None
    while time.monotonic() < asked + 5 and (gone is None or answered is None):
        if answered is None and "revoked" in process.output():
            answered = time.monotonic() - asked
        if gone is None and _open_streams(lab) == 0:
            gone = time.monotonic() - asked
        time.sleep(0.02)
    process.stop()
    expect(gone is not None, f"after 5 s the gateway still has, of {name}: {_sockets(lab)}")
    expect(answered is not None, "the revocation was not acknowledged in 5 s")
    return answered, gone


@step("a revoked client that neither reads nor closes loses its streams within a second")
def revoked_never_reads(lab: Laboratory):
    client = _alone(lab, "frozen")
    url = media_url(lab, "Huge", client)
    with _begin_stream(client, url):
        time.sleep(0.5)
        os.kill(client.process.pid, signal.SIGSTOP)
        try:
            streams = _open_streams(lab)
            answered, gone = _revoke_and_measure(lab, "frozen")
        finally:
            os.kill(client.process.pid, signal.SIGCONT)
    expect(gone < _LIMIT, f"the connections stood for {gone:.2f} s")
    client.stop()
    return f"{streams} connections of a stopped process gone after {gone:.2f} s, command acknowledged after {answered:.2f} s"


@step("a revoked client behind a saturated link loses its streams within a second")
def revoked_saturated(lab: Laboratory):
    client = _alone(lab, "slow")
    url = media_url(lab, "Huge", client)
    gateway_host = lab.host("home-gw")
    shape = ("tc", "qdisc", "add", "dev", "wan", "root", "tbf", "rate", "1mbit", "burst", "3kb", "latency", "400ms")
    if run(*shape, prefix=gateway_host.enter, check=False).returncode:
        raise Skipped("this machine's kernel has no token bucket filter (tc qdisc tbf)")
    try:
        with contextlib.ExitStack() as stack:
            readers = [
                client.host.start(f"reader-{n}", "curl", "-sS", "-m", "20", "-o", "/dev/null", url,
                                  log=lab.logs / f"reader-{n}.log")
                for n in range(2)
            ]  # fmt: skip
            stack.callback(lambda: [reader.kill() for reader in readers if reader.alive])
            time.sleep(1.5)
            backlog = run("tc", "-s", "qdisc", "show", "dev", "wan", prefix=gateway_host.enter).stdout
            waiting = re.search(r"backlog (\S+)", backlog)
            answered, gone = _revoke_and_measure(lab, "slow")
    finally:
        run("tc", "qdisc", "del", "dev", "wan", "root", prefix=gateway_host.enter, check=False)
    expect(gone < _LIMIT, f"the connections stood for {gone:.2f} s")
    client.stop()
    return (
        f"1 Mb/s, {waiting[1] if waiting else '?'} queued: connections gone after {gone:.2f} s, "
        f"command acknowledged after {answered:.2f} s"
    )


def _identity_files(client: Client, lab: Laboratory) -> tuple[str, str]:
    """A paired client's certificate and key, taken out of its state folder as a thief would."""
    seal = (client.state / "seal.key").read_bytes()
    base = sqlite3.connect(f"file:{client.state / 'away.sqlite'}?mode=ro", uri=True)
    identifier, sealed, chain = base.execute("SELECT id, sealed_key, chain FROM gateways").fetchone()
    base.close()
    purpose = f"client key for gateway {identifier}".encode()
    raw = ChaCha20Poly1305(seal).decrypt(sealed[:12], sealed[12:], purpose)
    key = ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())
    certificate, private = lab.work / f"{client.name}.pem", lab.work / f"{client.name}.key"
    certificate.write_text("\n".join(json.loads(chain)) + "\n")
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(certificate), str(private)


def _request() -> bytes:
    """The beginning of an HTTP/2 connection and one GET, in literals (RFC 7541 §6.2.2)."""
    fields = b"\x82\x87" + b"\x04\x0a/v1/events" + b"\x01\x07gateway"
    headers = len(fields).to_bytes(3, "big") + b"\x01\x05" + (1).to_bytes(4, "big") + fields
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)) + headers


def _knock(lab: Laboratory, context: ssl.SSLContext, session=None) -> tuple[ssl.SSLSession, bool, str]:
    """One connection of ours with one request: its ticket, whether it resumed one, and what the gateway answered."""
    plain = lab.host("inet").socket()
    plain.settimeout(3)
    plain.connect((HOME_WAN, TUNNEL_PORT))
    with context.wrap_socket(plain, session=session) as secured:
        said = b""
        secured.sendall(_request())
        secured.settimeout(1)
        with contextlib.suppress(OSError, ssl.SSLError):
            while b'"status"' not in said and (more := secured.recv(4096)):
                said += more
        found = re.search(rb'"title":"([^"]*)"', said)
        return secured.session, secured.session_reused, found[1].decode() if found else f"{said!r}"


@step("a TLS ticket that a client took before its revocation does not let it in afterwards")
def revoked_ticket(lab: Laboratory):
    client = lab.client("holder", "away-c")
    lab.wait_until(lambda: "connected" in client.process.output(), 20, "the client does not connect")
    client.stop()
    certificate, private = _identity_files(client, lab)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["latchkey/1"])
    context.load_cert_chain(certificate, private)
    ticket, _, said = _knock(lab, context)
    expect("session is not known" in said, f"the thief's first connection was not let in: {said}")
    ticket, resumed, said = _knock(lab, context, ticket)
    expect(resumed and "session is not known" in said, f"no ticket was taken (resumed: {resumed}): {said}")
    lab.gateway.revoke("holder")
    asked = time.monotonic()
    try:
        _, resumed, said = _knock(lab, context, ticket)
    except (OSError, ssl.SSLError) as error:
        resumed, said = False, f"revoked: {error}"
    took = time.monotonic() - asked
    expect("revoked" in said, f"the ticket let a revoked client in: {said}")
    return f"before: resumed and let in; after the revocation: resumed={resumed}, “{said}” in {took:.2f} s"


# Certificates and the log.


@step("a client's certificate of twenty seconds renews itself, and the session goes on with the new one")
def certificates_renew(lab: Laboratory):
    gateway = lab.gateway
    for name in ("laptop", "tablet", "phone"):
        lab.pause_client(name)
    gateway.stop()
    gateway.start(env={**lab.gateway_environment, "LATCHKEY_GATEWAY_CERTIFICATE_LIFE": "20s"})
    try:
        client = lab.client("shortlived", "away-c")
        lab.mirror(lab.server_udn, client)
        line = client.process.wait_for("certificate was renewed", timeout=20)
        client.kill()
        time.sleep(0.2)
        client.start()
        lab.mirror(lab.server_udn, client)
        time.sleep(12)
        lab.mirror(lab.server_udn, client)
        client.stop()
        kept = gateway.json("clients")
        expect(kept, "the gateway lists nobody")
    finally:
        gateway.stop()
        gateway.start(env=lab.gateway_environment)
    return f"{line.strip()[:100]}; killed after it, it came back with it, and still mirrors 12 s later"


@step("killed at any moment while its certificate is renewed, client or gateway, the two find together again without a new pairing")
def certificates_renewal_killed(lab: Laboratory):
    gateway, chance = lab.gateway, random.Random(seed := random.randrange(1 << 32))
    for name in ("laptop", "tablet", "phone"):
        lab.pause_client(name)
    settings = {**lab.gateway_environment, "LATCHKEY_GATEWAY_CERTIFICATE_LIFE": f"{RENEWED_LIFE}s"}
    gateway.stop()
    gateway.start(env=settings)
    killed = {"client": 0, "gateway": 0}
    before = _chain(client := lab.client("often-killed", "away-c"))
    renewed = 0
    try:
        lab.mirror(lab.server_udn, client)
        for moment in range(RENEWAL_KILLS):
            # Half of a life is when the renewal begins: the blows fall around it and after it.
            time.sleep(chance.uniform(0.1, RENEWED_LIFE / 2 + 1))
            victim = chance.choice(("client", "gateway"))
            killed[victim] += 1
            if victim == "client":
                client.kill()
                client.start()
            else:
                gateway.kill()
                gateway.start(env=settings)
            try:
                lab.mirror(lab.server_udn, client)
            except LabError as error:
                raise LabError(f"seed {seed}, blow {moment} ({victim}): {error}") from error
            renewed += (after := _chain(client)) != before
            before = after
        expect(renewed > RENEWAL_KILLS // 4, f"only {renewed} renewals in {RENEWAL_KILLS} kills, seed {seed}")
        client.stop()
    finally:
        gateway.stop()
        gateway.start(env=lab.gateway_environment)
    return (
        f"{killed['client']} kills of the client, {killed['gateway']} of the gateway, seed {seed}: it came back each time, "
        f"{renewed} times with another certificate"
    )


def _chain(client: Client) -> str:
    """The certificates that the client keeps."""
    base = sqlite3.connect(f"file:{client.state / 'away.sqlite'}?mode=ro", uri=True)
    (chain,) = base.execute("SELECT chain FROM gateways").fetchone()
    base.close()
    return chain


@step("the audit log verifies, an administrator's client holds its head, and a rewritten log is noticed by it")
def audit_noticed(lab: Laboratory):
    gateway, laptop = lab.gateway, lab.laptop
    state = ("--state", gateway.state)
    said = gateway.command("audit", "verify", *state).stdout.strip()
    head = lab.wait_until(
        lambda: laptop.command("away", "audit-head", "--state", laptop.state, check=False).stdout.strip(), 20,
        "the laptop holds no head",
    )
    against = gateway.command("audit", "verify", "--against", head, *state).stdout.strip()
    found = gateway.command("audit", "search", "--limit", "5", "--json", *state).stdout.splitlines()
    expect(found, "the log is empty")
    exported = lab.work / "audit.jsonl"
    gateway.command("audit", "export", "--out", str(exported), *state)
    text = exported.read_text()
    leaked = [address for address in lab.plan.home_addresses if f'"{address}' in text]
    expect(not leaked and "http://" not in text, f"the log holds addresses or URLs: {leaked}")
    gateway.stop()
    base = sqlite3.connect(gateway.state / "gateway.sqlite")
    base.execute("UPDATE audit_entries SET client = 'nobody' WHERE sequence = (SELECT min(sequence) + 2 FROM audit_entries)")
    base.commit()
    edited = gateway.command("audit", "verify", *state, check=False)
    expect(edited.returncode == 1 and "altered" in edited.stderr, f"an edited entry was not noticed: {edited.stderr}")
    # The tail and its checkpoints go: the gateway by itself cannot know, the client does.
    base.execute("DELETE FROM audit_entries")
    base.execute("DELETE FROM audit_checkpoints")
    base.execute("UPDATE audit_size SET entries = 0, bytes = 0")
    base.commit()
    base.close()
    gateway.start(env=lab.gateway_environment)
    # The log is compared over each carrier as soon as it stands.
    complaint = laptop.process.wait_for("tampered with", timeout=20)
    noticed = gateway.command("audit", "verify", "--against", head, *state, check=False)
    expect(noticed.returncode == 1, "a log that was begun anew extends the old head")
    # The steps that follow have a client that knows nothing of this.
    laptop.stop()
    held = sqlite3.connect(laptop.state / "away.sqlite")
    held.execute("DELETE FROM audit_heads")
    held.commit()
    held.close()
    return f"{said}\n{against[-90:]}\nedited: {edited.stderr.strip()[:110]}\nthe client: {complaint.strip()[:160]}"
