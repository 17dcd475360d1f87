"""The gateway as the standard's RAServer: at home, with its services, and nowhere else."""

import json
import re

from .. import ssdp, upnp
from ..laboratory import Laboratory
from ..protection import Certificate, ProtectedDevice
from ..steps import expect, step
from .discovery import UPNP_CLIENT

RADA_CONFIG = "urn:schemas-upnp-org:service:RADAConfig:2"
RA_SERVER = "urn:schemas-upnp-org:device:RAServer:2"
SERVICES = {"InboundConnectionConfig:1": 4, "RADAConfig:2": 5, "RATAConfig:1": 8, "RemoteAccess:1": 15}
FILTER = (
    '<dads xmlns="urn:schemas-upnp-org:ra:dads"><filterList><filter target="{rada}" controlMode="denyList"'
    ' updateType="{change}"><deviceInfo uuid="{device}"/></filter></filterList></dads>'
)


@step("gssdp-discover and async-upnp-client find the RAServer at home with its services; nobody finds it on the away LAN")
def standard_services(lab: Laboratory):
    _ = lab.gateway
    home, address = lab.host("home-b"), lab.address("home-b")
    out = home.run("gssdp-discover", "-i", "eth0", "--timeout=3", "-t", RA_SERVER).stdout
    expect(RA_SERVER in out, f"gssdp-discover heard: {out[-300:]!r}")
    location = next(line.split()[-1] for line in out.splitlines() if "Location:" in line)
    with home.inside():
        server = upnp.describe(location)
        actions = {}
        for one in server.services:
            scpd = upnp.request("GET", one.scpd)
            expect(scpd.status == 200, f"SCPD of {one.type}: {scpd.status}")
            actions[one.type.split(":service:")[1]] = scpd.body.count(b"<action>")
        for name, count in SERVICES.items():
            expect(actions.get(name) == count, f"actions: {actions}")
        try:
            upnp.invoke(server, "RADAConfig", "EditFilter", Filter=FILTER.format(rada="x", device="y", change="add"))
            refused = 0
        except upnp.UPnPFault as fault:
            refused = fault.code
    expect(refused == 606, f"EditFilter of a stranger was answered with {refused}")
    call = home.run(UPNP_CLIENT, "call-action", location, "RemoteAccess/GetServerStatus")
    status = json.loads(call.stdout)["out_parameters"]
    expect(status["ServerStatus"] == "Running", f"status {status}")
    _ = lab.laptop
    away, its_address = lab.laptop.host, lab.laptop.address
    answers = ssdp.search(away, its_address, "ssdp:all", seconds=2)
    found = [one for one in answers if "RAServer" in str(one) or "RADiscoveryAgent" in str(one)]
    expect(not found, f"on the away LAN: {found[:1]}")
    return f"{location.split('/')[2]}: {actions}; EditFilter 606; away: 0 of {len(answers)} answers"


@step("an owner makes control points Admin or Basic of the gateway's own services, and they are that at once and no longer")
def gateway_protection(lab: Laboratory):
    lab.furnish()
    _ = lab.laptop
    owner, reader = (Certificate(lab.work / "gateway-protection", name) for name in ("configurator", "reader"))
    home, address = lab.host("home-b"), lab.address("home-b")
    gateway = lab.gateway
    answers = ssdp.search(home, address, RA_SERVER, seconds=1.5)
    located = {answer.headers.get("securelocation.upnp.org") for answer in answers} - {None}
    expect(len(located) == 1, f"SECURELOCATION of the RAServer: {located}")
    expect(not gateway.json("protection", "acl")[0]["entries"], "somebody has a role before anybody was given one")
    with home.inside():
        outside, first, second = (ProtectedDevice(*located, one) for one in (None, owner, reader))
        expect(str(first.id) == gateway.json("protection", "acl")[0]["device"], "another identity than the command tells")
        device = next(one for one in gateway.json("devices") if "Light" in one["type"])["udn"].removeprefix("uuid:")

        rada = "x"

        def edit(point: ProtectedDevice, change: str = "add"):
            text = FILTER.format(rada=rada, device=device, change=change)
            return _code(lambda: point.call("EditFilter", RADA_CONFIG, Filter=text))

        def mirrored() -> bool:
            return any(device in one["udn"] for one in lab.laptop.devices())

        lab.wait_until(mirrored, 20, "the light is not mirrored")
        codes = {edit(one) for one in (outside, first, second)}
        expect(codes == {606}, f"Public was answered with {codes}")
        # The identity of an administrator's client is Admin by the client's grants.
        report = json.loads(
            gateway.command(
                "gateway", "protection", "attach", "laptop", "--certificate", owner.chain, "--state", gateway.state, "--json"
            ).stdout
        )
        entry = next(one for one in report["entries"] if one["id"] == str(owner.id))
        expect("Admin" in entry["roles"] and entry["client"] == "laptop", f"attached as {entry}")
        # Its filters are for the home's own discovery agent, which the system's information names first.
        system = first.call("GetSystemInfo", RADA_CONFIG, ID="*")["SystemInfo"]
        rada = re.search(r'<(?:\w+:)?rada\b[^>]* uuid="([^"]+)"', system)[1]
        code = edit(first)
        expect(code == 0, f"the administrator's identity may not configure: {code}")
        lab.wait_until(lambda: not mirrored(), 10, "the filter of the Admin changes nothing")
        expect(edit(first, "delete") == 0, "the filter cannot be taken back")
        lab.wait_until(mirrored, 20, "without the filter the light does not come back")
        # A control point that is nobody's client, by the UUID of its certificate.
        words = ("--state", gateway.state, "--json")
        gateway.command("gateway", "protection", "grant", reader.id, "Basic", "--name", "reader", *words)
        expect(_code(lambda: second.call("GetVirtualDevices", RADA_CONFIG)) == 0, "Basic may not read")
        expect(edit(second) == 606, "Basic may configure")
        gateway.command("gateway", "protection", "withdraw", reader.id, *words)
        expect(_code(lambda: second.call("GetVirtualDevices", RADA_CONFIG)) == 606, "it reads on after the withdrawal")
        gateway.command("gateway", "protection", "withdraw", "laptop", "Admin", *words)
        expect(edit(first) == 606, "the client's identity is Admin still")
        # What was given is there after a restart.
        gateway.command("gateway", "protection", "grant", "laptop", "Admin", *words)
        for one in (outside, first, second):
            one.close()
    lab.pause_client("laptop")
    gateway.stop()
    gateway.start(env=lab.gateway_environment)
    entry = next(one for one in gateway.json("protection", "acl")[0]["entries"] if one["id"] == str(owner.id))
    expect("Admin" in entry["roles"] and entry["isOwn"], f"after a restart {entry}")
    gateway.command("gateway", "protection", "withdraw", owner.id, *words)
    return "Public 606, Admin filters the light out and back, Basic reads, withdrawals at once, kept over a restart"


def _code(call) -> int:
    try:
        call()
    except upnp.UPnPFault as fault:
        return fault.code
    return 0
