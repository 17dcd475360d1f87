"""Who may do what: presets, neighbours, revocation, a full table, and codes that are no good."""

import time

from .. import ssdp, upnp
from ..codes import Code
from ..laboratory import Laboratory
from ..latchkey import Client
from ..ssdp import Watch
from ..steps import expect, step

CAMERA = "urn:schemas-upnp-org:device:DigitalSecurityCamera:1"


def _visible(client: Client, seconds: float = 2.5) -> dict[str, str]:
    """UDN to LOCATION of all that answers from the client itself."""
    answers = ssdp.search(client.host, client.address, "ssdp:all", seconds=seconds)
    return ssdp.locations([answer for answer in answers if answer.source == client.address])


@step("a second client, allowed the camera only, sees the camera and not the lock, and may not call the lock")
def camera_not_lock(lab: Laboratory):
    lock_location = lab.demo_location("Lock")
    with lab.laptop.host.inside():
        lock = upnp.describe(lock_location)
    tablet = lab.client("tablet", "away-c", ("--device-type", CAMERA))
    camera_location = lab.demo_location("DigitalSecurityCamera", tablet)
    seen = _visible(tablet)
    expect(list(seen.values()) == [camera_location], f"the tablet sees {sorted(seen)}")
    with tablet.host.inside():
        camera = upnp.describe(camera_location)
        expect(camera.device_types == [CAMERA], f"device types {camera.device_types}")
        # The full client's own URLs of the lock, tried through the tablet's mirror.
        authority = camera_location.split("/")[2]
        theirs = [lock_location, *[url for one in lock.services for url in (one.control, one.scpd, one.events)]]
        codes = []
        for url in theirs:
            moved = url.replace(url.split("/")[2], authority)
            codes.append(upnp.request("POST" if url == lock.services[0].control else "GET", moved).status)
    expect(all(code >= 400 for code in codes), f"the lock's URLs were answered with {codes}")
    lab.pause_client("tablet")
    return f"sees {camera.name} alone; the lock's {len(codes)} URLs: {sorted(set(codes))}"


@step("a neighbour on the away LAN gets nothing while sharing is off")
def neighbour_gets_nothing(lab: Laboratory):
    location = lab.mirror(lab.server_udn)
    neighbour, address = lab.host("away-b"), lab.address("away-b")
    with Watch(neighbour, address) as heard:
        answers = ssdp.search(neighbour, address, "ssdp:all", seconds=2)
        answers += ssdp.search(neighbour, address, "ssdp:all", seconds=1, to=lab.laptop.address)
        announcements = list(heard.messages)
    expect(not answers, f"{len(answers)} search answers, from {answers and answers[0].source}")
    expect(not [m for m in announcements if m.kind != "search"], f"{len(announcements)} announcements were heard")
    code = neighbour.run("curl", "-sS", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", location, check=False)
    expect(code.stdout in ("000", "403"), f"the description was given with {code.stdout}")
    return f"0 answers, 0 announcements; its GET of the description: {code.stderr.strip()[:80] or code.stdout}"


@step("with --share --allow ADDRESS that neighbour is served, and another is not")
def neighbour_allowed(lab: Laboratory):
    lab.pause_client("laptop")
    neighbour, address = lab.host("away-b"), lab.address("away-b")
    laptop = lab.client("laptop", options=("--share", "--allow", address))
    try:
        location = ssdp.wait_for_answer(neighbour, address, lab.server_udn, 20)
        with neighbour.inside():
            description = upnp.describe(location)
            item = upnp.find_item(description.control_url("ContentDirectory"), "Photo", "64", 1)
            photo = upnp.request("GET", item.resources[0])
        expect(photo.body == (lab.library / "Photo.jpg").read_bytes(), "the photograph differs")
        other, its_address = lab.host("away-c"), lab.address("away-c")
        answers = ssdp.search(other, its_address, "ssdp:all", seconds=2)
        expect(not answers, f"{its_address} was answered too")
        with other.inside():
            try:
                refused = upnp.request("GET", location, timeout=3).status
            except OSError as error:
                refused = type(error).__name__
        expect(refused == 403 or isinstance(refused, str), f"{its_address} was given the description: {refused}")
    finally:
        laptop.stop()
    return f"{address}: {description.name}, photograph of {len(photo.body)} bytes; {its_address}: no answer, {refused}"


@step("a revoked client is refused with a sentence, and its mirror ends within a second")
def revoked(lab: Laboratory):
    phone = lab.client("phone", "away-c")
    lab.mirror(lab.server_udn, phone)
    with Watch(phone.host, phone.address) as heard:
        asked = time.monotonic()
        said = lab.gateway.revoke("phone")
        byebye = heard.wait("byebye", lab.server_udn, asked, 5, source=phone.address)
    delay = byebye.at - asked
    expect(delay < 1.5, f"byebye {delay:.2f} s after the revocation was typed")
    if phone.alive:
        lab.wait_until(lambda: "revoked" in phone.process.output().lower(), 10, "the client does not say that it was revoked")
    sentence = [line for line in phone.process.output().splitlines() if "revoked" in line.lower()]
    expect(sentence, f"the client says: {phone.process.output()[-200:]!r}")
    phone.stop()
    phone.start()
    time.sleep(3)
    expect(not _visible(phone, 1.5), "the revoked client mirrors again after a restart")
    phone.stop()
    return f"{said.strip()[:80]}\nbyebye after {delay:.2f} s; the client: {sentence[-1].strip()[:120]}"


@step("codes that were used, expired, miscopied or have a wrong pin, id or secret are refused with a sentence that says which")
def bad_codes(lab: Laboratory):
    place = (lab.binaries, lab.host("away-c"), lab.address("away-c"))
    gateway, said = lab.gateway, {}

    def attempt(name: str, code: str, way: str = "argument"):
        stranger = Client("stranger", *place, lab.work / f"stranger-{name}", lab.logs)
        done = stranger.pair(code, check=False, way=way)
        said[name] = (done.stderr or done.stdout).strip().splitlines()[-1] if (done.stderr or done.stdout).strip() else ""
        return done.returncode

    good = gateway.pair("stranger-1", "--preset", "media")["code"]
    expect(attempt("good", good, "stdin") == 0, f"a good code from standard input was refused: {said['good']}")
    # While no code is outstanding, a stranger is told no more than that; so one is.
    other = gateway.pair("stranger-3", "--preset", "media")["code"]
    expect(attempt("used", good) == 1, "a code could be used twice")
    short = gateway.pair("stranger-2", "--preset", "media", expires="10s")
    for part in ("pin", "id", "secret"):
        expect(attempt(f"wrong {part}", Code.read(other).with_wrong(part)) == 1, f"a code with a wrong {part} was taken")
    letter = "A" if other[40] != "A" else "B"
    expect(attempt("miscopied", other[:40] + letter + other[41:]) in (1, 2), "a miscopied code was taken")
    expect(attempt("nonsense", "latchkey:nonsense") in (1, 2), "nonsense was taken")
    time.sleep(10.5)
    expect(attempt("expired", short["code"]) == 1, "an expired code was taken")
    expect(all(said.values()), f"no sentence for {[name for name, text in said.items() if not text]}")
    expect("expire" in said["expired"].lower(), f"expired: {said['expired']}")
    expect("used" in said["used"].lower(), f"used: {said['used']}")
    expect("secret" in said["wrong secret"].lower(), f"wrong secret: {said['wrong secret']}")
    expect("pin" in said["wrong pin"].lower() or "key" in said["wrong pin"].lower(), f"wrong pin: {said['wrong pin']}")
    return "\n".join(f"{name}: {text[:130]}" for name, text in said.items() if name != "good")


@step("a gateway with room for one session tells the second client that it is full")
def server_full(lab: Laboratory):
    lab.pause_client("laptop")
    gateway = lab.gateway
    gateway.stop()
    gateway.start("--max-sessions", "1", env=lab.gateway_environment)
    try:
        lab.mirror(lab.server_udn, lab.client("laptop"))
        second = lab.client("guest", "away-c", ("--preset", "media"))
        full = lab.wait_until(
            lambda: [line for line in second.process.output().splitlines() if "full" in line.lower()], 15,
            "the second client does not say that the gateway is full",
        )  # fmt: skip
        expect(not _visible(second, 1.5), "the second client mirrors all the same")
        lab.pause_client("laptop")
        lab.mirror(lab.server_udn, second, timeout=60)
    finally:
        lab.pause_client("guest")
        gateway.stop()
        gateway.start(env=lab.gateway_environment)
    return f"{full[-1].strip()[:140]}\nand it is served as soon as the first one leaves"
