"""What was tried with whom and what came of it: collected by the steps, kept in docs/interop.md.

The document is written by `--write` and compared otherwise. A result that the document calls `yes` and
this run does not is a regression; versions may differ from machine to machine.
"""

from dataclasses import dataclass, field
from pathlib import Path

from ..processes import LabError
from ..steps import Failed
from ..upnp import UPnPFault

YES, NO, NOT_TRIED = "yes", "**no**", "–"


@dataclass(frozen=True)
class Section:
    """A table of the document."""

    title: str
    text: str
    first: str
    columns: tuple
    rows: tuple


@dataclass
class Row:
    """One peer in one table: a result for each column, and remarks."""

    section: Section
    peer: str
    version: str = ""
    cells: dict = field(default_factory=dict)
    remarks: list = field(default_factory=list)
    seen: list = field(default_factory=list)

    def check(self, column: str, look):
        """Calls `look`, which returns what it saw or raises; what goes wrong is kept, and the rest goes on."""
        assert column in self.section.columns, column
        try:
            seen = look()
        except (Failed, LabError, UPnPFault, OSError, LookupError, ValueError) as error:
            self.cells[column] = NO
            self.seen.append(f"{column}: NOT SHOWN: {type(error).__name__}: {error}")
            return None
        # Of several looks for one column, each has to succeed.
        self.cells.setdefault(column, YES)
        self.seen.append(f"{column}: {seen}" if isinstance(seen, str) else column)
        return seen

    def cannot(self, column: str, because: str) -> None:
        """The peer has no such thing to show, and why; a remark in the document."""
        assert column in self.section.columns, column
        self.cells[column] = NOT_TRIED
        self.remark(because)

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)

    def finish(self) -> str:
        """The evidence of the step, which fails if a column was not shown."""
        text = "\n".join(self.seen)
        wrong = [column for column in self.section.columns if self.cells.get(column, NO) == NO]
        if wrong:
            raise Failed(f"with {self.peer}, not shown: {', '.join(wrong)}\n{text}")
        return text


class Table:
    """All rows of this run."""

    def __init__(self, sections: tuple, document: Path):
        self.sections, self.document = sections, document
        self.rows: dict[tuple, Row] = {}

    def row(self, section: Section, peer: str, version: str = "") -> Row:
        assert peer in section.rows, f"{peer} is not in the list of {section.title}"
        row = self.rows[section.title, peer] = Row(section, peer, version)
        return row

    def regressions(self) -> list[str]:
        """What the document promises and this run did not show, of what this run tried."""
        written, found = self._written(), []
        for (title, peer), row in self.rows.items():
            for column, cell in written.get((title, peer), {}).items():
                if column in row.section.columns and cell == YES != row.cells.get(column, NO):
                    found.append(f"{title}, {peer}: {column} was {cell} and is {row.cells.get(column, NO)}")
        return found

    def text(self) -> str:
        """The document: this run's rows, and for what it left out, those that stand there already."""
        written, parts = self._written(), [_HEAD]
        for section in self.sections:
            head = [section.first, "Version", *section.columns, "Remarks"]
            parts += [f"\n## {section.title}\n", section.text, "", _line(head), _line(["---"] * len(head))]
            for peer in section.rows:
                if row := self.rows.get((section.title, peer)):
                    cells = [row.cells.get(column, NO) for column in section.columns]
                    parts.append(_line([peer, row.version or NOT_TRIED, *cells, " ".join(row.remarks)]))
                elif old := written.get((section.title, peer)):
                    parts.append(_line([peer, *(old.get(name, NOT_TRIED) for name in head[1:])]))
        return "\n".join(parts) + "\n"

    def _written(self) -> dict[tuple, dict[str, str]]:
        """The cells that stand in the document, by section, peer and column."""
        found, title, head = {}, "", []
        for line in self.document.read_text().splitlines() if self.document.exists() else []:
            if line.startswith("## "):
                title, head = line[3:], []
            elif line.startswith("| "):
                cells = [cell.strip() for cell in line.strip("|").split("|")]
                if not head:
                    head = cells
                elif cells[0] != "---":
                    found[title, cells[0]] = dict(zip(head[1:], cells[1:]))
        return found


def _line(cells) -> str:
    return "| " + " | ".join(cells) + " |"


_HEAD = """# Interoperation

Who was tried with what, and what came of it. The laboratory writes this file: `make lab ARGS='--only interop --write'`
runs every pair below in network namespaces and puts its results here, and every other `make lab` fails when a `yes` here is
no longer one. Versions are those of the run that wrote it. “–” means that the peer has nothing to show there; the remarks
say why."""
