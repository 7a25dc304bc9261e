"""The table of `make crash`: what each scenario came to, and the promise that it shows.

Its shape is the same at every run; the counts of runs with kills differ, since what was in flight differs.
"""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

COUNTS = ("kills", "due", "hands", "taken", "lost", "ghost", "duplicated", "recovered", "early", "late", "overtaken")
_PROMISES = re.compile(r"P\d+(?:–P\d+)?")
_HEAD = """# What the crash tests came to

Written by `make crash`; each scenario is a test in `tests/crash/`, and the harness is described in
[its folder](../tests/crash/harness/README.md). {machine}, {seconds:.0f} s in all: **{verdict}**.

## Counted outside of the product

The peers keep a ledger of what they took; a pure checker compares it with an independent list of who is due, with the
instants of the kills and with what the product tells. *Lost*: due and not reached, for no reason that the ledger knows.
*Ghost*: told, and not due. *Duplicated*: copies beyond the first, each explained by a lost reply or by a kill in the
middle of it (P3). *Recovered*: reached although something had gone wrong before. *Early*: before its time, or before a
peer wanted it again. *Late*: begun more than a second after its notice had ended (P5). *Overtaken*: after its own
update, or an emergency behind what had waited (P4). *Broken*: breaches of a promise.

"""
_ALL = """
## All scenarios

"""


class Ran(NamedTuple):
    """Record of a test that has run."""

    module: str
    """The file's name without `.py`."""
    name: str
    """The test's name with its parameters."""
    outcome: str
    seconds: float
    counted: Mapping[str, Any] | None
    """Counts of its checker; None if it judges by itself."""


def promises(words: str) -> str:
    """Promises named in a test file's docstring."""
    named = re.findall(r"\((P[^)]*)\)", words)
    return ", ".join(dict.fromkeys(_PROMISES.findall(" ".join(named))))


def page(ran: Sequence[Ran], words: Mapping[str, str]) -> str:
    """The whole page. `words`: by module, what its first line says."""
    failed = sum(one.outcome == "failed" for one in ran)
    head = _HEAD.format(
        machine=_machine(),
        seconds=sum(one.seconds for one in ran),
        verdict=f"{failed} of {len(ran)} failed" if failed else f"all {len(ran)} passed",
    )
    return head + _counted(ran, words) + _ALL + _every(ran, words)


def _counted(ran: Iterable[Ran], words: Mapping[str, str]) -> str:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    modules: dict[tuple[str, str], str] = {}
    for one in ran:
        if one.counted is not None:
            key = (str(one.counted["scenario"]), str(one.counted["database"]))
            groups[key].append(one.counted)
            modules[key] = one.module
    rows = []
    for (scenario, database), found in sorted(groups.items()):
        seeds = sorted({int(each["seed"]) for each in found if each["seed"] is not None})
        sums = [f"{sum(int(each[name]) for each in found):,}" for name in COUNTS]
        broken = sum(len(each["breaches"]) for each in found)
        shows = promises(words.get(modules[scenario, database], ""))
        rows.append([scenario, database, str(len(found)), _spans(seeds), *sums, str(broken), shows])
    return _table(["scenario", "database", "runs", "seeds", *COUNTS, "broken", "shows"], rows)


def _every(ran: Iterable[Ran], words: Mapping[str, str]) -> str:
    groups: dict[str, list[Ran]] = defaultdict(list)
    for one in ran:
        groups[one.module].append(one)
    rows = []
    for module, found in sorted(groups.items()):
        by = {outcome: sum(one.outcome == outcome for one in found) for outcome in ("passed", "failed", "skipped")}
        said = words.get(module, "")
        what = re.sub(r"\s*\(P[^)]*\)", "", said).rstrip(".")
        seconds = f"{sum(one.seconds for one in found):.0f}"
        rows.append([f"`{module}.py`", what, promises(said), *map(str, by.values()), seconds])
    return _table(["file", "what", "shows", "passed", "failed", "skipped", "seconds"], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _spans(numbers: Sequence[int]) -> str:
    """1, 2, 3, 7 as `1–3, 7`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    return ", ".join("–".join(map(str, span)) for span in spans)


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"


def first_line(file: Path) -> str:
    """The first paragraph of a test file's docstring."""
    words = file.read_text().split('"""')[1].split("\n\n")[0]
    return " ".join(words.split())
