"""Who checks private addresses, and when: a client on the home's own LAN, and one on another LAN with the same network."""

import json
import time

from ..capture import Capture, fields
from ..laboratory import Laboratory
from ..same_link import LAN, SameLinkStage
from ..steps import expect, step

_COOKIE = "2112a442"


def _within(capture: Capture) -> tuple[list[tuple[str, str]], int]:
    """STUN requests that went from one private address to another, and the questions to the link's group."""
    rows = fields(capture.stop(), "udp", "ip.src", "ip.dst", "udp.payload")
    private = [(src, dst, data.replace(":", "")) for src, dst, data in rows if src.startswith(f"{LAN}.")]
    checks = [(src, dst) for src, dst, data in private if dst.startswith(f"{LAN}.") and data[:4] == "0001" and data[8:16] == _COOKIE]
    return checks, sum(data.startswith(b"LKlink?1".hex()) for _, dst, data in private if dst.startswith("239."))


@step("A client on another LAN with the same 192.168.1.x makes the gateway send not one check into its home; one at home is proved and reached directly")
def same_link(lab: Laboratory):
    with SameLinkStage(lab) as stage:
        stage.start_home()
        home, away = (stage.host[name] for name in ("gateway", "far"))

        def watch(name):
            return [
                Capture(host, stage.work / f"{name}-{host.name}.pcap", "udp", "eth0") for host in (home, away)
            ]

        captures = watch("far")
        far = stage.client("far")
        far.process.wait_for("through a hole in both NATs", timeout=30)
        time.sleep(6)  # longer than the search for each other on the links
        (at_home, heard_home), (at_far, heard_far) = (_within(capture) for capture in captures)
        expect(not at_home, f"the gateway sent checks into its own home: {at_home[:3]}")
        expect(not at_far, f"the client sent checks into its own LAN: {at_far[:3]}")
        expect(heard_far == 5, f"the client asked {heard_far} times on its link, and five was promised")
        expect(heard_home == 0, "a question came to the home from elsewhere")
        far.stop()

        captures = watch("near")
        begun = time.monotonic()
        near = stage.client("near")
        line = near.process.wait_for(f"directly (udp {stage.address['gateway']}:", timeout=30)
        took = time.monotonic() - begun
        time.sleep(3)
        (at_home, heard_home), _ = (_within(capture) for capture in captures)
        expect((stage.address["gateway"], stage.address["near"]) in at_home, "the control failed: no check was seen at home")
        expect(heard_home >= 1, "the control failed: no question was seen at home")
        others = {dst for pair in at_home for dst in pair} - {stage.address["gateway"], stage.address["near"]}
        expect(not others, f"checks went to others at home: {others}")
        near.stop()
        return (
            f"far: reached through a hole, {heard_far} questions on its own link, 0 checks in either LAN; near: {line.strip()[-70:]} "
            f"{took:.1f} s after pairing began, {heard_home} question(s) and {len(at_home)} checks at home, between the two alone"
        )


@step("Both sides say the same of the two NATs between them, and why no hole can be punched")
def nat_both_sides(lab: Laboratory):
    with SameLinkStage(lab, home="symmetric", away="port-restricted") as stage:
        stage.start_home()
        far = stage.client("far")
        far.process.wait_for("connected to", timeout=30)

        def told():
            return (sessions := stage.gateway.json("sessions")) and sessions[0].get("nat")

        listed = lab.wait_until(told, 30, "the client did not tell the gateway of its NAT")
        at_home, away = (
            json.loads(one.command("doctor", "--state", one.state, "--json", timeout=60).stdout)
            for one in (stage.gateway, far)
        )

        def seen(nat):
            return nat["mapping"], nat["filtering"], nat["external"].rpartition(":")[0]

        hard, soft = "address-and-port-dependent", "endpoint-independent"
        home_nat, far_nat = (hard, hard, "198.51.100.2"), (soft, hard, "192.0.2.2")
        expect(seen(at_home["ownNAT"]) == home_nat, f"the gateway says of itself: {at_home['ownNAT']}")
        expect(seen(away["peerNAT"]) == home_nat, f"the client says of the gateway: {away.get('peerNAT')}")
        expect(seen(away["ownNAT"]) == far_nat, f"the client says of itself: {away.get('ownNAT')}")
        expect(seen(at_home["paths"][0]["nat"]) == far_nat, f"the gateway says of the client: {at_home['paths']}")
        expect(seen(listed) == far_nat, f"the list of sessions says: {listed}")
        why = [one for one in away["findings"] if "no hole can be punched" in one]
        expect(why and why[0].startswith("The other side's NAT"), f"the client's findings: {away['findings']}")
        hole = at_home["paths"][0].get("hole") or ""
        expect(hole.startswith("The home's NAT"), f"the gateway's sentence: {hole}")
        expect(LAN not in json.dumps(away.get("peerNAT")), "an address of the home's inside was told")
        return f"home {home_nat}, away {far_nat}, from both sides; the client: {why[0]}"
