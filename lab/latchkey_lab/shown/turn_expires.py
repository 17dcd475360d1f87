"""TURN credentials that end while a stream runs over the server that they open."""

import time
from pathlib import Path

from ..laboratory import Laboratory
from ..nat.grid import STUN_PORT, start_turn
from ..nat.pair import Pair
from ..nat.world import SERVER
from ..processes import Process
from ..steps import expect, step
from ..traversal import SECRET, ephemeral

#: How long credentials are good, an allocation lasts, and a nonce serves, in seconds.
_LIFE, _ALLOCATION, _NONCE = 12, 20, 8


def _coturn(pair: Pair) -> Process:
    server = start_turn(
        pair.world.server, pair.work, pair.logs, "--use-auth-secret", f"--static-auth-secret={SECRET}",
        f"--max-allocate-lifetime={_ALLOCATION}", f"--stale-nonce={_NONCE}",
    )  # fmt: skip
    server.wait_for("UDP listener opened on", timeout=10)
    return server


def _write(file: Path, seconds: float) -> None:
    """New credentials, as a job would fetch them: in one step."""
    user, password = ephemeral(seconds)
    draft = file.with_suffix(".new")
    draft.write_text(f"# good for {seconds:.0f} s\n{user}:{password}@{SERVER}:{STUN_PORT}\n")
    draft.rename(file)


@step("TURN credentials that end in a running session: nonces go stale, the server forgets, expired ones are refused; new ones are read from a file")
def traversal_credentials_end(lab: Laboratory):
    with Pair(lab, "symmetric", "symmetric", "credentials-end") as pair:
        server = _coturn(pair)
        file = pair.work / "turn-servers"
        _write(file, _LIFE)
        pair.start({"LATCHKEY_GATEWAY_TURN_FILE": str(file)}, {"LATCHKEY_AWAY_TURN_FILE": str(file)}, options=("--silence", "4"))
        pair.wait_for_path("turn", 15)
        radio = pair.listen("Radio")
        # Over the credentials' end, two refreshes of the allocation and several nonces.
        time.sleep(_ALLOCATION + 5)
        expect(pair.path == "turn" and not radio.fault, f"with an allocation that stands: {pair.paths}, {radio.fault}")
        stale, refreshed = (server.output().count(word) for word in ("438", "refreshed"))
        kept = radio.take_stall()
        # The server forgets everything: whoever refreshes has to prove himself anew, with credentials that have ended.
        server.kill()
        killed = time.monotonic()
        server = _coturn(pair)
        pair.wait_for_path("relay", 40)
        fell = time.monotonic() - killed
        time.sleep(8)
        refused = server.output().count("401")
        expect(pair.path == "relay" and not radio.fault, f"with credentials that have ended: {pair.paths}, {radio.fault}")
        lost = radio.take_stall()
        expect(refused and "processed, success" not in server.output(), f"the server did not refuse them: {server.output()[-300:]}")
        # The control: the same server, with credentials that are good.
        _write(file, 3600)
        climbed = pair.wait_for_path("turn", 60)
        time.sleep(3)
        moved = radio.take_stall()
        radio.stop()
        expect(not radio.fault, f"the radio: {radio.fault}")
    return (
        f"credentials of {_LIFE} s: {stale} stale nonces (438) and {refreshed} refreshes, longest stall {kept:.1f} s; the server forgot: "
        f"refused {refused} times (401), over the relay {fell:.1f} s later (4 s of silence are allowed), longest stall {lost:.1f} s; new "
        f"ones in the file: back {climbed:.1f} s later, longest stall {moved:.1f} s; {radio.received >> 10} KiB of radio without a gap"
    )
