"""Some cells of the grid of NATs, so that every run has each way that a session can end up."""

import socket

from ..laboratory import Laboratory
from ..nat.grid import FEW, run
from ..nat.results import faults, line, pairs
from ..nat.world import World
from ..steps import expect, step

#: How those cells end up, in their order.
_ENDS = ["direct", "punched", "turn", "punched", "turn", "relay", "direct"]


@step("NATs: one cell of the grid for each way that a session can end up, and one by IPv6 through two firewalls")
def traversal_grid(lab: Laboratory):
    closed = _firewalls(lab)
    cells = pairs(FEW)
    run(cells, f"{lab.network.prefix}n-", lab.binaries, lab.work, lab.logs / "nat", settling=7)
    wrong = faults(cells)
    expect(not wrong, "; ".join(wrong))
    expect([cell.path for cell in cells] == _ENDS, f"the paths are {[f'{cell.place}: {cell.path}' for cell in cells]}")
    return "\n".join([line(cell, one).strip() for cell in cells for one in cell.rounds] + [closed])


def _firewalls(lab: Laboratory) -> str:
    """The control of the last cell: a firewall lets nothing in before something has gone out to there."""
    with World(f"{lab.network.prefix}f-", {"ipv6"}, {"ipv6"}) as world:
        home, away = world.homes["ipv6"], world.aways["ipv6"]
        ends = []
        for site in (home, away):
            with site.host.inside():
                end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                end.bind((f"{site.six}:1::10", 40_000))
                end.settimeout(1)
                ends.append(end)

        def passes(sender: int) -> bool:
            ends[sender].sendto(b"hello", (f"{(home, away)[1 - sender].six}:1::10", 40_000))
            try:
                return ends[1 - sender].recv(16) == b"hello"
            except TimeoutError:
                return False

        first, second = passes(1), passes(0)
        for end in ends:
            end.close()
    expect(not first, "the home's firewall for IPv6 lets in what nobody asked for")
    expect(second, "the firewall away does not let in what answers")
    return "the firewalls for IPv6 let in only what was asked for"
