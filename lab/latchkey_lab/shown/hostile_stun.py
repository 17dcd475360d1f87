"""A STUN server that lies to both ends: what it can make them do, beside an honest one in its place."""

import socket
import time

from ..capture import Capture, fields
from ..laboratory import Laboratory
from ..nat.grid import STUN_PORT, start_turn
from ..nat.liar import Liar, username
from ..nat.pair import Pair
from ..nat.world import SERVER
from ..steps import expect, step

_LIAR, _VICTIM = "198.18.6.10", "198.18.7.10"
_VICTIMS = [(_VICTIM, port) for port in (5060, 4433, 443)]
#: A check is sent so often (RFC 8445 §14.3), for each pair of an own address and a candidate of the peer's.
_SENDS = 6
_SECONDS = 18
#: Who looks at its NAT asks the server's other address twice, three times each (RFC 5780 §4.3): both ends once in five
#: minutes, and `doctor`.
_LOOKS = 3 * 6


def _settings(*servers: str) -> tuple[dict, dict]:
    named = ",".join(f"{server}:{STUN_PORT}" for server in servers)
    return {"LATCHKEY_GATEWAY_STUN": named}, {"LATCHKEY_AWAY_STUN": named}


def _packets(pcap, address: str) -> list[tuple[float, str, bytes]]:
    """When, from where, and with what somebody wrote to an address."""
    rows = fields(pcap, f"ip.dst == {address}", "frame.time_epoch", "ip.src", "udp.payload")
    return [(float(at), source, bytes.fromhex(data.replace(":", ""))) for at, source, data in rows]


def _listened(pair: Pair, radio) -> None:
    expect(not radio.fault, f"the radio: {radio.fault}")
    expect(radio.received > (_SECONDS - 5) << 19, f"{radio.received} bytes of radio in {_SECONDS} s")


@step("a STUN server that gives a victim's address as everybody's own: bounded checks reach the victim, no stream; the session stays where it is")
def traversal_stun_lies(lab: Laboratory):
    with Pair(lab, "port", "port", "stun-lies") as pair:
        server = pair.world.public_host("liar", _LIAR)
        victim = pair.world.public_host("victim", _VICTIM)
        liar = Liar(server, _LIAR, _VICTIMS)
        capture = Capture(victim, pair.work / "victim.pcap", "udp or tcp", "eth0")
        pair.start(*_settings(_LIAR))
        radio = pair.listen("Radio")
        time.sleep(_SECONDS)
        radio.stop()
        _listened(pair, radio)
        expect(set(pair.paths) == {"relay"}, f"the session went by {pair.paths}")
        words, _ = pair.doctor()
        # The capture sees what comes: a plain datagram of the server's, counted as no check.
        liar._own.sendto(b"seen", (_VICTIM, 9))
        packets = _packets(capture.stop(), _VICTIM)
        liar.close()
    others = [packet for packet in packets if packet[2] != b"seen"]
    expect(len(others) == len(packets) - 1, "the capture at the victim does not see what is sent there")
    checks: dict[str, list[float]] = {}
    questions = 0
    for at, source, data in others:
        name = username(data)
        if not name and data[:2] == b"\0\1":
            questions += 1
            continue
        expect(name, f"the victim got something that is no check from {source}: {data[:40].hex()}")
        checks.setdefault(name, []).append(at)
    most = max((len(times) for times in checks.values()), default=0)
    gaps = [later - former for times in checks.values() for former, later in zip(sorted(times), sorted(times)[1:])]
    expect(0 < most <= _SENDS, f"one search of one end sent {most} checks to the victim")
    expect(len(checks) <= 2 * 3, f"{len(checks)} searches in {_SECONDS} s, for two ends that begin after 0.1, 3 and 10 s")
    expect(questions <= _LOOKS, f"{questions} questions about a NAT reached the victim")
    expect(min(gaps) > 0.04, f"two checks within {min(gaps) * 1000:.0f} ms")
    line = next((line for line in words.splitlines() if _VICTIM in line), "")
    expect(line and _LIAR in line, f"doctor tells the lie and not whose it is: {line or words[-300:]}")
    size = sum(len(data) for _, _, data in others)
    return (
        f"{liar.asked} questions, {liar.sent} datagrams of the liar's; the victim got {sum(map(len, checks.values()))} checks of "
        f"{len(checks)} searches, {most} of each at most ({_SENDS} for each candidate are the bound, {min(gaps) * 1000:.0f} ms apart), and {questions} "
        f"questions to it as the server's other address, {size} bytes in all; "
        f"{radio.received >> 10} KiB of radio equal over the relay, longest stall {radio.longest_stall:.1f} s\n“{line.strip()}”"
    )


@step("the same with an honest STUN server beside the liar, who names a device of the home: a hole in both NATs, and nobody probes the home")
def traversal_stun_half_honest(lab: Laboratory):
    with Pair(lab, "port", "port", "stun-half-honest") as pair:
        server = pair.world.public_host("liar", _LIAR)
        start_turn(pair.world.server, pair.work, pair.logs, "--no-auth").wait_for("UDP listener opened on", timeout=10)
        printer = pair.home.address.rpartition(".")[0] + ".66"
        pair.home.routers[0].ip("address", "add", f"{printer}/24", "dev", "br0")
        liar = Liar(server, _LIAR, [(printer, port) for port in (9100, 80, 631)])
        capture = Capture(pair.home.host, pair.work / "home.pcap", f"host {printer}", "eth0")
        pair.start(*_settings(_LIAR, SERVER))
        radio = pair.listen("Radio")
        took = pair.wait_for_path("punched", 10)
        time.sleep(_SECONDS - took)
        radio.stop()
        _listened(pair, radio)
        paths = pair.paths
        expect(paths[-1] == "punched", f"the session ends up on {paths[-1]}, having gone by {paths}")
        kept = len(paths)
        # The capture sees what comes: the control.
        with pair.home.host.socket(socket.SOCK_DGRAM) as out:
            out.sendto(b"seen", (printer, 9))
        pcap = capture.stop()
        probes = fields(pcap, f"ip.addr == {printer} or arp", "frame.protocols", "udp.dstport")
        liar.close()
    others = [row for row in probes if row[1] != "9" and "arp" not in row[0]]
    expect(["eth:ethertype:ip:udp:data", "9"] in probes, f"the capture at home does not see what is sent there: {probes}")
    expect(not others, f"somebody probed the home: {others}")
    return (
        f"{liar.sent} datagrams of the liar's, before and after; by the relay, then {paths[-1]}, {kept} changes in all; no packet to "
        f"{printer}; {radio.received >> 10} KiB of radio equal, longest stall {radio.longest_stall:.1f} s"
    )
