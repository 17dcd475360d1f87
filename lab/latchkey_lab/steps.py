"""What the lab shows, step by step, and the report of it."""

import json
import re
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from .processes import LabError
from .upnp import UPnPFault


class Failed(AssertionError):
    """Something was shown to be otherwise than promised."""


def expect(condition, sentence: str) -> None:
    """The sentence is what the reader of a failed report sees: what was seen, and what was promised."""
    if not condition:
        raise Failed(sentence)


class Skipped(Exception):
    """The step has nothing to stand on here; the sentence says what is missing."""


@dataclass(frozen=True)
class Step:
    """A promise, and the function that shows it: it returns its evidence, or raises."""

    name: str
    sentence: str
    show: object


@dataclass
class Outcome:
    name: str
    sentence: str
    ok: bool
    evidence: str
    seconds: float
    skipped: bool = False


_registry: list[Step] = []


def step(sentence: str):
    """Adds a function to the lab, in the order of the files' import; its name is what `--only` matches."""

    def register(function):
        _registry.append(Step(function.__name__.replace("_", "-"), sentence, function))
        return function

    return register


def all_steps() -> list[Step]:
    return list(_registry)


def select(patterns: list[str]) -> list[Step]:
    """The steps whose name or sentence contains one of the patterns; all of them without one."""
    if not patterns:
        return all_steps()
    wanted = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
    return [one for one in _registry if any(p.search(one.name) or p.search(one.sentence) for p in wanted)]


def perform(chosen: list[Step], lab, verbose: bool) -> list[Outcome]:
    """Shows each step; a failed one does not stop those after it."""
    outcomes = []
    for number, one in enumerate(chosen, 1):
        started = time.monotonic()
        ok, evidence, skipped = False, "", False
        try:
            evidence = one.show(lab) or ""
            ok = True
        except Skipped as reason:
            ok, skipped, evidence = True, True, str(reason)
        except (Failed, LabError, UPnPFault, OSError, LookupError, ValueError) as error:
            evidence = f"{'' if isinstance(error, Failed) else type(error).__name__ + ': '}{error}"
            if verbose:
                evidence += "\n" + traceback.format_exc(limit=-6).rstrip()
        if crashed := lab.crashed():
            ok, evidence = False, f"{evidence}\n{crashed}"
        outcomes.append(Outcome(one.name, one.sentence, ok, evidence, time.monotonic() - started, skipped))
        print(line(number, outcomes[-1]), flush=True)
    return outcomes


def line(number: int, outcome: Outcome) -> str:
    mark = "FAIL" if not outcome.ok else "SKIP" if outcome.skipped else "OK  "
    text = f"{number:3} {mark} {outcome.seconds:5.1f} s  {outcome.name}: {outcome.sentence}"
    for part in outcome.evidence.splitlines():
        text += f"\n              {part}"
    return text


def write_report(folder: Path, outcomes: list[Outcome], facts: dict) -> None:
    """report.txt for a reader, report.json for a program."""
    failed = sum(not outcome.ok for outcome in outcomes)
    text = [f"{key}: {value}" for key, value in facts.items()]
    text += [line(number, outcome) for number, outcome in enumerate(outcomes, 1)]
    text.append(summary(outcomes))
    (folder / "report.txt").write_text("\n".join(text) + "\n")
    document = {**facts, "failed": failed, "steps": [vars(outcome) for outcome in outcomes]}
    (folder / "report.json").write_text(json.dumps(document, indent=2) + "\n")


def summary(outcomes: list[Outcome]) -> str:
    failed = sum(not outcome.ok for outcome in outcomes)
    total = sum(outcome.seconds for outcome in outcomes)
    skipped = sum(outcome.ok and outcome.skipped for outcome in outcomes)
    left_out = f", {skipped} left out" if skipped else ""
    return f"lab: {len(outcomes) - failed - skipped} steps shown, {failed} not{left_out}, in {total:.0f} s"
