"""Direct paths over UDP: real NATs, a real TURN server, and an ICE stack of somebody else."""

import time

from ..laboratory import Laboratory
from ..steps import expect, step
from ..traversal import PASSWORD, SERVER, USER, TraversalStage, connect, ephemeral, exchange

STUN = ("--stun", f"{SERVER}:3478")
ROOTS = "turn.pem"


def _turn(transport: str, user: str = USER, password: str = PASSWORD) -> tuple:
    port = 5349 if transport == "tls" else 3478
    return ("--turn", f"{transport},{SERVER}:{port},{user},{password}")


@step("NAT behaviour: our probe tells port-restricted from symmetric NATs, and a blocked network, by coturn's two addresses")
def traversal_nat_behaviour(lab: Laboratory):
    told = []
    for left, right in (("port-restricted", "symmetric"), ("udp-blocked", "symmetric")):
        with TraversalStage(lab, left, right) as stage:
            stage.coturn().wait_for("UDP listener opened on", timeout=10)
            for side, kind in (("left", left), ("right", right)):
                said = stage.nat(side)
                wanted = {
                    "port-restricted": "mapping=endpoint-independent filtering=address-and-port-dependent",
                    "symmetric": "mapping=address-and-port-dependent filtering=address-and-port-dependent",
                    "udp-blocked": "mapping=unknown filtering=unknown",
                }[kind]
                expect(wanted in said, f"a {kind} NAT is said to be: {said}")
                told.append(f"{kind}: {said}")
    return "\n".join(dict.fromkeys(told))


@step("Hole punching: two port-restricted NATs are passed directly by our own ends, and by ours with aioice, in both roles")
def traversal_punched(lab: Laboratory):
    told = []
    for name in ("ours", "aioice controlled", "aioice controlling"):
        with TraversalStage(lab, "port-restricted", "port-restricted") as stage:
            stage.coturn().wait_for("UDP listener opened on", timeout=10)
            if name == "ours":
                left, right = stage.end("left", *STUN), stage.end("right", *STUN, role="controlled")
            else:
                theirs = name.split()[1]
                ours = "controlled" if theirs == "controlling" else "controlling"
                left, right = stage.end("left", *STUN, role=ours), stage.foreign_end("right", theirs, SERVER)
            took = connect(left, right, timeout=30)
            expect(took >= 0, f"{name}: no route in 30 s; ours said {left.process.output()[-300:]}")
            expect(left.route().split()[1] == "punched", f"{name}: the route is {left.route()}")
            expect(exchange(left, right, "hello"), f"{name}: data did not pass both ways")
            told.append(f"{name}: {took * 1000:.0f} ms, {left.route()}")
    return "\n".join(told)


@step("TURN: where no direct way is, coturn relays, over UDP, TCP and TLS, between our ends and with aioice")
def traversal_relayed(lab: Laboratory):
    told = []
    cases = [("symmetric", "symmetric", transport, False) for transport in ("udp", "tcp", "tls")]
    cases += [("udp-blocked", "port-restricted", "tls", False), ("symmetric", "symmetric", "udp", True)]
    for left_kind, right_kind, transport, is_foreign in cases:
        with TraversalStage(lab, left_kind, right_kind) as stage:
            stage.coturn().wait_for("UDP listener opened on", timeout=10)
            options = (*STUN, *_turn(transport), "--roots", stage.work / ROOTS)
            left = stage.end("left", *options)
            if is_foreign:
                right = stage.foreign_end("right", "controlled", SERVER, "udp", USER, PASSWORD)
            else:
                right = stage.end("right", *options, role="controlled")
            took = connect(left, right, timeout=30)
            case = f"{left_kind} and {right_kind}, {transport}{', aioice' if is_foreign else ''}"
            expect(took >= 0, f"{case}: no route in 30 s; left said {left.process.output()[-300:]}")
            expect(exchange(left, right, "hello"), f"{case}: data did not pass both ways")
            expect(left.route().split()[1] == "relayed" or is_foreign, f"{case}: the route is {left.route()}")
            told.append(f"{case}: {took * 1000:.0f} ms, {left.route()}")
    return "\n".join(told)


@step("Path choice: a direct path that is cut gives way to the relay within seconds, and comes back when it is mended")
def traversal_climbs(lab: Laboratory):
    with TraversalStage(lab, "port-restricted", "port-restricted") as stage:
        stage.coturn().wait_for("UDP listener opened on", timeout=10)
        options = (*STUN, *_turn("udp"))
        left, right = stage.end("left", *options), stage.end("right", *options, role="controlled")
        is_punched = lambda route: "punched" in route  # noqa: E731
        expect(connect(left, right, until=is_punched) >= 0, f"no direct route: {left.route()}")
        time.sleep(1)
        stage.cut_direct(True)
        cut = time.monotonic()
        fell = connect(left, right, timeout=30, until=lambda route: "relayed" in route)
        expect(fell >= 0, f"the relay did not take over in 30 s: {left.route()}")
        expect(exchange(left, right, "by relay"), "data did not pass over the relay")
        stage.cut_direct(False)
        mended = time.monotonic()
        climbed = connect(left, right, timeout=90, until=is_punched)
        expect(climbed >= 0, f"the direct path did not come back in 90 s: {left.route()}")
        expect(exchange(left, right, "direct again"), "data did not pass over the direct path")
        expect(fell < 12, f"it took {fell:.1f} s to fall back")
        return f"fell back after {mended - cut:.1f} s (with the proof), climbed back {climbed:.1f} s after the mending"


@step("TURN credentials that have expired are refused with a reason, and new ones bring the relay, without a new session")
def traversal_expired(lab: Laboratory):
    with TraversalStage(lab, "symmetric", "symmetric") as stage:
        server = stage.coturn(shared_secret=True, lifetime=20)
        server.wait_for("UDP listener opened on", timeout=10)
        left = stage.end("left", *_turn("udp", *ephemeral(-60)))
        right = stage.end("right", *_turn("udp", *ephemeral(3600)), role="controlled")
        said = left.process.wait_for("relay-ended", timeout=10)
        expect("credentials" in said, f"expired credentials ended with: {said}")
        left.process.say("relay " + ",".join(("udp", f"{SERVER}:3478", *ephemeral(3600))))
        took = connect(left, right)
        expect(took >= 0 and exchange(left, right, "hello"), "new credentials brought no relay")
        # Allocations of twenty seconds are refreshed several times.
        time.sleep(45)
        expect(exchange(left, right, "still there"), "the relay did not last")
        server.kill()
        ended = right.process.wait_for("relay-ended", timeout=70)
        return f"{said}; new ones: {took * 1000:.0f} ms; lasted over refreshes; server killed: {ended}"
