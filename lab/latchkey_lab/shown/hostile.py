"""Peers that mean harm, or are broken, in the home and on the internet: bounded cost, a clear error, no stop."""

import contextlib
import os
import socket
import ssl
import time

from .. import upnp
from ..codes import Code
from ..devices import Device, description, send
from ..laboratory import Laboratory
from ..latchkey import Client
from ..steps import expect, step
from ..topology import HOME_WAN, TUNNEL_PORT
from .load import MEBIBYTE
from .media_paths import media_url

_XML = b'<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">'


def _begin(handler, length: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/xml")
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.end_headers()


def _for_ever(handler, chunk: bytes, pause: float = 0, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        handler.wfile.write(chunk)
        if pause:
            time.sleep(pause)


def _never_ends(handler, _path):
    _begin(handler)
    handler.wfile.write(_XML)
    _for_ever(handler, b"<device/>" * 1000)


def _gigabyte(handler, _path):
    _begin(handler, 1 << 30)
    handler.wfile.write(_XML)
    _for_ever(handler, b" " * 65536)


def _deep(handler, _path):
    send(handler, _XML + b"<a>" * 100_000)


def _slow(handler, _path):
    _begin(handler, 100_000)
    _for_ever(handler, b" ", pause=0.2)


def _endless_headers(handler, _path):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    _for_ever(handler, b"X-Again: " + b"a" * 1000 + b"\r\n")


def _entities(handler, _path):
    send(handler, b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><root>&b;</root>')


def _elsewhere(handler, _path):
    handler.send_response(302)
    handler.send_header("Location", "http://192.168.37.1/description.xml")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


_MANNERS = {
    "never ends": _never_ends,
    "a gigabyte": _gigabyte,
    "100,000 deep": _deep,
    "a byte at a time": _slow,
    "endless headers": _endless_headers,
    "entities": _entities,
    "redirects to the router": _elsewhere,
}


@step("a renderer cannot be told to fetch from the home's router, or an address that was not issued")
def no_foreign_url(lab: Laboratory):
    url = media_url(lab, "Clip")
    location = lab.mirror(lab.renderer.udn)
    forged = url[:-9] + ("A" if url[-9] != "A" else "B") + url[-8:]
    attempts = {
        "the router": f"http://{lab.plan.home}.1/",
        "the media server by its own address": f"http://{lab.server.address}:8200/MediaItems/23.mp4",
        "a token with one letter changed": forged,
        "the gateway's loopback": "http://127.0.0.1/",
    }
    refused = []
    with lab.laptop.host.inside():
        renderer = upnp.describe(location)
        for name, target in attempts.items():
            try:
                upnp.invoke(
                    renderer, "AVTransport", "SetAVTransportURI", InstanceID=0, CurrentURI=target, CurrentURIMetaData=""
                )
            except upnp.UPnPFault as fault:
                refused.append(f"{name}: {fault}")
                expect(lab.plan.home not in str(fault), f"the refusal names a home address: {fault}")
                continue
            expect(False, f"{name} was accepted: {target}")
        changed = upnp.request("GET", forged).status
        expect(changed in (403, 404), f"a changed token was answered with {changed}")
    return "\n".join(refused) + f"\nGET of the changed token: {changed}"


def _udn(number: int) -> str:
    return f"uuid:bad00000-0000-4000-8000-{number:012d}"


@step("seven hostile devices at home: descriptions that never end, a gigabyte, deep, slow, redirected")
def hostile_descriptions(lab: Laboratory):
    lab.mirror(lab.server_udn)
    before = lab.gateway.process.resident_bytes()
    peak, host, address = before, lab.host("home-d"), lab.address("home-d")
    with contextlib.ExitStack() as stack:
        devices = [
            stack.enter_context(Device(host, address, _udn(number), manner))
            for number, manner in enumerate(_MANNERS.values())
        ]
        end = time.monotonic() + 12
        while time.monotonic() < end:
            peak = max(peak, lab.gateway.process.resident_bytes())
            time.sleep(0.1)
        with lab.laptop.host.inside():
            good = upnp.describe(lab.mirror(lab.server_udn))
            upnp.invoke(good, "ConnectionManager", "GetProtocolInfo")
        asked = {name: len(device.requests) for name, device in zip(_MANNERS, devices)}
        output = lab.gateway.process.output()
    growth = (peak - before) / MEBIBYTE
    expect(lab.gateway.alive, "the gateway ended")
    expect(growth <= 64, f"the gateway grew by {growth:.0f} MiB")
    unasked = [name for name, count in asked.items() if not count]
    expect(not unasked, f"never asked, so nothing was shown: {unasked}")
    excessive = {name: count for name, count in asked.items() if count > 40}
    expect(not excessive, f"asked too often in 12 s: {excessive}")
    said = [line for line in output.splitlines() if any(_udn(number) in line for number in range(len(_MANNERS)))]
    said += [line for line in output.splitlines() if address in line]
    expect(said, "the gateway says nothing about any of them")
    return f"+{growth:.0f} MiB at most; requests {asked}\nit says: {said[-1].strip()[:180]}"


@step("a device whose answers to actions, media and events never come does not hold up the others")
def hostile_answers(lab: Laboratory):
    services = "".join(
        f"<service><serviceType>urn:schemas-upnp-org:service:SwitchPower:1</serviceType><serviceId>urn:upnp-org:serviceId:{n}"
        f"</serviceId><SCPDURL>/scpd</SCPDURL><controlURL>/{n}</controlURL><eventSubURL>/event</eventSubURL></service>"
        for n in ("silent", "endless")
    )
    scpd = (
        b'<?xml version="1.0"?><scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>0</minor>'
        b"</specVersion><actionList><action><name>GetStatus</name></action></actionList><serviceStateTable>"
        b'<stateVariable sendEvents="no"><name>Status</name><dataType>boolean</dataType></stateVariable></serviceStateTable></scpd>'
    )
    udn = _udn(100)

    def answer(handler, path):
        if path == "/description.xml":
            send(handler, description(udn, "Hostile", f"<serviceList>{services}</serviceList>"))
        elif path == "/scpd":
            send(handler, scpd)
        elif path == "/endless":
            _begin(handler)
            _for_ever(handler, b"<s:Envelope>" * 1000)
        else:
            time.sleep(60)

    before = lab.gateway.process.resident_bytes()
    with Device(lab.host("home-d"), lab.address("home-d"), udn, answer):
        location = lab.mirror(udn)
        results = {}
        with lab.laptop.host.inside():
            bad = upnp.describe(location)
            good = upnp.describe(lab.mirror(lab.server_udn))
            for name, service in zip(("silent", "endless"), bad.services):
                started = time.monotonic()
                try:
                    upnp.read_soap(upnp.soap(service.control, service.type, "GetStatus", {}, timeout=45))
                    results[name] = "an answer"
                except (upnp.UPnPFault, OSError) as error:
                    results[name] = f"{error} after {time.monotonic() - started:.1f} s"
            started = time.monotonic()
            upnp.invoke(good, "ConnectionManager", "GetProtocolInfo")
            meanwhile = time.monotonic() - started
    growth = (lab.gateway.process.resident_bytes() - before) / MEBIBYTE
    expect(growth <= 64, f"the gateway grew by {growth:.0f} MiB")
    for name, result in results.items():
        expect("timed out after 45" not in result and result != "an answer", f"{name}: {result}")
    return f"{results}; another device answered in {meanwhile * 1000:.0f} ms; +{max(growth, 0):.0f} MiB"


@step("a device whose LOCATION is somewhere else: nothing is fetched from there")
def location_elsewhere(lab: Laboratory):
    lab.mirror(lab.server_udn)
    victims = {
        "the router": (lab.host("home-gw"), f"{lab.plan.home}.1"),
        "another host": (lab.host("home-e"), lab.address("home-e")),
        "the gateway itself": (lab.host("home-a"), lab.address("home-a")),
    }
    touched = []
    with contextlib.ExitStack() as stack:
        for number, (name, (host, address)) in enumerate(victims.items()):
            ear = stack.enter_context(host.socket())
            ear.bind((address, 0))
            ear.listen()
            ear.setblocking(False)
            liar = stack.enter_context(Device(lab.host("home-d"), lab.address("home-d"), _udn(200 + number), _deep))
            liar.location = f"http://{address}:{ear.getsockname()[1]}/description.xml"
            touched.append((name, ear))
        time.sleep(5)
        reached = []
        for name, ear in touched:
            with contextlib.suppress(BlockingIOError):
                ear.accept()[0].close()
                reached.append(name)
    expect(not reached, f"the gateway connected to {reached}, which a device at another address named")
    return f"{', '.join(victims)}: no connection in 5 s"


# From the internet.


def _connect(lab: Laboratory, timeout: float = 5) -> socket.socket:
    connection = lab.host("inet").socket()
    connection.settimeout(timeout)
    connection.connect((HOME_WAN, TUNNEL_PORT))
    return connection


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@step("1,000 connections that say nothing: the paired client is served meanwhile, and they are closed")
def thousand_connections(lab: Laboratory, count: int = 1000):
    url = media_url(lab, "Photo")
    before = lab.gateway.process.resident_bytes()
    connections, refused = [], 0
    started = time.monotonic()
    try:
        for _ in range(count):
            try:
                connections.append(_connect(lab, 2))
            except OSError:
                refused += 1
        with lab.laptop.host.inside():
            asked = time.monotonic()
            status = upnp.request("GET", url).status
            took = time.monotonic() - asked
        growth = (lab.gateway.process.resident_bytes() - before) / MEBIBYTE
        expect(status == 200, f"the client's photograph was answered with {status}")
        lab.wait_until(lambda: all(_is_closed(one) for one in connections), 40, "silent connections are not closed", 0.5)
        held = time.monotonic() - started
    finally:
        for one in connections:
            one.close()
    expect(growth <= 96, f"the gateway grew by {growth:.0f} MiB")
    return (
        f"{len(connections)} taken, {refused} refused; photograph in {took * 1000:.0f} ms meanwhile; "
        f"+{growth:.0f} MiB; all closed after {held:.0f} s"
    )


@step("garbage in place of TLS, broken handshakes and strangers' handshakes change nothing")
def garbage(lab: Laboratory):
    url = media_url(lab, "Photo")
    before = lab.gateway.process.resident_bytes()
    hello = _client_hello()
    offers = [
        lambda: os.urandom(4096),
        lambda: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100),
        lambda: hello[: len(hello) // 2],
        lambda: hello + os.urandom(2000),
        lambda: b"\x16\x03\x01\xff\xff" + bytes(65535),
    ]
    for number in range(240):
        with contextlib.suppress(OSError), _connect(lab, 2) as connection:
            connection.sendall(offers[number % len(offers)]())
            connection.settimeout(0.02)
            connection.recv(100)
    answers = {}
    for protocol in ("h2", "latchkey/1", "latchkey-pair/1", "http/1.1"):
        answers[protocol] = _stranger(lab, protocol)
    with lab.laptop.host.inside():
        status = upnp.request("GET", url).status
    growth = (lab.gateway.process.resident_bytes() - before) / MEBIBYTE
    expect(status == 200, f"the client's photograph was answered with {status}")
    expect(growth <= 64, f"the gateway grew by {growth:.0f} MiB")
    expect(not any(b"HTTP/1.1 200" in answer for answer in answers.values()), f"a stranger was served: {answers}")
    return f"240 broken openings, +{max(growth, 0):.0f} MiB; strangers without a certificate: " + "; ".join(
        f"{protocol}: {answer[:60]!r}" for protocol, answer in answers.items()
    )


def _client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="gateway.example").do_handshake()
    return outgoing.read()


def _stranger(lab: Laboratory, protocol: str) -> bytes:
    """What a client without a certificate is told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    try:
        with _connect(lab) as plain, context.wrap_socket(plain) as secured:
            secured.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return secured.recv(200)
    except (OSError, ssl.SSLError) as error:
        return f"{getattr(error, 'reason', None) or error}".encode()


@step("a pairing code guessed at speed is void after a few guesses, and its owner is told")
def guessed_code(lab: Laboratory):
    issued = lab.gateway.pair("victim", "--preset", "full")["code"]
    code = Code.read(issued)
    said = []
    started = time.monotonic()
    for number in range(12):
        guesser = Client("guesser", lab.binaries, lab.host("away-b"), lab.address("away-b"),
                         lab.work / f"guesser-{number}", lab.logs)  # fmt: skip
        done = guesser.pair(code.with_wrong("secret", number), check=False)
        expect(done.returncode == 1, f"guess {number} was taken")
        said.append((done.stderr or done.stdout).strip().splitlines()[-1])
    took = time.monotonic() - started
    owner = Client("victim", lab.binaries, lab.host("away-c"), lab.address("away-c"), lab.work / "victim", lab.logs)
    done = owner.pair(issued, check=False)
    sentence = (done.stderr or done.stdout).strip().splitlines()[-1]
    expect(done.returncode == 1, "the code still works after 12 wrong guesses")
    expect("wrongly" in sentence or "guess" in sentence or "void" in sentence, f"the owner is told: {sentence}")
    lab.mirror(lab.server_udn)
    return f"12 guesses in {took:.1f} s; first: {said[0][-90:]}\nits owner is told: {sentence[-140:]}"
