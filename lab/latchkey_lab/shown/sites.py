"""Clients that move, and networks that look alike."""

import shutil
import time

from .. import media, ssdp, upnp
from ..laboratory import Laboratory
from ..latchkey import Client
from ..ssdp import Watch
from ..steps import expect, step
from ..topology import Plan
from .discovery import browsed, discovered
from .events import volume_heard
from .media_paths import fetched, media_url, rendered

SETTLED = 6.0  # seconds in which a client must have seen where it is


def _own_words(heard: Watch, udn: str, address: str, since: float) -> dict[str, int]:
    """How often one host announced a device itself, by kind."""
    return {
        kind: len([m for m in heard.seen(kind, udn, since, address)]) for kind in ("alive", "byebye", "update")
    }


@step("the client comes home: its mirrors fall silent, and say no byebye for devices that are there")
def comes_home(lab: Laboratory):
    lab.mirror(lab.server_udn)
    lab.pause_client("laptop")
    host, address = lab.host("home-e"), lab.address("home-e")
    # The same client, as its person carries it into the house.
    at_home = Client("laptop-home", lab.binaries, host, address, lab.work / "client-laptop-home", lab.logs)
    shutil.copytree(lab.laptop_state, at_home.state, ignore=shutil.ignore_patterns("*.sock*"))
    with Watch(host, address) as heard, Watch(lab.host("home-d"), lab.address("home-d")) as neighbour:
        at_home.start("--share")
        time.sleep(SETTLED)
        settled = time.monotonic()
        answers = ssdp.search(host, address, lab.server_udn, seconds=2.5)
        time.sleep(1.5)
        own = _own_words(heard, lab.server_udn, address, settled)
        outside = [m for m in neighbour.messages if m.source == address and m.kind != "search"]
        byebyes = heard.seen("byebye", lab.server_udn, 0, address)
        at_home.stop()
        time.sleep(0.5)
        byebyes += neighbour.seen("byebye", lab.server_udn, 0, address)
    sources = {answer.source for answer in answers}
    expect(sources == {lab.server.address}, f"at home the media server answers from {sources}")
    expect(not byebyes, f"{len(byebyes)} byebyes for a device that is there")
    expect(own["alive"] == 0, f"{own['alive']} announcements of its own, {SETTLED:.0f} s after it came home")
    lab.client("laptop")
    return f"answers only from {lab.server.address}; 0 byebyes, also at its end; {len(outside)} datagrams reached the home LAN"


@step("the laptop is carried home while it runs: its cable moves, its mirrors fall silent without a byebye")
def carried_home(lab: Laboratory):
    traveller = lab.client("traveller", "away-c")
    lab.mirror(lab.server_udn, traveller)
    host = traveller.host
    new_address = f"{lab.plan.home}.77"
    with Watch(lab.host("home-d"), lab.address("home-d")) as at_home:
        moved = time.monotonic()
        lab.network.move("away-c", "away-gw", "home-gw", new_address, lab.plan.home)
        try:
            time.sleep(SETTLED + 8)
            answers = ssdp.search(host, new_address, lab.server_udn, seconds=2.5)
            byebyes = [m for m in at_home.messages if m.kind == "byebye" and m.source == new_address and m.at > moved]
            alive = traveller.alive
            traveller.stop()
            time.sleep(0.5)
            byebyes += [m for m in at_home.messages if m.kind == "byebye" and m.source == new_address and m.at > moved]
        finally:
            lab.network.move("away-c", "home-gw", "away-gw", lab.address("away-c"), lab.plan.away)
    sources = {answer.source for answer in answers}
    expect(alive, "the client ended when its network changed")
    expect(sources == {lab.server.address}, f"at home the media server answers from {sources or 'nowhere'}")
    expect(not byebyes, f"{len(byebyes)} byebyes at home")
    traveller.start()
    lab.mirror(lab.server_udn, traveller, 40)
    traveller.stop()
    return f"at {new_address} only {lab.server.address} answers, 0 byebyes; back away, it mirrors again"


@step("two clients share on one away LAN: one of them announces, the other is silent, and nobody says byebye")
def two_on_one_lan(lab: Laboratory):
    lab.pause_client("laptop")
    neighbour, address = lab.host("away-b"), lab.address("away-b")
    first = lab.client("laptop", options=("--share",))
    try:
        ssdp.wait_for_answer(neighbour, address, lab.server_udn, 20)
        with Watch(neighbour, address) as heard:
            second = lab.client("second", "away-c", options=("--share",))
            time.sleep(SETTLED + 4)
            settled = time.monotonic()
            answers = ssdp.search(neighbour, address, lab.server_udn, seconds=2.5)
            byebyes = [m for m in heard.messages if m.kind == "byebye" and m.udn == lab.server_udn]
            announced = {m.source for m in heard.seen("alive", lab.server_udn, settled)}
        sources = {answer.source for answer in answers}
        expect(len(sources) == 1, f"{lab.server_udn} answers from {sources or 'nowhere'}")
        expect(len(announced) <= 1, f"announced from {announced}")
        expect(not byebyes, f"{len(byebyes)} byebyes for a device that is there")
        for client in (first, second):
            expect(client.alive, f"{client.name} ended")
    finally:
        lab.pause_client("laptop")
        lab.pause_client("second")
    return f"the media server answers from {sources.pop()} only; 0 byebyes"


@step("two clients with one home, each for its own host, do not disturb each other on one LAN")
def two_private_clients(lab: Laboratory):
    lab.mirror(lab.server_udn)
    second = lab.client("second", "away-c")
    lab.mirror(lab.server_udn, second)
    time.sleep(3)
    both = [media_url(lab, "Photo", client) for client in (lab.laptop, second)]
    wanted = (lab.library / media.PHOTO).read_bytes()
    for client, url in zip((lab.laptop, second), both):
        with client.host.inside():
            expect(upnp.request("GET", url).body == wanted, f"{client.name}: another photograph")
    first_path, second_path = ("/".join(url.split("/")[3:]) for url in both)
    expect(first_path != second_path, "both clients were given one token: tokens must not be shareable")
    with second.host.inside():
        borrowed = upnp.request("GET", f"{both[1].rpartition('/m/')[0]}/{first_path}").status
    expect(borrowed >= 400, f"a token of one client, used by the other, was answered with {borrowed}")
    lab.pause_client("second")
    return f"both see and fetch the photograph; the other's token: {borrowed}"


@step("both LANs are 192.168.1.0/24: discovered, browsed, fetched, heard")
def same_subnet(lab: Laboratory):
    twin = Plan(home="192.168.1", away="192.168.1")
    with Laboratory(lab.binaries, lab.out / "same-subnet", twin, tag="s") as other:
        expect(other.address("home-a") == other.address("away-a"), "the variant must make addresses collide")
        evidence = [f"gateway and client both at {other.address('home-a')}"]
        evidence += [show(other) for show in (discovered, browsed, fetched, rendered, volume_heard)]
        return "\n".join(evidence)
