"""Events from home, for apps away."""

import time
import xml.etree.ElementTree as ET

from .. import capture, upnp
from ..gena import Subscriber
from ..laboratory import Laboratory
from ..steps import expect, step
from .discovery import UPNP_CLIENT


def _volumes(events) -> list[int]:
    """The volumes that LastChange events tell, in order."""
    found = []
    for event in events:
        change = event.properties.get("LastChange", "")
        for element in ET.fromstring(change).iter() if change else ():
            if element.tag.endswith("}Volume") and element.get("channel", element.get("Channel", "Master")) == "Master":
                found.append(int(element.get("val")))
    return found


@step("two apps away hear a volume change at home, in order, over one subscription at home")
def volume_heard(lab: Laboratory):
    location = lab.mirror(lab.renderer.udn)
    with lab.laptop.host.inside():
        events_url = upnp.describe(location).service("RenderingControl").events
    pcap = capture.Capture(lab.renderer.host, lab.work / "subscriptions.pcap", "tcp and port 49494")
    place = (lab.laptop.host, lab.laptop.address)
    with Subscriber(*place) as first, Subscriber(*place) as second:
        for subscriber in (first, second):
            subscriber.subscribe(events_url)
            subscriber.wait(1)
        with lab.host("home-a").inside():
            at_home = upnp.describe(lab.renderer.location)
            for volume in (21, 43, 65):
                asked = time.monotonic()
                upnp.invoke(
                    at_home, "RenderingControl", "SetVolume", InstanceID=0, Channel="Master", DesiredVolume=volume
                )
                # One event at a time: a publisher may merge changes that come within 200 ms.
                for subscriber in (first, second):
                    lab.wait_until(
                        lambda one=subscriber, wanted=volume: wanted in _volumes(one.events), 5, f"volume {volume} was not heard"
                    )
        delay = max(one.events[-1].at for one in (first, second)) - asked
        for subscriber in (first, second):
            sequence = [event.seq for event in subscriber.events]
            expect(sequence == list(range(len(sequence))), f"SEQ is {sequence}")
            expect({event.sid for event in subscriber.events} == {subscriber.sid}, "an event with another's SID")
            expect(_volumes(subscriber.events)[-3:] == [21, 43, 65], f"volumes heard: {_volumes(subscriber.events)}")
        expect(first.sid != second.sid, "both subscribers were given one SID")
        for subscriber in (first, second):
            subscriber.unsubscribe()
        time.sleep(0.5)
        file = pcap.stop()
    rows = capture.fields(file, 'http.request.method == "SUBSCRIBE"', "ip.src", "http.request.uri",
                          options=("-d", "tcp.port==49494,http"))  # fmt: skip
    home = [row for row in rows if "rendercontrol" in row[1].lower() or "renderingcontrol" in row[1].lower()]
    expect(len(home) <= 1, f"{len(home)} SUBSCRIBE requests for one service at home: {home}")
    expect(all(row[0] == lab.address("home-a") for row in rows), f"a subscription from elsewhere: {rows}")
    return f"SEQ 0…{sequence[-1]} for both, {delay * 1000:.0f} ms after the change; SUBSCRIBE at home: {len(home)}"


@step("async-upnp-client subscribes from away and prints the light's event")
def light_heard(lab: Laboratory):
    location = lab.demo_location("Light")
    listener = lab.laptop.host.start(
        "upnp-client", UPNP_CLIENT, "subscribe", location, "SwitchPower", log=lab.logs / "upnp-client.log",
        env={"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        listener.wait_for('"Status"', 10)
        with lab.laptop.host.inside():
            light = upnp.describe(location)
            before = upnp.invoke(light, "SwitchPower", "GetStatus")["ResultStatus"]
            upnp.invoke(light, "SwitchPower", "SetTarget", newTargetValue="0" if before == "1" else "1")
        heard = lab.wait_until(lambda: listener.output().count('"Status"') >= 2, 5, "no event after the switch")
    finally:
        listener.stop()
    last = [line for line in listener.output().splitlines() if '"Status"' in line][-1]
    expect(heard, "nothing heard")
    return last.strip()[-160:]
