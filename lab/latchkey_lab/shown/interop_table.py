"""What the interoperation steps found, held against docs/interop.md."""

from ..laboratory import Laboratory
from ..steps import Skipped, expect, step


@step("no result of docs/interop.md is lost")
def interop_table(lab: Laboratory):
    if "interop" not in lab.__dict__ or not lab.interop.table.rows:
        raise Skipped("no pair was tried in this run")
    table = lab.interop.table
    if lab.writes_interop:
        table.document.write_text(table.text())
        return f"{len(table.rows)} pairs written to {table.document.name}"
    lost = table.regressions()
    expect(not lost, "lost:\n" + "\n".join(lost))
    differs = table.document.read_text() != table.text() if table.document.exists() else True
    hint = "; the document differs in other words: make lab ARGS='--only interop --write'" if differs else ""
    return f"{len(table.rows)} pairs, {sum(map(len, (row.cells for row in table.rows.values())))} results{hint}"
