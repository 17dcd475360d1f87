"""The home's router passes the gateway's port on, of TCP and of UDP, asked by each of three protocols."""

import time

from ..laboratory import Laboratory
from ..reach.lan import HOME_WAN
from ..steps import expect, step


_MAPPED = ["tcp 48100 192.168.77.10:48100", "udp 48100 192.168.77.10:48100"]


def _shown(lab: Laboratory, way: str, name: str, **router) -> str:
    """Maps by one way alone, and uses it: a client pairs by a code with the mapped address, and switches the light over
    TLS, then over QUIC."""
    stage = lab.reach
    stage.router.start(**router)
    expect(not stage.router.mappings(), "something is mapped before the gateway runs")
    asked = time.monotonic()
    with stage.served("--mapping", way) as gateway:
        line = gateway.wait_for("reachable from outside", timeout=15)
        took = time.monotonic() - asked
        expect(f"{HOME_WAN}:48100" in line and name in line, f"it says: {line}")
        gateway.wait_for(f"the router passes UDP {HOME_WAN}:48100 on", timeout=15)
        expect(stage.router.mappings() == _MAPPED, f"the router has {stage.router.mappings()}")
        expect(stage.connects(HOME_WAN, 48100), "the port cannot be reached from outside")
        client = stage.fresh_client()
        stage.switch_over_both(client)
        code = stage.gateway.stop()
        expect(code == 0, f"the gateway ended with {code}")
        expect(not stage.router.mappings(), f"after the end the router still has {stage.router.mappings()}")
        expect(not stage.connects(HOME_WAN, 48100), "the port is open after the end")
    return f"{line.strip()}, {took:.1f} s after the start; paired and switched the light through it over TLS and over QUIC; gone at the end"


@step("PCP alone: the router maps the gateway's port, a client away pairs through it and switches a light over TLS, and over QUIC through the UDP port; gone at the end")
def reach_pcp(lab: Laboratory):
    return _shown(lab, "pcp", "PCP", upnp=False)


@step("NAT-PMP alone: the same")
def reach_natpmp(lab: Laboratory):
    return _shown(lab, "natpmp", "NAT-PMP", upnp=False)


@step("UPnP IGD:2 alone: the same, by AddAnyPortMapping")
def reach_igd2(lab: Laboratory):
    return _shown(lab, "igd", "UPnP IGD", natpmp=False)


@step("UPnP IGD:1 alone: the same, by AddPortMapping")
def reach_igd1(lab: Laboratory):
    return _shown(lab, "igd", "UPnP IGD", natpmp=False, igd1=True)


@step("all at once: the first that answers wins, and the port is mapped once; what worked is tried first the next time")
def reach_raced(lab: Laboratory):
    lab.reach.forget_what_worked()
    first = _shown(lab, "auto", "PCP")
    lab.reach.forget_what_worked()
    other = _shown(lab, "auto", "UPnP IGD", natpmp=False)
    again = _shown(lab, "auto", "UPnP IGD")
    return f"{first}\na router with UPnP alone: {other}\nthe same router with everything: {again}"


@step("the gateway killed: the next start finds its mapping again, renews it, and removes it at its end")
def reach_killed(lab: Laboratory):
    stage = lab.reach
    for way, router in (("pcp", {"upnp": False}), ("natpmp", {"upnp": False}), ("igd", {"natpmp": False})):
        stage.router.start(**router)
        stage.gateway.begin("--mapping", way)
        stage.gateway.process.wait_for("the router passes UDP", timeout=15)
        stage.gateway.kill()
        left = stage.router.mappings()
        expect(left == _MAPPED, f"after the kill the router has {left}")
        with stage.served("--mapping", way) as gateway:
            line = gateway.wait_for("reachable from outside", timeout=15)
            expect(f"{HOME_WAN}:48100" in line, f"it says: {line}")
            gateway.wait_for(f"the router passes UDP {HOME_WAN}:48100 on", timeout=15)
            expect(stage.router.mappings() == left, f"the router has {stage.router.mappings()}")
            stage.gateway.stop()
            expect(not stage.router.mappings(), f"after the end the router still has {stage.router.mappings()}")
    return "by PCP, NAT-PMP and IGD: found again, and gone after the end"


@step("the gateway killed, and started again without mapping: what was left open is closed")
def reach_switched_off(lab: Laboratory):
    stage = lab.reach
    for way, router in (("pcp", {"upnp": False}), ("natpmp", {"upnp": False}), ("igd", {"natpmp": False})):
        stage.router.start(**router)
        stage.gateway.begin("--mapping", way)
        stage.gateway.process.wait_for("the router passes UDP", timeout=15)
        stage.gateway.kill()
        expect(stage.router.mappings() == _MAPPED, f"after the kill the router has {stage.router.mappings()}")
        with stage.served("--mapping", "off"):
            lab.wait_until(lambda: not stage.router.mappings(), 10, f"{way}: the mapping is still there")
    return "by PCP, NAT-PMP and IGD"


@step("a router that was restarted has forgotten everything: the mapping is back by itself")
def reach_restarted(lab: Laboratory):
    stage = lab.reach
    said = []
    for way, router in (("pcp", {"upnp": False}), ("natpmp", {"upnp": False}), ("igd", {"natpmp": False})):
        stage.router.start(**router)
        with stage.served("--mapping", way) as gateway:
            gateway.wait_for("the router passes UDP", timeout=15)
            # By its epoch alone a router that was young before cannot be told from one that is young again.
            time.sleep(10)
            stage.router.stop()
            stage.router.forget()
            time.sleep(2)
            stage.router.start(**router)
            asked = time.monotonic()
            lab.wait_until(
                lambda: stage.router.mappings() == _MAPPED, 60, f"{way}: not everything is mapped again"
            )  # fmt: skip
            said.append(f"{way}: back after {time.monotonic() - asked:.0f} s")
    return "; ".join(said)


@step("another host has the port already: the gateway gets another one, and its codes carry that")
def reach_conflict(lab: Laboratory):
    stage = lab.reach
    stage.router.start(natpmp=False, igd1=True)
    taken = stage.host("devices").run("upnpc", "-a", "192.168.77.30", "48100", "48100", "TCP", "600", check=False)
    theirs = "tcp 48100 192.168.77.30:48100"
    expect(stage.router.mappings() == [theirs], f"upnpc said: {taken.stdout[-200:]}")
    with stage.served("--mapping", "igd") as gateway:
        line = gateway.wait_for("reachable from outside", timeout=15)
        port = int(line.split(f"{HOME_WAN}:")[1].split(",")[0])
        expect(port != 48100 and stage.connects(HOME_WAN, port), f"it says: {line}")
        gateway.wait_for(f"the router passes UDP {HOME_WAN}:{port} on", timeout=15)
        client = stage.fresh_client()
        client.start("--carrier", "quic")
        stage.switch(client)
        client.stop()
        stage.gateway.stop()
        left = stage.router.mappings()
        expect(left == [theirs], f"after the end the router has {left}")
    return f"port {port} of TCP and of UDP, paired and switched the light through it; the other host's mapping is untouched"


@step("no router that maps: the gateway says for each protocol why not, and serves all the same")
def reach_nobody(lab: Laboratory):
    stage = lab.reach
    stage.router.stop()
    with stage.served() as gateway:
        lines = [gateway.wait_for(f"{name}: ", timeout=20) for name in ("PCP", "NAT-PMP", "UPnP IGD")]
        code = stage.gateway.stop()
    expect(code == 0, f"the gateway ended with {code}")
    return "; ".join(line.strip() for line in lines)
