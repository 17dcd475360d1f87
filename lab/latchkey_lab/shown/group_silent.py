"""A member that dies without a word; last, so that its lease runs while the other steps are shown."""

import time

from ..groups.member import moment
from ..laboratory import Laboratory
from ..steps import expect, step

LEASE = 90  # seconds


@step("a server that dies without a word is noticed by its lease: its services vanish and a new epoch begins")
def group_silent_death(lab: Laboratory):
    stage = lab.groups
    dead, since = stage.silent()
    client = stage.client_of("both")
    servers = [server for server in stage.servers if server is not dead]
    mark = stage.silent_mark
    left = LEASE * 1.4 + 20 - (time.time() - since)
    vanished = moment(client.log.wait("service-vanished", max(5, left), mark, service=stage.silent_service)) - since
    departed = stage.gateway.log.wait("group-departed", 10, 0, id=dead.name)
    epoch = stage.epoch
    stage.converged(epoch, servers, 10)
    expect(vanished > LEASE * 0.6, f"its service vanished after {vanished:.1f} s, before its lease was over")
    return f"killed with SIGKILL; its service vanished and `group-departed` came {vanished:.0f} s later (lease {LEASE} s); {departed['message'][:80]}"
