"""A stream without an end and without a way back, while its path is cut, moved and restored."""

import time

from ..laboratory import Laboratory
from ..nat.grid import STUN_PORT, start_turn
from ..nat.pair import Pair
from ..nat.world import SERVER
from ..steps import expect, step

_NO_UDP = "table ip no-udp { chain forward { type filter hook forward priority -10; meta l4proto udp drop; }; }"
#: For so long the gateway keeps a stream that nobody reads, in seconds.
_PATIENCE = 15


@step("a radio without ranges or validators goes on without a gap from relay to hole, back, and through a dead line; one away too long ends in plain sight")
def relay_radio(lab: Laboratory):
    told = []
    stun = f"{SERVER}:{STUN_PORT}"
    with Pair(lab, "port", "port", "radio") as pair:
        start_turn(pair.world.server, pair.work, pair.logs, "--no-auth").wait_for("UDP listener opened on", timeout=10)
        pair.start({"LATCHKEY_GATEWAY_STUN": stun}, {"LATCHKEY_AWAY_STUN": stun}, options=("--silence", "4"))
        radio = pair.listen("Radio")
        router = pair.home.routers[-1]

        def plays(what: str, took: float) -> None:
            """From there on it plays for two seconds, and tells of the pause before."""
            before = radio.received
            lab.wait_until(lambda: radio.fault or radio.received > before + (2 << 20), 20, f"{what}: the radio stands")
            expect(not radio.fault, f"{what}: {radio.fault}")
            told.append(f"{what} after {took:.1f} s, longest stall {radio.take_stall():.1f} s")

        plays("through the hole", pair.wait_for_path("punched", 20))
        for _ in range(2):
            router.nft(_NO_UDP)
            plays("UDP cut: over the relay", pair.wait_for_path("relay", 20))
            router.run("nft", "delete", "table", "ip", "no-udp")
            plays("UDP again: through the hole", pair.wait_for_path("punched", 40))
        begun, count = time.monotonic(), len(pair.events.named("connected"))
        pair.home.cut()
        time.sleep(7)
        pair.home.mend()
        lab.wait_until(lambda: len(pair.events.named("connected")) > count, 30, "the client did not come back")
        plays("nothing at all for 7 s: connected", time.monotonic() - begun)
        expect(pair.events.named("disconnected"), "the line was dead, and the client did not notice")
        moves, received = len(pair.paths) - 1, radio.received
        # The control: what cannot go on is seen to end, and every byte before that is right.
        pair.home.cut()
        begun = time.monotonic()
        lab.wait_until(lambda: radio.fault, 60, f"a radio whose path was dead for longer than {_PATIENCE} s does not end")
        ended = time.monotonic() - begun
        pair.home.mend()
        expect(ended > _PATIENCE, f"it was given up after {ended:.0f} s already")
        expect(radio.fault.startswith(("ended", "IncompleteRead")), f"after a dead line it goes on with {radio.fault}")
    told.append(f"{received >> 10} KiB without a gap over {moves} changes of path; over a line that stays dead it ended after {ended:.0f} s")
    return "\n".join(told)
