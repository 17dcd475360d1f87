"""A secure group on one LAN: devices that know an id and a code, and nothing else."""

import threading
import time

from .. import ssdp
from ..groups.lan import family
from ..groups.member import moment
from ..groups.stage import BOARD, LIGHT, VAULT
from ..laboratory import Laboratory
from ..steps import expect, step

SECURE_GROUP = "urn:supnp-project:service:SecureGroup:1"


@step("a gateway without a group opens no port and announces nothing; with its first enrolment the controller is on the LAN, a basic device that plain tools see")
def group_appears(lab: Laboratory):
    stage = lab.groups
    control, address = stage.host("control"), stage.lan.address("control")
    gateway = stage.gateway
    before = ssdp.search(control, address, SECURE_GROUP, seconds=1.5)
    ports = stage.host("gateway").run("ss", "-Huln").stdout
    expect(not before, f"{len(before)} answers before there is a group")
    expect(":58081" not in ports, "the key manager's port is open before there is a group")
    asked = time.monotonic()
    gateway.enrol("first", "client")
    found = lab.wait_until(
        lambda: [m for m in ssdp.search(control, address, SECURE_GROUP, seconds=1) if m.usn.endswith(SECURE_GROUP)], 10,
        "no answer to a search for the group's service",
    )  # fmt: skip
    took = time.monotonic() - asked
    tool = control.run("gssdp-discover", "-i", "eth0", "--timeout=3", "-t", SECURE_GROUP, timeout=15).stdout
    expect(found[0].location in tool, f"gssdp-discover sees {tool[-300:]!r}")
    six = ssdp.search6(control, "eth0", SECURE_GROUP)
    expect(six, "no answer to a search over IPv6")
    described = control.run("curl", "-sS", "-m", "5", found[0].location).stdout
    expect("urn:schemas-upnp-org:device:Basic:1" in described and SECURE_GROUP in described, described[:300])
    return f"announced {took:.1f} s after `group enrol`; gssdp-discover: {found[0].location}; over IPv6: {six[0].location}"


@step("24 devices register at once from id and code alone, over IPv4 only, IPv6 only and both: no address is given to any")
def group_registers(lab: Laboratory):
    stage = lab.groups
    members = stage.members
    took = {}
    for member in members.values():
        took.setdefault(family(member.host.name), []).append(moment(member.log.named("registered")[0]) - stage.started)
        found = member.log.named("controller-found")
        expect(found, f"{member.name} does not say which controller it found")
        wrong = ("ipv4", ":") if family(member.host.name) == "ipv4" else ("ipv6", "192.168.")
        if family(member.host.name) == wrong[0] and wrong[0] == "ipv6":
            expect(wrong[1] not in found[0]["address"], f"{member.name} found {found[0]['address']}")
    joined = {event["id"] for event in stage.gateway.log.named("group-joined")}
    expect(set(members) <= joined, f"the gateway does not tell of {sorted(set(members) - joined)}")
    listed = stage.gateway.listed("members")
    expect(len(listed) >= len(members), f"`group members` lists {len(listed)}")
    stage.converged(stage.epoch, stage.servers)
    parts = [f"{len(times)} {speaks} in {min(times):.1f} to {max(times):.1f} s" for speaks, times in sorted(took.items())]
    return f"{len(members)} registered: {', '.join(parts)}; all {len(stage.servers)} servers in epoch {stage.epoch}"


@step("clients ask, every server of the service answers, and COMPLETE tells how many; several clients at once, whatever addresses they have")
def group_answers(lab: Laboratory):
    stage = lab.groups
    clients, servers = stage.clients, stage.servers
    faults, times = [], []

    def several(client):
        for turn in range(3):
            for service in (BOARD, LIGHT):
                asked = time.monotonic()
                expected = {f"{server.name} heard you" for server in servers if service in server.offers}
                try:
                    answers = client.ask(service, f"secret words of {client.name}, {turn}")
                except Exception as error:  # told by the step, whatever it was
                    faults.append(str(error))
                    return
                times.append(time.monotonic() - asked)
                heard = {answer["payload"] for answer in answers}
                if heard != expected:
                    faults.append(f"{client.name} heard {len(heard)} of {len(expected)} for {service}")

    threads = [threading.Thread(target=several, args=(client,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not faults, "; ".join(faults[:4]))
    accepted = sum(len(client.log.named("accepted")) for client in clients)
    expect(accepted >= len(times), f"{accepted} of {len(times)} requests were told ACCEPTED")
    heard = [len(server.log.named("request")) for server in servers]
    return (
        f"{len(clients)} clients, {len(times)} requests, each ACCEPTED, answered by all ({len(servers)} or "
        f"{sum(LIGHT in server.offers for server in servers)} servers) and COMPLETE after the window of {min(times):.1f} to "
        f"{max(times):.1f} s; each server was asked {min(heard)} to {max(heard)} times"
    )


@step("a client asks for what it was not allowed: refused at the forwarder, and the server hears nothing")
def group_refuses(lab: Laboratory):
    stage = lab.groups
    client, keeper = stage.clients[0], next(server for server in stage.servers if VAULT in server.offers)
    before = len(keeper.log.named("request", service=VAULT))
    refused = client.asked(VAULT, "open")
    expect(isinstance(refused, dict) and refused["event"] == "refused", f"the request ended with {refused}")
    expect(len(keeper.log.named("request", service=VAULT)) == before, "the server was asked all the same")
    stage.gateway.group("allow", client.name, BOARD, LIGHT, VAULT)
    allowed = lab.wait_until(lambda: client.ask(VAULT, "open"), 10, "not answered after `group allow`")
    stage.gateway.group("allow", client.name, BOARD, LIGHT)
    again = lab.wait_until(
        lambda: (end := client.asked(VAULT, "open")) and isinstance(end, dict) and end, 10, "not refused after it was taken back"
    )
    return (
        f"refused: {refused.get('reason')}; after `group allow {client.name}` {len(allowed)} answer; "
        f"taken back: {again['event']} ({again.get('reason')})"
    )


@step("services appear in a member's directory when a server comes, and vanish when it leaves by SIGTERM")
def group_directory(lab: Laboratory):
    stage = lab.groups
    client, urn = stage.client_of("both"), "urn:lab:service:Guest:1"
    stage.gateway.group("allow", client.name, BOARD, LIGHT, urn)
    guest = stage.device("guest", "many-1", stage.gateway.enrol("guest", "server"))
    since, started = client.log.count(), time.time()
    guest.start("--answer", "hello", "--insecure-test-derivation", offers=(urn,))
    appeared = moment(client.log.wait("service-appeared", 30, since, service=urn)) - started
    answers = client.ask(urn, "who is there")
    expect([answer["payload"] for answer in answers] == ["hello"], f"{answers}")
    left = time.time()
    code = guest.stop()
    vanished = moment(client.log.wait("service-vanished", 10, since, service=urn)) - left
    expect(code == 0, f"the server ended with {code}")
    expect(guest.log.named("left"), "it does not say that it has left")
    expect(vanished < 2.5, f"the service vanished {vanished:.1f} s after SIGTERM")
    gone = client.asked(urn, "who is there")
    expect(isinstance(gone, dict), f"answered by {gone}")
    stage.silent()  # its lease runs while other steps are shown
    return f"appeared {appeared:.1f} s after its process started; vanished {vanished:.1f} s after SIGTERM; then asked: {gone['event']}"
