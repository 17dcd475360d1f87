"""The gateway's address changes, and its clients find it again."""

import json
import time

from ..laboratory import Laboratory
from ..reach.lan import HOME_WAN, SERVER
from ..steps import expect, step


def _moved(lab: Laboratory, settings: dict, away: dict, said: str, others: int = 0) -> str:
    """A client pairs, is away; then the home gets another address. Returns what was seen."""
    stage = lab.reach
    stage.router.start(upnp=False)
    with stage.served("--mapping", "pcp", env=settings) as gateway:
        gateway.wait_for("reachable from outside", timeout=15)
        for _ in range(others):
            stage.fresh_client()
        client = stage.fresh_client()
        client.start(env=away)
        stage.switch(client)
        gateway.wait_for(said, timeout=20)
        published = time.monotonic()
        lab.wait_until(
            lambda: any(json.loads(file.read_text())["sequence"] >= 0 for file in client.state.glob("finding-*.json")),
            10, "the client was not told how the gateway is found",
        )  # fmt: skip
        client.stop()
        moved = time.monotonic()
        other = "128.66.1.77"
        try:
            stage.router.stop()
            stage.router.forget()
            stage.lan.move_home(other)
            stage.router.start(upnp=False)
            gateway.wait_for(f"reachable from outside at {other}", timeout=60)
            mapped = time.monotonic() - moved
            client.start(env=away)
            line = client.process.wait_for("the gateway has moved", timeout=60)
            expect(f"{other}:48100" in line, f"it says: {line}")
            stage.switch(client, timeout=60)
            took = time.monotonic() - moved
            client.stop()
            # What it has learnt is kept: the next start needs no search.
            client.start(env=away)
            client.process.wait_for("connected to", timeout=20)
            client.stop()
        finally:
            stage.lan.move_home(HOME_WAN)
    _ = published
    return f"{HOME_WAN} became {other}; mapped again after {mapped:.0f} s; {line.strip()}; the light switched {took:.0f} s after the move"


def _updates(bind) -> dict:
    """A gateway's settings to keep its name in that server."""
    return {
        "LATCHKEY_DDNS_NAME": "home.lab.example", "LATCHKEY_DDNS_SERVER": f"{SERVER}:53",
        "LATCHKEY_DDNS_ZONE": "lab.example", "LATCHKEY_DDNS_KEY_FILE": str(bind.key_file),
    }  # fmt: skip


@step("dynamic DNS in a real BIND (RFC 2136, TSIG): every address in the pairing code has changed, the client finds its home again")
def reach_found_by_dns(lab: Laboratory):
    stage = lab.reach
    bind = stage.name_server
    seen = _moved(lab, _updates(bind), {"LATCHKEY_AWAY_NAME_SERVER": f"{SERVER}:53"}, "rfc2136: home.lab.example is at")
    record = bind.dig("_latchkey.home.lab.example", "TXT")
    expect("latchkey1:" in record, f"the TXT record is: {record[:100]}")
    expect("128.66" not in record, "the record shows an address")
    return seen


@step("a dozen paired clients: the record in BIND does not fit a datagram, and the client reads it over TCP")
def reach_found_over_tcp(lab: Laboratory):
    stage = lab.reach
    bind = stage.name_server
    away = {"LATCHKEY_AWAY_NAME_SERVER": f"{SERVER}:53"}
    seen = _moved(lab, _updates(bind), away, "rfc2136: home.lab.example is at", others=14)
    question = (f"@{SERVER}", "+time=2", "_latchkey.home.lab.example", "TXT")
    cut = bind.host.run("dig", *question, "+ignore", "+bufsize=1232").stdout
    expect(" tc" in cut.split("flags:")[1].split(";")[0], f"over UDP BIND answers {cut[:300]}")
    size = len(bind.dig("_latchkey.home.lab.example", "TXT"))
    return f"a record of {size} bytes, of which BIND says over UDP that it is cut off; {seen}"


@step("a wrong TSIG key changes nothing in the zone, and the gateway says what is wrong")
def reach_wrong_key(lab: Laboratory):
    stage = lab.reach
    bind = stage.name_server
    before = bind.dig("home.lab.example", "A")
    wrong = stage.work / "wrong.key"
    wrong.write_text('key "latchkey" {\n algorithm hmac-sha256;\n secret "c2l4dGVlbiBieXRlcyBvZiBrZXkhISE=";\n};\n')
    stage.router.start(upnp=False)
    settings = {
        "LATCHKEY_DDNS_NAME": "home.lab.example", "LATCHKEY_DDNS_SERVER": f"{SERVER}:53",
        "LATCHKEY_DDNS_ZONE": "lab.example", "LATCHKEY_DDNS_KEY_FILE": str(wrong),
    }  # fmt: skip
    with stage.served("--mapping", "pcp", env=settings) as gateway:
        line = gateway.wait_for("rfc2136: addresses are not published", timeout=30)
    expect("BADSIG" in line, f"it says: {line}")
    expect(bind.dig("home.lab.example", "A") == before, "the zone has changed")
    return line.strip()


@step("a push address in the manner of ntfy: the client reads the gateway's sealed record there, and finds its home again")
def reach_found_by_push(lab: Laboratory):
    stage = lab.reach
    with stage.push_server() as push:
        return _moved(lab, {"LATCHKEY_PUSH_URL": push}, {}, "push: the clients' record was posted")


@step("dyndns2: the name is updated once for each address, with the password, and never again after badauth")
def reach_dyndns2(lab: Laboratory):
    stage = lab.reach
    stage.router.start(upnp=False)
    with stage.dyndns_server() as (url, asked, answers, roots):
        password = stage.work / "password"
        password.write_text("secret\n")
        settings = {
            "LATCHKEY_DDNS_NAME": "home.lab.example", "LATCHKEY_DDNS_URL": url, "LATCHKEY_DDNS_USER": "ann",
            "LATCHKEY_DDNS_PASSWORD_FILE": str(password), "LATCHKEY_WEB_ROOTS": str(roots),
        }  # fmt: skip
        with stage.served("--mapping", "pcp", env=settings) as gateway:
            line = gateway.wait_for("dyndns2: home.lab.example is at", timeout=20)
            time.sleep(5)
            expect(len(asked) == 1, f"it was asked {len(asked)} times: {asked}")
            expect(f"hostname=home.lab.example&myip={HOME_WAN}" in asked[0], f"it was asked {asked[0]}")
        answers[:] = ["badauth"]
        asked.clear()
        stage.router.start(upnp=False)
        with stage.served("--mapping", "pcp", env=settings) as gateway:
            refused = gateway.wait_for("badauth", timeout=20)
            time.sleep(5)
            expect(len(asked) == 1, f"after badauth it was asked {len(asked)} times")
    return f"over HTTPS with a certificate that was checked: {line.strip()}; {refused.strip()}"


@step("latchkey doctor: mapped, and with no router that maps; as sentences and as JSON")
def reach_doctor(lab: Laboratory):
    stage = lab.reach

    def ask() -> tuple[str, dict]:
        words = ("doctor", "--state", stage.gateway.state)
        return stage.gateway.command(*words).stdout, json.loads(stage.gateway.command(*words, "--json").stdout)

    stage.router.start(upnp=False)
    with stage.served("--mapping", "pcp") as gateway:
        gateway.wait_for("reachable from outside", timeout=15)
        text, report = ask()
        expect(f"passes {HOME_WAN}:48100 on" in text and "PCP" in text, f"direct: {text}")
        expect(report["attempts"][0]["works"], f"direct: {report}")
    with stage.served() as gateway:
        for name in ("UPnP IGD: ", "PCP: the", "NAT-PMP: the"):
            gateway.wait_for(name, timeout=20)
        text, report = ask()
        expect("passes no port on" in text and "Switch UPnP" in text, f"nobody: {text}")
        expect(len(report["attempts"]) == 3 and len(report["advice"]) == 2, f"nobody: {report}")
    return text.strip()
