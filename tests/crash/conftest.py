"""Report of what the crash tests count: CRASH_REPORT=FILE has them write a page when they are through."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.crash.harness.checker import Verdict
from tests.crash.harness.report import Ran, first_line, page

Counted = Callable[..., None]


@pytest.fixture
def counted(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Counted:
    """`counted(verdict, scenario="…", database="…", kills=0, seed=None)` puts a run into the table of `make crash`."""

    def count(verdict: Verdict, *, scenario: str, database: str, kills: int = 0, seed: int | None = None) -> None:
        said = {"scenario": scenario, "database": database, "kills": kills, "seed": seed}
        record_property("crash", msgspec.to_builtins(verdict) | said)
        few = msgspec.structs.replace(verdict, breaches=verdict.breaches[:10])
        print(f"\n{scenario} on {database}, seed {seed}, {kills} kills: {few}")

    return count


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the page, where it is wanted."""
    file = os.environ.get("CRASH_REPORT")
    if not file:
        return
    ran, words = [], dict[str, str]()
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            where = Path(report.nodeid.partition("::")[0])
            if "crash" not in where.parts:
                continue
            words[where.stem] = first_line(Path(str(terminalreporter.config.rootpath)) / where)
            found = [value for name, value in report.user_properties if name == "crash"]
            name = report.nodeid.partition("::")[2]
            ran += [Ran(where.stem, name, outcome, report.duration, one) for one in found or [None]]
    Path(file).write_text(page(ran, words))
    terminalreporter.write_line(f"written to {file}")
