"""Some cells of the grid of NATs, so that every run has each way that a session can end up."""

from ..laboratory import Laboratory
from ..nat.grid import FEW, run
from ..nat.results import faults, line, pairs
from ..steps import expect, step


@step("NATs: one cell of the grid for each way that a session can end up, and one by IPv6 through two firewalls")
def traversal_grid(lab: Laboratory):
    cells = pairs(FEW)
    run(cells, f"{lab.network.prefix}n-", lab.binaries, lab.work, lab.logs / "nat", settling=7)
    wrong = faults(cells)
    expect(not wrong, "; ".join(wrong))
    expect([cell.path for cell in cells] == _ENDS, f"the paths are {[f'{cell.place}: {cell.path}' for cell in cells]}")
    return "\n".join(line(cell, one).strip() for cell in cells for one in cell.rounds)


#: Of those cells, in their order.
_ENDS = ["direct", "punched", "turn", "punched", "turn", "relay", "direct"]
