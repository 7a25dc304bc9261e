"""Number legends of the `.sql` files that read the delivery queue, held against the enums of `row_format`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts.delivery_queue import bounce_pause, row_format
from alerts.delivery_queue.row_format import LANE, STATE, DeliveryFlag

ROOT = Path(__file__).parents[3]
KINDS = {name.removeprefix("JOB_").lower(): number for name, number in vars(row_format).items() if "JOB_" in name}
NUMBERS: dict[str, dict[str, int]] = {
    "state": {str(name): number for name, number in STATE.items()},
    "ended": {str(name): number for name, number in STATE.items()},
    "flags": {str(flag.name): int(flag) for flag in DeliveryFlag},
    "channel": {},  # no statement names a channel by its number, so that a new one touches no SQL
    "lane": {str(name): number for name, number in LANE.items()},
    "kind": KINDS,
    "paused": {"PAUSED": bounce_pause.PAUSED, "RESUMED": bounce_pause.RESUMED},
}
"""Column → name → number."""
QUEUE_TABLES = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:jobs|deliveries|tallies|latencies)\b")
HEADING = re.compile(r"--   ([a-z]+(?:, [a-z]+)*): (.*)")
ITEM = re.compile(r"(\d+) ([A-Za-z_-]+)")
LITERAL = re.compile(r"\b(state|ended|flags|channel|lane|kind|paused)\s*(?:=|<>|&|IN)\s*\(?((?:\d+(?:,\s*)?)+)")


def product_sql() -> list[Path]:
    return sorted(path for room in ("alerts", "subscribers") for path in (ROOT / room).rglob("*.sql"))


def statements(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


def columns_used(text: str) -> set[str]:
    return {column for column in NUMBERS if re.search(rf"\b{column}\b", statements(text))}


def legend(text: str) -> dict[str, dict[str, int]]:
    """Column → name → number, as the comment at the head of a file says."""
    found: dict[str, dict[str, int]] = {}
    columns: list[str] = []
    for line in text.split("-- name:")[0].splitlines():
        if match := HEADING.match(line):
            columns, line = match[1].split(", "), match[2]
        elif not line.startswith("--       "):
            columns = []
        for column in columns:
            found.setdefault(column, {}).update({name: int(number) for number, name in ITEM.findall(line)})
    return found


QUEUE_SQL = [path for path in product_sql() if QUEUE_TABLES.search(statements(path.read_text()))]


def test_the_queue_files_are_found() -> None:
    assert {path.name for path in QUEUE_SQL} >= {"queue.sql", "requeue.sql", "statistics.sql"}


@pytest.mark.parametrize("path", QUEUE_SQL, ids=lambda path: str(path.relative_to(ROOT)))
def test_legend_matches_enums(path: Path) -> None:
    text = path.read_text()
    assert legend(text) == {column: NUMBERS[column] for column in columns_used(text)}


@pytest.mark.parametrize("path", QUEUE_SQL, ids=lambda path: str(path.relative_to(ROOT)))
def test_literals_are_in_the_legend(path: Path) -> None:
    text = path.read_text()
    said = legend(text)
    for column, numbers in LITERAL.findall(statements(text)):
        known = set(said[column].values())
        for number in map(int, re.findall(r"\d+", numbers)):
            bits = {1 << bit for bit in range(number.bit_length()) if number >> bit & 1}
            assert (bits if column == "flags" else {number}) <= known, f"{column} {number} in {path.name}"
