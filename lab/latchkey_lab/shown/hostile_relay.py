"""A relay that does with the bytes whatever a relay can do."""

import time

from ..feed import MARKER
from ..laboratory import Laboratory
from ..nat.grid import RELAY_PORT
from ..nat.middle import Middle
from ..nat.pair import Pair
from ..nat.world import SERVER
from ..steps import expect, step

_MIDDLE = "198.18.8.10"
_RATE = 256 << 10


def _pair(lab: Laboratory, name: str) -> Pair:
    return Pair(lab, "port", "port", name, rate=_RATE)


def _stand_between(pair: Pair) -> Middle:
    """Both ends know the relay by the address of whoever stands in front of it."""
    middle = Middle(pair.world.public_host("middle", _MIDDLE), (_MIDDLE, RELAY_PORT), (SERVER, RELAY_PORT))
    pair.start({}, {}, relay=f"{_MIDDLE}:{RELAY_PORT}")
    return middle


@step("a hostile relay delays, swaps, repeats, drops, alters and cuts: streams stay equal, and all that it could do is take time")
def relay_hostile_streams(lab: Laboratory):
    told = []
    with _pair(lab, "relay-hostile") as pair:
        middle = _stand_between(pair)
        radio, film = pair.listen("Radio"), pair.listen("Film")

        def sound() -> None:
            expect(not radio.fault and not film.fault, f"radio: {radio.fault or 'sound'}; film: {film.fault or 'sound'}")

        for each_way, seconds in ((0, 3), (0.3, 6), (3, 15), (0, 5)):
            # Every byte passes twice, from the client to the relay and from there to the gateway.
            middle.delay = each_way / 2
            for stream in (radio, film):
                stream.take_stall()
            before = radio.received
            time.sleep(seconds)
            sound()
            expect(radio.received > before, f"no byte in {seconds} s of {each_way} s each way")
            stalls = [stream.take_stall() for stream in (radio, film)]
            told.append(f"{each_way} s each way for {seconds} s: {(radio.received - before) >> 10} KiB of radio, longest stall {max(stalls):.1f} s")
        expect(len(pair.events.named("disconnected")) == 0, "delay alone has ended the session")
        for what in ("swap", "repeat", "drop", "flip", "cut"):
            middle.do(what)
            lab.wait_until(lambda what=what: what in middle.done, 10, f"nothing was there to {what}")
            reached = [stream.received for stream in (radio, film)]
            lab.wait_until(
                lambda reached=reached: all(s.fault or s.received > r + (4 * _RATE) for s, r in zip((radio, film), reached)),
                40, f"after a {what} a stream stands",
            )  # fmt: skip
            sound()
            stalls = [stream.take_stall() for stream in (radio, film)]
            told.append(f"{what}: longest stall {max(stalls):.1f} s")
        lost = len(pair.events.named("disconnected"))
        for stream in (radio, film):
            stream.stop()
        middle.close()
    told.append(f"{radio.received >> 10} and {film.received >> 10} KiB of radio and film equal; the session lost its carrier {lost} times")
    return "\n".join(told)


@step("a hostile relay learns nothing and can use nothing again: no plain text passes, recordings of a registration, a call and a client are worth nothing")
def relay_hostile_replays(lab: Laboratory):
    with _pair(lab, "relay-replays") as pair:
        middle = _stand_between(pair)
        radio = pair.listen("Radio")
        time.sleep(4)
        record = {kind: [bytes(p.seen["up"]) for p in middle.of(kind)] for kind in ("register", "standby", "answer", "client")}
        expect(all(record.values()), f"not all was recorded: { {kind: len(one) for kind, one in record.items()} }")
        events = len(pair.gateway.process.output().splitlines())
        answers, count = {}, 0
        for kind, streams in record.items():
            for stream in streams:
                answers.setdefault(kind, []).append(len(middle.replay(stream)))
                count += 1
        time.sleep(1)
        said = [line for line in pair.gateway.process.output().splitlines()[events:] if '"event"' in line]
        expect(not any("client-connected" in line for line in said), f"a recording was let in: {said}")
        expect(not any("relay-waiting" in line for line in said), f"the gateway lost its place at the relay: {said}")
        # The control: the gateway is still called for whoever is a client.
        pair.client.stop()
        expect(not radio.fault or radio.received, "the radio did not play")
        pair.client.start("--json")
        pair.gateway.process.wait_for("client-disconnected", timeout=20)
        lab.wait_until(lambda: pair.gateway.process.output().count("client-connected") >= 2, 20, "a client does not come in any more")
        markers = [MARKER, b"Lab feed", b"DigitalSecurityCamera", b"roamer", pair.home.address.encode(), b"HTTP/1.1"]
        whole = middle.everything()
        found = [marker for marker in markers if marker in whole]
        expect(not found, f"the relay could read {found}")
        # The control: the same search in what passes one who stands between the gateway and the device.
        place = (pair.home.address, 48199)
        plain = Middle(pair.home.host, place, (pair.feed.address, int(pair.feed.location.split(":")[2].split("/")[0])))
        pair.home.host.run("curl", "-s", "-m", "2", f"http://{place[0]}:{place[1]}/description.xml")
        pair.home.host.run("curl", "-s", "-m", "2", f"http://{place[0]}:{place[1]}/radio", check=False)
        seen = [marker for marker in markers if marker in plain.everything()]
        expect(len(seen) >= 4, f"the search finds only {seen} where everything is plain")
        for one in (middle, plain):
            one.close()
    return (
        f"{count} recordings of {', '.join(f'{len(one)} {kind}' for kind, one in answers.items())} streams played again: nobody came in, the "
        f"gateway kept its place; {len(whole) >> 10} KiB that passed hold none of {len(markers)} markers, of which {len(seen)} are found at home"
    )
