"""A crowd of members, and one of them evicted."""

import os

from ..groups.crowd import Counted, start
from ..groups.small import SmallGroup
from ..laboratory import Laboratory
from ..steps import expect, step

# A debug build registers a few in a second, and its members fall behind the epochs of a thousand joins; the release build
# takes a thousand (`make bench`, or LATCHKEY_LAB_CROWD=1000 with the release build).
CROWD = int(os.environ.get("LATCHKEY_LAB_CROWD", "150"))
# Registrations of many devices from two addresses are as many from two sources: the limit for each is raised.
SETTINGS = {"LATCHKEY_GROUP_REGISTRATIONS_PER_SECOND": "5000"}


@step(f"{CROWD:,} members, one is evicted: seconds to the new epoch for the last of the others, packets and bytes")
def group_of_many(lab: Laboratory):
    place = (lab.binaries, lab.work / "crowd", lab.logs / "crowd", f"{lab.network.prefix}c-")
    with SmallGroup(*place, ("many-1", "many-2"), SETTINGS) as group:
        crowds, took = start(group, CROWD, 180)
        epoch = int(group.gateway.group("status")["epoch"])
        lab.wait_until(
            lambda: sum(len(crowd.entered(epoch)) for crowd in crowds) >= CROWD, 60, f"not all are in epoch {epoch}"
        )
        one = Counted(group, crowds, crowds[0].ids[7])
        again = [event for crowd in crowds for event in crowd.log.named("registered")]
        expect(len(again) == CROWD, f"{len(again)} registrations of {CROWD}")
        for crowd in crowds:
            crowd.process.kill()
    return (
        f"{CROWD:,} registered in {took:.1f} s ({CROWD / took:.0f}/s, with the derivation for laboratories); evicted: half of the "
        f"others on epoch {one.epoch} after {one.median:.2f} s, the last after {one.last:.2f} s; {one.rekeys} rekey datagrams of "
        f"{one.rekey_bytes:,} bytes, in all {one.packets} datagrams of {one.bytes:,} bytes until then"
    )
