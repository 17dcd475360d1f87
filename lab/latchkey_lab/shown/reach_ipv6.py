"""The home's router opens its IPv6 firewall for the gateway, asked by PCP and by UPnP."""

import json
import time

from ..laboratory import Laboratory
from ..reach.lan import HOME6
from ..steps import expect, step

_OWN = f"{HOME6}::10"
_OPEN = [f"tcp 48100 {_OWN}", f"udp 48100 {_OWN}"]
_WAYS = (("pcp", "PCP", {"upnp": False}), ("igd", "UPnP IGD", {"natpmp": False}))
_OPENED = "the router's IPv6 firewall lets clients in"


def _router(lab: Laboratory, protocols: dict) -> None:
    lab.reach.router.start("ext_ifname6=wan", **protocols)


def _doctor(lab: Laboratory) -> tuple[str, dict]:
    gateway = lab.reach.gateway
    words = ("doctor", "--state", gateway.state)
    return gateway.command(*words).stdout, json.loads(gateway.command(*words, "--json").stdout)


@step("IPv6 behind a firewall: a client on the IPv6 internet gets in once the router has opened it, by PCP and by UPnP, and neither before nor after")
def reach_ipv6(lab: Laboratory):
    stage, said = lab.reach, []
    with stage.lan.ipv6():
        for way, name, protocols in _WAYS:
            _router(lab, protocols)
            with stage.served("--mapping", "off"):
                expect(not stage.router.pinholes(), f"open before: {stage.router.pinholes()}")
                expect(not stage.connects(_OWN, 48100), "the firewall lets everybody in")
                text, report = _doctor(lab)
                expect(report["ipv6"]["state"] == "unknown" and "is not known" in text, f"not asked: {text}")
            _router(lab, protocols)
            with stage.served("--mapping", way) as gateway:
                line = gateway.wait_for(_OPENED, timeout=20)
                expect(f"[{_OWN}]:48100" in line and name in line, f"it says: {line}")
                lab.wait_until(lambda: stage.router.pinholes() == _OPEN, 5, f"open: {stage.router.pinholes()}")
                expect(stage.connects(_OWN, 48100), "the port cannot be reached from outside")
                expect(f"[{_OWN}]:48100" in stage.codes_addresses(), f"clients are told {stage.codes_addresses()}")
                text, report = _doctor(lab)
                expect(report["ipv6"] == {"address": _OWN, "state": "open", "reason": f"opened by {name}"}, f"{report}")
                with stage.lan.without_ipv4("client"):
                    client = stage.fresh_client()
                    stage.switch_over_both(client)
                code = stage.gateway.stop()
                expect(code == 0, f"the gateway ended with {code}")
                expect(not stage.router.pinholes(), f"after the end: {stage.router.pinholes()}")
            said.append(line.strip())
    return "; ".join(said) + "; paired and switched the light over TLS and over QUIC without IPv4; closed at the end"


@step("the gateway killed: its pinholes are found again and closed at the end; started without mapping, they are closed at once")
def reach_ipv6_killed(lab: Laboratory):
    stage, said = lab.reach, []
    with stage.lan.ipv6():
        for way, _, protocols in _WAYS:
            _router(lab, protocols)
            for again in (way, "off"):
                stage.gateway.begin("--mapping", way)
                lab.wait_until(lambda: stage.router.pinholes() == _OPEN, 20, f"{way}: open: {stage.router.pinholes()}")
                stage.gateway.kill()
                expect(stage.router.pinholes() == _OPEN, f"after the kill: {stage.router.pinholes()}")
                stage.gateway.begin("--mapping", again)
                if again == way:
                    stage.gateway.process.wait_for(_OPENED, timeout=20)
                    expect(stage.router.pinholes() == _OPEN, f"{way}, again: {stage.router.pinholes()}")
                else:
                    lab.wait_until(lambda: not stage.router.pinholes(), 15, f"{way}: still open: {stage.router.pinholes()}")
                stage.gateway.stop()
                # miniupnpd 2.3.1 refuses PCP's removal of a pinhole that was renewed; then it is given the shortest life.
                ended = time.monotonic()
                lab.wait_until(lambda: not stage.router.pinholes(), 30, f"{way}: after the end: {stage.router.pinholes()}")
                said.append(f"{way}, then {again}: closed {time.monotonic() - ended:.0f} s after the end")
            stage.router.stop()
            stage.router.forget()
    return "; ".join(said)
