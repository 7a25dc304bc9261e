"""No statement may ask every node of a distributed database for what one of them has: each names its shard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts.settings.package_data import find
from alerts.storage.named_queries import parse

ROOT = Path(__file__).resolve().parents[3]
SPREAD = re.compile(
    r"CREATE TABLE (\w+) \((?:(?!CREATE TABLE).)*?PRIMARY KEY \(shard\b", re.S
)  # tables whose primary key begins with the shard
ACROSS = {
    ("directory.sql", "suppressed"): "a page of the list of suppressed addresses, the newest first: not a hot path",
    ("directory.sql", "people"): "a page of the list of subscribers, in the order of registration: not a hot path",
}
"""Queries that may ask all shards, and why."""


def _tables() -> set[str]:
    files = find("migrations", "postgresql").rglob("*.sql")
    return {name for file in files for name in SPREAD.findall(file.read_text(encoding="utf-8"))}


def _statements() -> list[tuple[str, str, str]]:
    files = [file for root in ("alerts", "subscribers") for file in (ROOT / root).rglob("*.sql")]
    return [
        (file.name, name, sql)
        for file in sorted(files)
        if "migrations" not in file.parts
        for name, sql in parse(file.read_text(encoding="utf-8"), file.name).items()
    ]


def _touched(sql: str) -> set[str]:
    return {word for word in re.findall(r"(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)", sql, re.I) if word in _tables()}


def _names_its_shard(sql: str) -> bool:
    """By the rows inserted, or by a condition on it (an equality, a list, a range, a join)."""
    inserted = re.search(r"INSERT INTO \w+ \(\s*shard\b", sql)
    return bool(inserted or re.search(r"(?:WHERE|AND|ON)\s+(?:\w+\.)?shard\s*(?:=|IN\b|BETWEEN\b)", sql))


def test_the_big_tables_are_spread() -> None:
    assert {"deliveries", "attempts", "people", "contact_points"} <= _tables()


def test_statements_are_found() -> None:
    touching = [name for file, name, sql in _statements() if _touched(sql)]
    assert {"claim", "settle", "waiting", "due", "cards", "save"} <= set(touching)


@pytest.mark.parametrize(("file", "name", "sql"), [s for s in _statements() if _touched(s[2])])
def test_every_statement_names_its_shard(file: str, name: str, sql: str) -> None:
    assert _names_its_shard(sql) != ((file, name) in ACROSS), sql


@pytest.mark.parametrize(
    "text", ["SELECT 1 FROM deliveries WHERE notice = ?", "UPDATE people SET doc = ? WHERE id = ?"]
)
def test_one_without_is_noticed(text: str) -> None:
    assert _touched(text) and not _names_its_shard(text)


def test_no_statement_in_python_touches_them() -> None:
    spread = "|".join(sorted(_tables()))
    pattern = re.compile(rf"(?:SELECT [^\"]*FROM|INSERT INTO|UPDATE|DELETE FROM)\s+(?:{spread})\b")
    files = [f for root in ("alerts", "subscribers") for f in (ROOT / root).rglob("*.py") if "bench" not in f.parts]
    assert [str(f.relative_to(ROOT)) for f in files if pattern.search(f.read_text(encoding="utf-8"))] == []


def test_unique_keys_hold_the_shard_and_nothing_refers_across() -> None:
    """Citus takes no unique key without the distribution column, and we need no foreign key."""
    for file in find("migrations", "postgresql").rglob("*.sql"):
        text = file.read_text(encoding="utf-8")
        assert "REFERENCES" not in text
        for columns in re.findall(rf"UNIQUE INDEX \w+ ON (?:{'|'.join(_tables())}) \(([^)]*)\)", text):
            assert columns.startswith("shard"), file.name
