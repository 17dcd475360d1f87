"""A lock that decides itself about who opens it (DeviceProtection:1), and the gateway in front of it."""

import contextlib
import json
import re

from .. import ssdp, upnp
from ..laboratory import Laboratory
from ..protection import Certificate, ProtectedDevice
from ..steps import expect, step
from ..upnp import UPnPFault

LOCK = "urn:schemas-latchkey:service:DoorLock:1"


def _refused(call) -> UPnPFault | None:
    try:
        call()
    except UPnPFault as fault:
        return fault
    return None


@contextlib.contextmanager
def _protected_lock(lab: Laboratory, owner: Certificate):
    lock = lab.host("home-c").start(
        "protected-lock", lab.binaries / "latchkey-demo-devices", "--interface", "eth0", "--devices", "",
        "--protected-lock", "--lock-grant", f"Basic={owner.id}", "--lock-user", "Ann=correct horse",
        log=lab.logs / "protected-lock.log",
    )  # fmt: skip
    try:
        lock.wait_for("ready")
        yield lock
    finally:
        lock.stop()


def _identity(text: str) -> str:
    return f'<Identity xmlns="urn:schemas-upnp-org:gw:DeviceProtection"><CP><ID>{text}</ID></CP></Identity>'


@step("a lock with DeviceProtection: an independent client logs in, and the gateway is let in by the lock's ACL alone")
def device_protection(lab: Laboratory):
    lab.furnish()
    _ = lab.laptop
    owner = Certificate(lab.work / "protection", "owner")
    stranger = Certificate(lab.work / "protection", "stranger")
    with _protected_lock(lab, owner) as lock, lab.host("home-b").inside():
        output = lock.output()
        location = re.search(r"protected-lock secure-location=(https://[0-9.:]+/\S+)", output)[1]
        clear = re.search(r"protected-lock location=(http://\S+)", output)[1]
        udn = upnp.describe(clear).udn
        # Discovery says where HTTPS is.
        answers = ssdp.search(lab.host("home-b"), lab.address("home-b"), udn, seconds=1)
        secure = {answer.headers.get("securelocation.upnp.org") for answer in answers}
        expect(location in secure, f"SECURELOCATION was {secure}")
        # A stranger is Public, and so is everybody over HTTP.
        outside = ProtectedDevice(location, stranger)
        expect(outside.call("GetAssignedRoles")["RoleList"] == "Public", "a stranger has roles")
        fault = _refused(lambda: outside.call("SetLocked", LOCK, NewLocked=0))
        expect(fault and fault.code == 606, f"a stranger was answered {fault}")
        fault = _refused(lambda: upnp.invoke(upnp.describe(clear), "DoorLock", "SetLocked", NewLocked=0))
        expect(fault and fault.code == 606, f"over HTTP it was answered {fault}")
        # A user logs in at a control point that is in the ACL.
        inside = ProtectedDevice(location, owner)
        fault = _refused(lambda: inside.login("Ann", "wrong"))
        expect(fault and fault.code == 701, f"a wrong password was answered {fault}")
        expect("Admin" not in inside.call("GetAssignedRoles")["RoleList"], "Admin without a login")
        inside.login("Ann", "correct horse")
        roles = inside.call("GetAssignedRoles")["RoleList"].split()
        expect(sorted(roles) == ["Admin", "Basic", "Public"], f"roles {roles}")
        text = _through_the_gateway(lab, lock, inside, udn)
        text += f"; {_as_administrator(lab, lock, inside, udn)}"
        text += f"; {_end_to_end(lab, lock, owner, inside, udn)}"
        inside.close(), outside.close()
    return f"PKCS5 login over {location.split('/')[0]}; {text}"


def _through_the_gateway(lab: Laboratory, lock, owner: ProtectedDevice, udn: str) -> str:
    """The gateway's call is refused, its identity is given Basic by the lock's owner, and then it is not."""
    mirror = lab.mirror(udn)
    with lab.laptop.host.inside():
        mirrored = upnp.describe(mirror)
        expect([one.type for one in mirrored.services] == [LOCK], f"services {mirrored.services}")
        fault = _refused(lambda: upnp.invoke(mirrored, "DoorLock", "SetLocked", NewLocked=0))
    expect(fault and fault.code == 606 and "ACL" in fault.description, f"the app was answered {fault}")
    gateway = re.findall(r"protected-lock refused=(\S+) action=SetLocked", lock.output())[-1]
    known = {one["role"]: one["id"] for one in lab.gateway.json("protection")}
    expect(known["Basic"] == gateway, f"the gateway came as {gateway} and says that it comes as {known}")
    entry = f"<CP><Name>gateway</Name><ID>{gateway}</ID></CP>"
    owner.call("AddIdentityList", IdentityList=f"<Identities>{entry}</Identities>")
    owner.call("AddRolesForIdentity", Identity=_identity(gateway), RoleList="Basic")
    with lab.laptop.host.inside():
        upnp.invoke(mirrored, "DoorLock", "SetLocked", NewLocked=0)
        expect(upnp.invoke(mirrored, "DoorLock", "GetLocked")["Locked"] == "0", "the lock is still locked")
    expect(f"protected-lock locked=0 by={gateway}" in lock.output(), "another identity opened the lock")
    owner.call("RemoveIdentity", Identity=_identity(gateway))
    with lab.laptop.host.inside():
        fault = _refused(lambda: upnp.invoke(mirrored, "DoorLock", "SetLocked", NewLocked=1))
    expect(fault and fault.code == 606, f"after the removal it was answered {fault}")
    return f"the app was told: {fault.description}"


def _as_administrator(lab: Laboratory, lock, owner: ProtectedDevice, udn: str) -> str:
    """The lock lets the gateway's Admin identity alone in: it comes as that while the client has taken the role up."""
    laptop = lab.laptop
    known = {one["role"]: one["id"] for one in lab.gateway.json("protection")}
    entry = f"<CP><Name>gateway</Name><ID>{known['Admin']}</ID></CP>"
    owner.call("AddIdentityList", IdentityList=f"<Identities>{entry}</Identities>")
    owner.call("AddRolesForIdentity", Identity=_identity(known["Admin"]), RoleList="Admin")
    with laptop.host.inside():
        mirrored = upnp.describe(lab.mirror(udn))
        fault = _refused(lambda: upnp.invoke(mirrored, "DoorLock", "SetLocked", NewLocked=0))
        expect(fault and fault.code == 606, f"without the role it was answered {fault}")
    role = ("away", "role", "--state", laptop.state, "--json")
    taken = json.loads(laptop.command(*role, "Admin", "--for", "60s").stdout)
    expect(taken["role"] == "Admin", f"the role was not taken up: {taken}")
    with laptop.host.inside():
        upnp.invoke(mirrored, "DoorLock", "SetLocked", NewLocked=0)
    expect(f"protected-lock locked=0 by={known['Admin']}" in lock.output(), "another identity opened the lock")
    expect("Admin" in _roles_in_use(lab), f"roles in use: {_roles_in_use(lab)}")
    laptop.command(*role, "--end")
    sentence = "the gateway holds its Admin identity without a session in that role"
    lab.wait_until(lambda: "Admin" not in _roles_in_use(lab), 5, sentence)
    with laptop.host.inside():
        fault = _refused(lambda: upnp.invoke(mirrored, "DoorLock", "SetLocked", NewLocked=1))
        expect(fault and fault.code == 606, f"after the role was laid down it was answered {fault}")
    # A client that is no administrator's cannot take it up.
    other = lab.client("visitor", "away-c", ("--device-type", "urn:schemas-latchkey:device:Nothing:1"))
    status = ("away", "status", "--state", other.state)
    lab.wait_until(lambda: "connected to" in other.command(*status, check=False).stdout, 15, "the visitor is not connected")
    refused = other.command("away", "role", "Admin", "--state", other.state, check=False)
    other.stop()
    lab.gateway.revoke("visitor")
    expect(refused.returncode != 0 and "--preset full" in refused.stderr, f"it was told {refused.stderr!r}")
    owner.call("RemoveIdentity", Identity=_identity(known["Admin"]))
    return "as Admin only while the role was taken up"


def _roles_in_use(lab: Laboratory) -> list[str]:
    return lab.gateway.json("status")[0]["details"]["device-roles"].split()


def _end_to_end(lab: Laboratory, lock, certificate: Certificate, at_home: ProtectedDevice, udn: str) -> str:
    """From the away side, under the owner's own certificate: the lock sees the owner, and not the gateway."""
    laptop = lab.laptop
    answers = ssdp.search(laptop.host, laptop.address, udn, seconds=1.5)
    own = [answer for answer in answers if answer.source == laptop.address]
    locations = {answer.headers.get("securelocation.upnp.org") for answer in own}
    expect(len(locations) == 1 and None not in locations, f"the mirror's SECURELOCATION is {locations}")
    location = locations.pop()
    expect(location.startswith(f"https://{laptop.address}:"), f"SECURELOCATION names {location}")
    with laptop.host.inside():
        device = ProtectedDevice(location, certificate)
        expect(device.id == at_home.id and device.udn == udn, "somebody else's TLS answered")
        device.login("Ann", "correct horse")
        expect("Admin" in device.call("GetAssignedRoles")["RoleList"], "no Admin after the login")
        device.call("SetLocked", LOCK, NewLocked=1)
        device.close()
    expect(f"protected-lock locked=1 by={certificate.id}" in lock.output(), "the lock saw another identity")
    return "end to end the lock saw the owner's own certificate and login"
