"""Pairing that begins at home: the gateway's DeviceProtection introduces who knows the PIN."""

import json

from ..laboratory import Laboratory
from ..latchkey import Client
from ..steps import expect, step


def _pair(client: Client, pin: str):
    return client.command(
        "away", "pair", "--lan", "--pin", pin, "--interface", "eth0", "--device-name", "kitchen", "--state",
        client.state, check=False,
    )  # fmt: skip


@step("a device at home finds the gateway and pairs by a PIN, once; a wrong PIN uses the time up")
def lan_pairing(lab: Laboratory):
    gateway = lab.gateway
    place = (lab.binaries, lab.host("home-b"), lab.address("home-b"))
    client = Client("kitchen", *place, lab.work / "kitchen", lab.logs)
    closed = _pair(client, "12345670")
    expect(closed.returncode == 1 and "introduces nobody" in closed.stderr, f"before its time: {closed.stderr}")
    opened = gateway.pair("kitchen", "--preset", "media", "--lan")
    right = opened["pin"].replace(" ", "")
    wrong = "12345670" if right != "12345670" else "00000000"
    refused = _pair(client, wrong)
    expect(refused.returncode == 1 and "PIN" in refused.stderr, f"a wrong PIN: {refused.stderr}")
    late = _pair(client, right)
    expect(late.returncode == 1 and "introduces nobody" in late.stderr, f"the right PIN, too late: {late.stderr}")
    opened = gateway.pair("kitchen", "--preset", "media", "--lan")
    paired = _pair(client, opened["pin"])
    expect(paired.returncode == 0, f"the right PIN: {paired.stderr}")
    listed = next(one for one in gateway.json("clients") if one["name"] == "kitchen")
    expect(len(listed["certificates"]) == 2, f"its credentials: {json.dumps(listed)}")
    gateway.revoke("kitchen")
    return f"{refused.stderr.strip()}; {paired.stdout.strip()}; two credentials of one client"
