"""Devices and lines that come and go: the mirrors tell the truth."""

import time

from .. import upnp
from ..gena import Subscriber
from ..laboratory import Laboratory
from ..ssdp import Watch
from ..steps import expect, step
from .media_paths import media_url


def _watch(lab: Laboratory) -> Watch:
    """What an app on the client's own host hears."""
    return Watch(lab.laptop.host, lab.laptop.address)


@step("a silent cut of the tunnel: byebye for every mirror within 10 s and one")
def tunnel_cut(lab: Laboratory):
    for udn in (lab.server_udn, lab.renderer.udn):
        lab.mirror(udn)
    with _watch(lab) as heard:
        with lab.network.tunnel_cut():
            cut = time.monotonic()
            said = [heard.wait("byebye", udn, cut, 13, lab.laptop.address) for udn in (lab.server_udn, lab.renderer.udn)]
            delay = max(message.at for message in said) - cut
            expect(delay <= 11, f"byebye {delay:.1f} s after the cut")
            time.sleep(0.5)
            late = [m for m in heard.messages if m.kind == "alive" and m.at > said[-1].at and m.source == lab.laptop.address]
            expect(not late, f"{len(late)} announcements after the byebye")
        mended = time.monotonic()
        back = heard.wait("alive", lab.server_udn, mended, 40, lab.laptop.address)
        took = back.at - mended
    evidence = f"byebye {delay:.1f} s after the cut; mended: alive again after {took:.1f} s, nobody touched it"
    with lab.laptop.host.inside():
        description = upnp.describe(back.location)
        photo = upnp.find_item(description.control_url("ContentDirectory"), "Photo", "64", 1)
        expect(upnp.request("GET", photo.resources[0]).status == 200, "the photograph cannot be fetched")
    return evidence


@step("a device's own byebye is repeated away within a second, and its return too")
def device_leaves(lab: Laboratory):
    lab.mirror(lab.server_udn)
    with Watch(lab.host("home-e"), lab.address("home-e")) as at_home, _watch(lab) as away:
        asked = time.monotonic()
        lab.server.stop()
        home = at_home.wait("byebye", lab.server_udn, asked, 5)
        mirror = away.wait("byebye", lab.server_udn, asked, 5, lab.laptop.address)
        delay = mirror.at - home.at
        expect(delay <= 1, f"the mirror's byebye came {delay:.2f} s after the device's")
        asked = time.monotonic()
        lab.server.start()
        home_again = at_home.wait("alive", lab.server_udn, asked, 10)
        again = away.wait("alive", lab.server_udn, asked, 15, lab.laptop.address)
    return f"byebye {delay * 1000:.0f} ms after the device's own; alive {again.at - home_again.at:.1f} s after it"


@step("a device that was killed and comes back at another port: an app away is told so, and hears it again")
def device_restarts(lab: Laboratory):
    location = lab.demo_location("Light")
    with lab.laptop.host.inside():
        udn = upnp.describe(location).udn
    place = (lab.laptop.host, lab.laptop.address)
    with Subscriber(*place) as app, Subscriber(*place) as again, _watch(lab) as heard:
        with lab.laptop.host.inside():
            app.subscribe(upnp.describe(location).service("SwitchPower").events)
        app.wait(1)
        lab.demo.kill()
        killed = time.monotonic()
        lab.restart_demo()
        told = heard.wait("alive", udn, killed, 20, lab.laptop.address)
        lab.wait_until(lambda: _light_answers(lab), 20, "the light does not answer again away")
        light = _describe(lab, lab.demo_location("Light"))
        again.subscribe(light.service("SwitchPower").events)
        again.wait(1)
        for target in (1, 0):
            with lab.laptop.host.inside():
                upnp.invoke(light, "SwitchPower", "SetTarget", newTargetValue=target)
            time.sleep(0.5)
        again.wait(2)
        sequences = [[event.seq for event in one.events] for one in (app, again)]
    for sequence in sequences:
        expect(sequence == list(range(len(sequence))), f"SEQ is {sequence}")
    return f"killed without a byebye; alive again away after {told.at - killed:.1f} s; SEQ {sequences[1]} for the subscription after it"


def _describe(lab: Laboratory, location: str) -> upnp.Description:
    with lab.laptop.host.inside():
        return upnp.describe(location)


def _light_answers(lab: Laboratory) -> bool:
    try:
        location = lab.demo_location("Light", timeout=3)
        with lab.laptop.host.inside():
            upnp.invoke(upnp.describe(location), "SwitchPower", "GetStatus")
        return True
    except (OSError, upnp.UPnPFault):
        return False


@step("the gateway killed with SIGKILL: byebye at once; started again, everything is back")
def gateway_killed(lab: Laboratory):
    lab.mirror(lab.server_udn)
    url = media_url(lab, "Photo")
    with _watch(lab) as heard:
        killed = time.monotonic()
        lab.gateway.kill()
        byebye = heard.wait("byebye", lab.server_udn, killed, 12, lab.laptop.address).at - killed
        expect(byebye <= 1, f"byebye {byebye:.2f} s after the gateway's end, which the kernel told at once")
        started = time.monotonic()
        lab.gateway.start(env=lab.gateway_environment)
        back = heard.wait("alive", lab.server_udn, started, 40, lab.laptop.address).at - started
    with lab.laptop.host.inside():
        status = upnp.request("GET", url).status
    expect(status == 200, f"a URL from before the restart is answered with {status}")
    return f"byebye after {byebye * 1000:.0f} ms; alive {back:.1f} s after the start; a URL from before still works"


@step("SIGTERM: the away client says byebye and ends with 0; the gateway too")
def told_to_stop(lab: Laboratory):
    lab.mirror(lab.server_udn)
    with _watch(lab) as heard:
        asked = time.monotonic()
        code = lab.laptop.stop()
        ended = time.monotonic() - asked
        heard.wait("byebye", lab.server_udn, asked, 2, lab.laptop.address)
    expect(code == 0, f"the client ended with {code}")
    asked = time.monotonic()
    gateway_code = lab.gateway.stop()
    gateway_ended = time.monotonic() - asked
    lab.gateway.start(env=lab.gateway_environment)
    expect(gateway_code == 0, f"the gateway ended with {gateway_code}")
    return f"client: byebye, ended after {ended:.1f} s; gateway: ended after {gateway_ended:.1f} s"
