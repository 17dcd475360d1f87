"""What crosses the switch: looked at as the specification has it."""

import collections
import re
import zlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .. import ssdp, upnp
from ..capture import payload_bytes
from ..groups import wire
from ..groups.lan import MULTICAST
from ..groups.stage import BOARD
from ..laboratory import Laboratory
from ..steps import expect, step

PORTS = {58080, 58081, 58082}


@step("on the switch nothing but sealed data and the control that is clear by design: every datagram is read by the specification")
def group_sealed(lab: Laboratory):
    stage = lab.groups
    _ = stage.members, stage.plain_device
    code = stage.gateway.enrol("late", "server")
    capture = stage.capture("sealed")
    late = stage.device("late", "many-1", code)
    late.start("--answer", "an answer that nobody may read", "--insecure-test-derivation", offers=(BOARD,))
    late.registered()
    stage.converged(stage.epoch, stage.servers)
    words = "a request that nobody may read"
    for client in stage.clients[:4]:
        expect(client.ask(BOARD, words), f"nobody answered {client.name}")
    expect(late.stop() == 0, "the late server did not leave")
    pcap = capture.stop()
    kinds, sealed, packets, clear = collections.Counter(), [], 0, b""
    keys: dict[int, Ed25519PublicKey] = {}
    group = None
    for seen in wire.datagrams(pcap):
        plain = 1900 in (seen.source_port, seen.target_port) or 5353 in (seen.source_port, seen.target_port)
        if not seen.claims:
            ours = PORTS & {seen.source_port, seen.target_port} or seen.target in MULTICAST
            expect(plain or not ours, f"not SUPnP, on a group's port: {seen.payload[:40]!r} from {seen.source}")
            continue
        try:
            message = wire.Datagram(seen.payload)
        except wire.NotSUPnP as fault:
            expect(False, f"{seen.source}:{seen.source_port} to {seen.target}:{seen.target_port}: {fault}")
        packets += 1
        kinds[message.kind] += 1
        expect(seen.hops <= 2, f"{message.kind} with a hop limit of {seen.hops}")
        if message.kind.startswith("sealed"):
            sealed.append(message.ciphertext)
        else:
            clear += seen.payload
        if message.kind == "BEACON":
            group = message.tags[wire.GROUP_ID]
            certificate = message.tags[wire.CERTS][:114]
            keys[int.from_bytes(certificate[:4])] = Ed25519PublicKey.from_public_bytes(certificate[18:50])
    for wanted in ("BEACON", "REKEY", "REG_REQUEST", "REG_REPLY", "REG_RESPONSE", "REG_VERIFY", "REG_CONFIRM", "REG_DONE",
                   "sealed for the group", "sealed for one: data", "sealed for one: control"):  # fmt: skip
        expect(kinds[wanted], f"no {wanted} in the capture, which is to show all: {dict(kinds)}")
    signed = _check_signatures(pcap, keys, group)
    everything = payload_bytes(pcap)
    for secret in (words, "an answer that nobody may read", "heard you", code, BOARD, "urn:lab:service"):
        for form in (secret.encode(), secret.encode("utf-16-le"), secret.replace("-", "").encode()):
            expect(form not in everything, f"{secret!r} crosses in clear")
    expect(b"late" not in clear.replace(b"\x00\x01\x00\x04late", b""), "an id stands elsewhere than in DEVICE_ID")
    ids = {found.decode() for found in re.findall(rb"\bm[0-2][0-9]\b", clear)}
    expect(not ids, f"ids of members that did not register meanwhile: {sorted(ids)}")
    body = b"".join(dict.fromkeys(sealed))  # what goes to both families is sealed once
    expect(len(zlib.compress(body, 9)) > len(body), "what is sealed can be compressed")
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"{packets} datagrams, hop limit 2 or less: {counted}; {signed} signatures of the key manager hold; {_plain_goes_on(stage)}"


def _check_signatures(pcap, keys, group) -> int:
    """Every BEACON and REKEY is signed by the key manager that the beacons' certificate names."""
    count = 0
    for seen in wire.datagrams(pcap):
        if not seen.claims or (message := wire.Datagram(seen.payload)).kind not in ("BEACON", "REKEY"):
            continue
        signer = message.rekey.signer if message.kind == "REKEY" else int.from_bytes(message.tags[wire.CERTS][:4])
        wire.verify_signature(message, keys[signer], group)
        count += 1
    return count


def _plain_goes_on(stage) -> str:
    """A control point that knows nothing of groups uses a device that knows nothing of them, beside all this."""
    control, address = stage.host("control"), stage.lan.address("control")
    answers = ssdp.search(control, address, "upnp:rootdevice", seconds=2)
    found = [one for one in answers if one.source == stage.lan.address("plain")]
    expect(found, "the plain device does not answer a search")
    with control.inside():
        description = upnp.describe(found[0].location)
        item = upnp.find_item(description.control_url("ContentDirectory"), "Photo", "64", 1)
        photo = upnp.request("GET", item.resources[0])
    expect(photo.status == 200, f"its photograph: {photo.status}")
    listed = control.run("upnpc", "-m", "eth0", "-l", check=False, timeout=15)
    seen = "Basic:1" in listed.stdout or "MediaServer" in listed.stdout
    return f"beside it: {description.name} found, browsed, {len(photo.body)} bytes fetched" + (", upnpc lists both" if seen else "")
