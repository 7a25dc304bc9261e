"""The page of `make crash` adds up what was counted, and says what failed."""

from __future__ import annotations

from typing import Any

from tests.crash.harness.report import COUNTS, Ran, page, promises

WORDS = {"test_random": "Seeds × kills (P1–P3, P5).", "test_disk": "A disk that is full, P9 or not (P1)."}


def counted(seed: int, **what: Any) -> dict[str, Any]:
    return dict.fromkeys(COUNTS, 1) | {"scenario": "random", "database": "sqlite", "seed": seed, "breaches": []} | what


def test_runs_of_one_scenario_are_one_row() -> None:
    ran = [Ran("test_random", f"[{seed}]", "passed", 10.0, counted(seed, due=1000)) for seed in (1, 2, 3, 7)]
    text = page([*ran, Ran("test_disk", "full", "passed", 2.4, None)], WORDS)
    [row] = [line for line in text.splitlines() if line.startswith("| random")]
    assert row == "| random | sqlite | 4 | 1–3, 7 | 4 | 4,000 | 4 | 4 | 4 | 4 | 4 | 4 | 4 | 4 | 4 | 0 | P1–P3, P5 |"
    assert "| `test_disk.py` | A disk that is full, P9 or not | P1 | 1 | 0 | 0 | 2 |" in text
    assert "42 s in all: **all 5 passed**" in text


def test_what_failed_is_said() -> None:
    broken = counted(1, breaches=["P2 lost", "P3 copies"])
    text = page([Ran("test_random", "x", "failed", 1.0, broken), Ran("test_disk", "y", "passed", 1.0, None)], WORDS)
    assert "**1 of 2 failed**" in text
    assert "| 2 | P1–P3, P5 |" in text


def test_promises_are_those_in_brackets() -> None:
    assert promises("P9 is not, this is (P1, P4–P6) and (P8)") == "P1, P4–P6, P8"
