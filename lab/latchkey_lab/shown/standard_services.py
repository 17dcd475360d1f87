"""The gateway as the standard's RAServer: at home, with its services, and nowhere else."""

import json

from .. import ssdp, upnp
from ..laboratory import Laboratory
from ..steps import expect, step
from .discovery import UPNP_CLIENT

RA_SERVER = "urn:schemas-upnp-org:device:RAServer:2"
SERVICES = {"InboundConnectionConfig:1": 4, "RADAConfig:2": 5, "RATAConfig:1": 8, "RemoteAccess:1": 11}
FILTER = (
    '<dads xmlns="urn:schemas-upnp-org:ra:dads"><filterList><filter target="{rada}" controlMode="denyList"'
    ' updateType="add"><deviceInfo uuid="{device}"/></filter></filterList></dads>'
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
            upnp.invoke(server, "RADAConfig", "EditFilter", Filter=FILTER.format(rada="x", device="y"))
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
